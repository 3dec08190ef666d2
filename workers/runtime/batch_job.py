"""A container that runs one job of AWS Batch, or one part of an array job."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools import Logger

from workers.runtime import contained
from workers.runtime.execution import Events
from workers.runtime.objects import Objects
from workers.runtime.settings import BatchSettings, Settings


def run(settings: Settings, batch: BatchSettings, log: Logger, events: Events) -> int:
    """Run it, write down what became of it, return the exit code."""
    job = contained.Job(
        id=batch.job_id,
        key=batch.key,
        attempt=batch.attempt,
        index=batch.index,
        size=batch.size,
        memory_gb=batch.memory_gb,
    )
    return contained.run(settings, job, lambda: _input(settings, batch), log, events)


def _input(settings: Settings, batch: BatchSettings) -> dict[str, Any]:
    """`BadInput`"""
    if not batch.input_key:
        return contained.json_object(batch.input or "")
    uploads = Objects(uploads=settings.uploads_bucket, results=settings.results_bucket, prefix="")
    return contained.json_object(uploads.read(None, batch.input_key))
