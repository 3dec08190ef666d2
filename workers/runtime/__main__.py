"""Command of every worker's container: `python -m workers.runtime`. Configured by environment variables."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from workers.runtime.execution import Event, Events

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger


def main() -> int:
    events = Events()
    # Before the imports that take long: the kernel drops a SIGTERM that process 1 has no handler for.
    signal.signal(signal.SIGTERM, lambda *_: events.put(Event.TERMINATED))
    from workers.runtime import settings, telemetry

    log = telemetry.logger(os.environ.get("WORKER", "runtime"))
    try:
        run = _mode(events, log)
    except settings.SettingsError as error:
        log.error(str(error))
        return 2
    try:
        return run()
    except Exception as error:
        # Whatever was not written down: messages come back, and the records say what is left to do.
        log.exception("the task failed", error=str(error))
        return 1


def _mode(events: Events, log: Logger) -> Callable[[], int]:
    """What this task has to do: work off a queue, or run one job: of Batch, Kubernetes or the API. `SettingsError`"""
    from workers.runtime import settings

    mode = settings.mode(os.environ)
    if mode == "queue":
        common, queue = settings.load_queue(os.environ)
        _name_region(common.region)
        from workers.runtime import queue_service

        return lambda: queue_service.run(common, queue, log, events)
    if mode == "batch":
        common, batch = settings.load_batch(os.environ)
        _name_region(common.region)
        from workers.runtime import batch_job

        return lambda: batch_job.run(common, batch, log, events)
    if mode == "kubernetes":
        common, kubernetes = settings.load_kubernetes(os.environ)
        _name_region(common.region)
        from workers.runtime import kubernetes_job

        return lambda: kubernetes_job.run(common, kubernetes, log, events)
    common, api = settings.load_api(os.environ)
    _name_region(common.region)
    from workers.runtime import api_job

    return lambda: api_job.run(common, api, log, events)


def _name_region(region: str) -> None:
    os.environ.setdefault("AWS_DEFAULT_REGION", region)  # boto3 does not read AWS_REGION


if __name__ == "__main__":
    sys.exit(main())
