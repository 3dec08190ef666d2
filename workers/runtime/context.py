"""What `handle(input, context)` is given beside its input."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from workers.runtime.objects import BadInput, Objects

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger
    from aws_lambda_powertools.metrics import EphemeralMetrics

    from workers.engines import Engine

__all__ = ["BadInput", "Context", "Downstream"]


class Downstream(Exception):
    """Something the worker depends on is failing, whatever the input: the message is tried again and not blamed.

    A queue worker that meets this several times in a row stops receiving for a while.
    """


@dataclass(frozen=True, kw_only=True)
class Context:
    """One job or message, as the worker sees it.

    job_id: the job's id, or the message's idempotency key; a second run for the same work has the same.
    attempt: 1 for the first; a later attempt writes the same objects again.
    log: JSON lines that carry job_id, worker and attempt. Never log input values.
    metrics: CloudWatch metrics of the worker's own; the runtime flushes them when handle() has ended.
    workdir: an empty folder on the scratch volume, wiped afterwards.
    objects: reads uploads, writes results.
    uploads: name of the bucket that an input without `bucket` means. results: of the bucket that `objects` writes to.
    engine: the model to ask; None where none is deployed, and then the worker answers by its own means.
    deadline: when it is stopped for taking too long, on the clock of time.monotonic().
    index, size: of an array job, which part this is, from 0, and of how many; 0 of 1 otherwise.
    """

    job_id: str
    worker: str
    attempt: int
    log: Logger
    metrics: EphemeralMetrics
    workdir: Path
    objects: Objects
    uploads: str
    results: str
    engine: Engine | None
    deadline: float
    index: int = 0
    size: int = 1

    def remaining_seconds(self) -> float:
        """Seconds until the timeout; 0 once it is over."""
        return max(0.0, self.deadline - time.monotonic())
