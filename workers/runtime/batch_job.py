"""A container that runs one job of AWS Batch, or one part of an array job.

Batch decides by the exit code whether there is another attempt: see the job definition's retry strategy.
"""

from __future__ import annotations

import json
import time
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
from workers.runtime.objects import RESULT_NAME, BadInput, Objects
from workers.runtime.settings import BatchSettings, Settings

ERROR_NAME = "error.json"
FAILED = 1  # another attempt may go better
FINAL = 64  # no attempt would: the input cannot be used, or it takes too long
OUT_OF_MEMORY = 137  # an attempt with more memory may go better; what the kernel's own kill looks like
TERMINATED = 143


def run(settings: Settings, batch: BatchSettings, log: Logger, events: Events) -> int:
    """Run it, write down what became of it, return the exit code."""
    began = time.monotonic()
    keys: dict[str, Any] = {} if batch.index is None else {"index": batch.index}
    log.append_keys(job_id=batch.job_id, key=batch.key, worker=settings.worker, attempt=batch.attempt, **keys)
    prefix = "/".join(str(part) for part in (settings.worker, batch.key, batch.index) if part is not None)
    with Execution(events) as execution:
        outcome = _outcome(settings, batch, prefix, execution)
    code = _end(settings, log, prefix, outcome, batch.attempt)
    if not isinstance(outcome, Interrupted):
        _emit(settings, batch, time.monotonic() - began, failed=code != 0)
    return code


def _outcome(settings: Settings, batch: BatchSettings, prefix: str, execution: Execution) -> Outcome:
    try:
        input = _input(settings, batch)
    except BadInput as error:
        return Refused(readable(str(error)))
    return execution.run(
        Call(
            job_id=batch.job_id,
            attempt=batch.attempt,
            input=input,
            prefix=prefix,
            seconds=settings.timeout_seconds,
            index=batch.index or 0,
            size=batch.size,
        )
    )


def _input(settings: Settings, batch: BatchSettings) -> dict[str, Any]:
    """`BadInput`"""
    text: str | bytes = batch.input or ""
    if batch.input_key:
        uploads = Objects(uploads=settings.uploads_bucket, results=settings.results_bucket, prefix="")
        text = uploads.read(None, batch.input_key)
    if not text:
        raise BadInput("the job was submitted without an input")
    try:
        input = json.loads(text)
    except ValueError as error:
        raise BadInput(f"the input is no JSON: {error}") from error
    if not isinstance(input, dict):
        raise BadInput("the input is no JSON object")
    return input


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
            log.info("told to stop (SIGTERM), as at a Spot reclaim or a cancelled job")
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


def _emit(settings: Settings, batch: BatchSettings, seconds: float, *, failed: bool) -> None:
    metrics = telemetry.metrics(settings, job_id=batch.job_id, attempt=batch.attempt)
    used = 100 * telemetry.peak_memory_mb() / (batch.memory_gb * 1024)
    metrics.add_metric("MemoryUsed", MetricUnit.Percent, round(used, 1))
    telemetry.emit(metrics, seconds, AttemptsFailed=int(failed))
