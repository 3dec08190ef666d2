"""Fields and states of a job."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass, field, fields
from decimal import Decimal
from enum import StrEnum
from typing import Any


class Status(StrEnum):
    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


TERMINAL = frozenset({Status.SUCCEEDED, Status.FAILED, Status.CANCELLED})

# RUNNING → QUEUED is a release: a Spot reclaim, a lost task or a failure that is worth another attempt.
# It always ends one attempt and the next begins with a higher number, so nothing finished is ever undone.
# QUEUED → FAILED is for a job that no task could be started for, as often as it was tried.
ALLOWED: dict[Status, frozenset[Status]] = {
    Status.QUEUED: frozenset({Status.RUNNING, Status.FAILED, Status.CANCELLED}),
    Status.RUNNING: frozenset({Status.QUEUED, *TERMINAL}),
    Status.SUCCEEDED: frozenset(),
    Status.FAILED: frozenset(),
    Status.CANCELLED: frozenset(),
}


def now() -> str:
    """The present instant, ISO 8601 in UTC with milliseconds; sorts as text."""
    return dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def seconds_between(start: str, end: str) -> float:
    """Seconds from one `now()` to another."""
    return (dt.datetime.fromisoformat(end) - dt.datetime.fromisoformat(start)).total_seconds()


@dataclass(frozen=True, kw_only=True)
class Job:
    """One row of the jobs table.

    attempt: how many launches so far; whoever holds an older number can change nothing any more.
    failures: attempts that ended badly; a Spot reclaim is not one.
    reason: why the job is where it is, for people.
    receipt: receipt handle of the message that stands for the job in its queue.
    dead_lettered: the job's message is in the dead-letter queue; a redrive runs it again.
    summary, document_key: what notices say, and the object of the results bucket that they link to.
    cost_usd: Fargate list price of the last attempt (`jobs.cost`).
    peak_memory_mb: most memory that the last attempt held, in MiB; what the manifest asks for should be a little more.
    """

    job_id: str
    worker: str
    input: dict[str, Any]
    status: Status = Status.QUEUED
    created_at: str = field(default_factory=now)
    started_at: str | None = None
    completed_at: str | None = None
    duration_seconds: float | None = None
    attempt: int = 0
    failures: int = 0
    reason: str | None = None
    receipt: str | None = None
    task_arn: str | None = None
    capacity_provider: str | None = None
    dead_lettered: bool = False
    engine: str | None = None
    result_bucket: str | None = None
    result_key: str | None = None
    summary: str | None = None
    document_key: str | None = None
    cost_usd: float | None = None
    peak_memory_mb: int | None = None
    request_hash: str | None = None
    expires_at: int | None = None

    @property
    def untouched(self) -> bool:
        """Whether nothing has happened to it since it was recorded; even its message may not have been sent."""
        return self.status is Status.QUEUED and self.attempt == 0

    @property
    def sort_key(self) -> str:
        """Newest-first listing order: creation time, then id."""
        return f"{self.created_at}#{self.job_id}"

    def to_item(self) -> dict[str, Any]:
        """The DynamoDB item. Absent fields are left out; `input` is JSON text, which keeps its number types."""
        item = {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name) is not None}
        item |= {"input": json.dumps(self.input), "status": str(self.status)}
        item |= {"listing": listing_key(self.worker, self.status), "sort_key": self.sort_key}
        return {name: Decimal(str(value)) if isinstance(value, float) else value for name, value in item.items()}

    @classmethod
    def from_item(cls, item: dict[str, Any]) -> Job:
        """The inverse of `to_item`; attributes unknown to this version are ignored."""
        known = {f.name: item[f.name] for f in fields(cls) if f.name in item}
        for name in ("attempt", "failures", "expires_at", "peak_memory_mb"):
            if name in known:
                known[name] = int(known[name])
        for name in ("duration_seconds", "cost_usd"):
            if name in known:
                known[name] = float(known[name])
        return cls(**known | {"input": json.loads(item["input"]), "status": Status(item["status"])})


def listing_key(worker: str, status: Status) -> str:
    """Partition of the `listing` index: one for each worker and status."""
    return f"{worker}#{status}"
