"""Runs a worker once to see whether its image is fit: `python -m workers.runtime.canary`.

In an environment like that of its tasks. CANARY_INPUT: what handle() is called with, as JSON; without it the worker is
only loaded, which finds a missing package, a wrong architecture, a syntax error. Exit code 0 if all went well.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from queue import Empty, SimpleQueue

from workers.runtime import settings, telemetry
from workers.runtime.execution import Call, Outcome, Result, crashed, outcome_of, timed_out
from workers.runtime.process import Line, WorkerProcess


def main() -> int:
    log = telemetry.logger(os.environ.get("WORKER", "runtime"))
    try:
        common = settings.load(os.environ)
    except settings.SettingsError as error:
        log.error(str(error))
        return 2
    os.environ.setdefault("AWS_DEFAULT_REGION", common.region)  # boto3 does not read AWS_REGION
    sample = os.environ.get("CANARY_INPUT")
    outcome = _run(common, json.loads(sample) if sample else None)
    if outcome is None or isinstance(outcome, Result):
        log.info("the canary lives", sampled=sample is not None)
        return 0
    log.error("the canary died", outcome=type(outcome).__name__, reason=getattr(outcome, "reason", ""))
    return 1


def _run(common: settings.Settings, input: dict[str, object] | None) -> Outcome | None:
    """What became of it; None if the worker was loaded and there was nothing to call it with."""
    heard: SimpleQueue[Line | None] = SimpleQueue()  # None: the process has ended

    def hear(_: WorkerProcess, lines: Sequence[Line]) -> None:
        for line in lines:
            heard.put(line)

    process = WorkerProcess(lanes=1, told=hear, ended=lambda _: heard.put(None))
    try:
        line = heard.get(timeout=common.timeout_seconds)
        if line is not None and "ready" in line:
            if input is None:
                return None
            prefix = f"{common.worker}/canary"
            call = Call(job_id="canary", attempt=1, input=input, prefix=prefix, seconds=common.timeout_seconds)
            process.send([call.line(1)])
            line = heard.get(timeout=common.timeout_seconds)
    except Empty:
        return timed_out(common.timeout_seconds)
    finally:
        process.close()
    return crashed(process.returncode) if line is None else outcome_of(line)


if __name__ == "__main__":
    sys.exit(main())
