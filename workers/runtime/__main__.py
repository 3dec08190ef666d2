"""Command of every worker's container: `python -m workers.runtime`. Configured by environment variables."""

from __future__ import annotations

import os
import signal
import sys

from workers.runtime.execution import Event, Events


def main() -> int:
    events = Events()
    # Before the imports that take long: the kernel drops a SIGTERM that process 1 has no handler for.
    signal.signal(signal.SIGTERM, lambda *_: events.put(Event.TERMINATED))
    from workers.runtime import api_job, settings, telemetry

    log = telemetry.logger(os.environ.get("WORKER", "runtime"))
    try:
        common, api = settings.load_api(os.environ)
    except settings.SettingsError as error:
        log.error(str(error))
        return 2
    os.environ.setdefault("AWS_DEFAULT_REGION", common.region)  # boto3 does not read AWS_REGION
    try:
        return api_job.run(common, api, log, events)
    except Exception as error:
        # Whatever was not written down: the message comes back, and the launcher sees from the record what to do.
        log.exception("the task failed", error=str(error))
        return 1


if __name__ == "__main__":
    sys.exit(main())
