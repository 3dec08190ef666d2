"""A job: its state, and how the API and the events show it."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sandbox.compute.batch.declared import Definition, Queue

if TYPE_CHECKING:
    from sandbox.compute.batch.container import Container

STATES = ("SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING", "SUCCEEDED", "FAILED")
ENDED = ("SUCCEEDED", "FAILED")
DEPENDENCY_FAILED = "Dependent Job failed"
CHILD_FAILED = "Array Child Job failed"
_arrivals = itertools.count()


@dataclass(eq=False, kw_only=True)
class Job:
    """
    container: of the definition, with the submission's overrides. retry: strategy.
    share, priority: for a queue with a share policy. needs: jobs that must have succeeded before.
    size, children: of an array, 0 and empty otherwise. parent, index: of an array's child, None otherwise.
    created_at, started_at, stopped_at: milliseconds of the epoch.
    """

    id: str
    arn: str
    name: str
    queue: Queue
    definition: Definition
    container: Mapping[str, Any]
    retry: Mapping[str, Any]
    timeout_seconds: float | None
    created_at: int
    depends_on: list[dict[str, str]] = field(default_factory=list)
    share: str = ""
    priority: int = 0
    tags: Mapping[str, str] = field(default_factory=dict)
    size: int = 0
    parent: Job | None = None
    index: int | None = None
    order: int = field(default_factory=lambda: next(_arrivals))

    status: str = "SUBMITTED"
    status_reason: str = ""
    started_at: int | None = None
    stopped_at: int | None = None
    attempts: list[dict[str, Any]] = field(default_factory=list)
    needs: list[Job] = field(default_factory=list)
    dependents: list[Job] = field(default_factory=list)
    children: list[Job] = field(default_factory=list)
    cancelled: str | None = None
    terminated: str | None = None
    process: Container | None = None

    @property
    def ended(self) -> bool:
        return self.status in ENDED

    @property
    def vcpus(self) -> float:
        return float(self._requirement("VCPU"))

    @property
    def memory(self) -> int:
        """MiB."""
        return int(self._requirement("MEMORY"))

    def _requirement(self, kind: str) -> str:
        return next(item["value"] for item in self.container["resourceRequirements"] if item["type"] == kind)

    def family(self) -> Iterator[Job]:
        """Itself, or an array's children."""
        return iter(self.children or [self])

    def summary(self) -> dict[str, Any]:
        """As in ListJobs."""
        shown: dict[str, Any] = {
            "jobId": self.id,
            "jobArn": self.arn,
            "jobName": self.name,
            "jobDefinition": self.definition.arn,
            "createdAt": self.created_at,
            "status": self.status,
            **self._times(),
        }
        if self.status_reason:
            shown["statusReason"] = self.status_reason
        if self.share:
            shown["shareIdentifier"] = self.share
        if self.attempts:
            last = self.attempts[-1]["container"]
            shown["container"] = {key: last[key] for key in ("exitCode", "reason") if key in last}
        return shown | self._array()

    def describe(self) -> dict[str, Any]:
        """As in DescribeJobs, and in events."""
        shown = self.summary() | {
            "jobQueue": self.queue.arn,
            "attempts": self.attempts,
            "retryStrategy": {"evaluateOnExit": [], **self.retry},
            "dependsOn": self.depends_on,
            "parameters": {},
            "platformCapabilities": list(self.definition.description.get("platformCapabilities") or ["EC2"]),
            "tags": dict(self.tags),
            "propagateTags": bool(self.definition.description.get("propagateTags")),
            "isCancelled": self.cancelled is not None,
            "isTerminated": self.terminated is not None,
            "container": {**self.container, **self._latest()},
        }
        if self.share:
            shown["schedulingPriority"] = self.priority
        if self.timeout_seconds:
            shown["timeout"] = {"attemptDurationSeconds": int(self.timeout_seconds)}
        return shown

    def _latest(self) -> Mapping[str, Any]:
        """Of the container of the latest attempt, what is known."""
        if self.process and self.status == "RUNNING":
            return {"taskArn": self.process.task_arn, "logStreamName": self.process.log_stream}
        return self.attempts[-1]["container"] if self.attempts else {}

    def _times(self) -> dict[str, int]:
        times = {"startedAt": self.started_at, "stoppedAt": self.stopped_at}
        return {name: value for name, value in times.items() if value is not None}

    def _array(self) -> dict[str, Any]:
        if self.parent:
            return {"arrayProperties": {"index": self.index, "statusSummary": {}}}
        if not self.children:
            return {}
        count = Counter(child.status for child in self.children)
        summary = {state: count[state] for state in STATES}
        return {"arrayProperties": {"size": self.size, "statusSummary": summary}}
