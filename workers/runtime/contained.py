"""A container that runs one job, or one part of one, and says by its exit code how that went.

AWS Batch and Kubernetes decide by the code whether there is another attempt: see the job definition's retry strategy,
and the Job's pod failure policy.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import MetricUnit

from workers.runtime import telemetry
from workers.runtime.clients import client
from workers.runtime.execution import (
    Call,
    Crashed,
    Events,
    Execution,
    Interrupted,
    LackedMemory,
    Outcome,
    Refused,
    Result,
    TimedOut,
    readable,
)
from workers.runtime.faults import AwsError
from workers.runtime.objects import RESULT_NAME, BadInput
from workers.runtime.settings import Settings

ERROR_NAME = "error.json"
FAILED = 1  # another attempt may go better
FINAL = 64  # no attempt would: the input cannot be used, or it takes too long
OUT_OF_MEMORY = 137  # an attempt with more memory may go better; what the kernel's own kill looks like
TERMINATED = 143


@dataclass(frozen=True, kw_only=True)
class Job:
    """
    key: results go below `<worker>/<key>`, of a part below its index there.
    index: of the part, None for a job that has none. size: number of parts, 1 otherwise. memory_gb: of the container.
    """

    id: str
    key: str
    attempt: int
    index: int | None
    size: int
    memory_gb: float


def run(settings: Settings, job: Job, read_input: Callable[[], dict[str, Any]], log: Logger, events: Events) -> int:
    """Run it, write down what became of it, return the exit code. read_input: may raise `BadInput`."""
    began = time.monotonic()
    keys: dict[str, Any] = {} if job.index is None else {"index": job.index}
    log.append_keys(job_id=job.id, key=job.key, worker=settings.worker, attempt=job.attempt, **keys)
    prefix = "/".join(str(part) for part in (settings.worker, job.key, job.index) if part is not None)
    with Execution(events) as execution:
        outcome = _outcome(settings, job, read_input, prefix, execution)
    code = _end(settings, log, prefix, outcome, job.attempt)
    if not isinstance(outcome, Interrupted):
        _emit(settings, job, time.monotonic() - began, failed=code != 0)
    return code


def json_object(text: str | bytes) -> dict[str, Any]:
    """What an input says. `BadInput`"""
    if not text:
        raise BadInput("the job was submitted without an input")
    try:
        input = json.loads(text)
    except ValueError as error:
        raise BadInput(f"the input is no JSON: {error}") from error
    if not isinstance(input, dict):
        raise BadInput("the input is no JSON object")
    return input


def _outcome(
    settings: Settings, job: Job, read_input: Callable[[], dict[str, Any]], prefix: str, execution: Execution
) -> Outcome:
    try:
        input = read_input()
    except BadInput as error:
        return Refused(readable(str(error)))
    return execution.run(
        Call(
            job_id=job.id,
            attempt=job.attempt,
            input=input,
            prefix=prefix,
            seconds=settings.timeout_seconds,
            index=job.index or 0,
            size=job.size,
        )
    )


def _end(settings: Settings, log: Logger, prefix: str, outcome: Outcome, attempt: int) -> int:
    """Write the result, or why there is none; the exit code."""
    match outcome:
        case Result():
            try:
                _write(settings, f"{prefix}/{RESULT_NAME}", outcome.body)
            except AwsError as error:
                log.error("the result could not be stored", error=str(error))
                return FAILED
            log.info("job succeeded", engine=outcome.engine)
            return 0
        case Interrupted():
            log.info("told to stop (SIGTERM), as when the machine is taken back or the job is cancelled")
            return TERMINATED
        case Refused() | TimedOut():
            code = FINAL
        case Crashed(killed=True) | LackedMemory():
            code = OUT_OF_MEMORY
        case _:
            code = FAILED
    log.error("attempt failed", reason=outcome.reason, exit_code=code)
    error = {"reason": outcome.reason, "attempt": attempt, "final": code == FINAL}
    try:
        _write(settings, f"{prefix}/{ERROR_NAME}", json.dumps(error))
    except AwsError as failure:
        log.error("the reason could not be stored", error=str(failure))
    return code


def _write(settings: Settings, key: str, body: str) -> None:
    client("s3").put_object(Bucket=settings.results_bucket, Key=key, Body=body.encode(), ContentType="application/json")


def _emit(settings: Settings, job: Job, seconds: float, *, failed: bool) -> None:
    metrics = telemetry.metrics(settings, job_id=job.id, attempt=job.attempt)
    used = 100 * telemetry.peak_memory_mb() / (job.memory_gb * 1024)
    metrics.add_metric("MemoryUsed", MetricUnit.Percent, round(used, 1))
    telemetry.emit(metrics, seconds, AttemptsFailed=int(failed))
