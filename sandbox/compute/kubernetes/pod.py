"""A pod: what it is to run, and what has become of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from sandbox.compute.kubernetes.times import timestamp

if TYPE_CHECKING:
    from sandbox.compute.kubernetes.job import Job

DISRUPTION = "DisruptionTarget"


@dataclass(frozen=True)
class Ending:
    """exit_code: None if the container never ran. reason: as Kubernetes has it: Completed, Error, OOMKilled …"""

    exit_code: int | None
    reason: str
    message: str = ""


class Process(Protocol):
    """What runs a pod's container. It tells when it begins, and once how it ended."""

    def stop(self) -> None:
        """SIGTERM now, SIGKILL once the pod's grace period is over."""
        ...

    def kill(self) -> None:
        """SIGKILL."""
        ...

    def exhaust(self) -> None:
        """End it as the kernel does when it holds too much memory."""
        ...

    def join(self) -> None:
        """Wait until nothing is left of it."""
        ...


@dataclass(eq=False, kw_only=True)
class Pod:
    """
    manifest: metadata and spec. index: completion index, None of a Job without. created_at and the like: by the clock.
    deleted: whether it is to go. tracked: whether its end counts for its Job; one that the Job has given up does not.
    """

    job: Job
    manifest: Mapping[str, Any]
    index: int | None
    created_at: float
    phase: str = "Pending"
    started_at: float | None = None
    ended_at: float | None = None
    ending: Ending | None = None
    conditions: list[dict[str, Any]] = field(default_factory=list)
    waits_for: str = ""
    deleted: bool = False
    tracked: bool = True
    process: Process | None = None

    @property
    def name(self) -> str:
        return self.manifest["metadata"]["name"]

    @property
    def namespace(self) -> str:
        return self.manifest["metadata"]["namespace"]

    @property
    def path(self) -> str:
        return f"{self.namespace}/{self.name}"

    @property
    def container(self) -> Mapping[str, Any]:
        return self.manifest["spec"]["containers"][0]

    @property
    def exit_code(self) -> int | None:
        return self.ending.exit_code if self.ending else None

    @property
    def ended(self) -> bool:
        return self.ending is not None

    @property
    def active(self) -> bool:
        """Pending or running, and meant to be."""
        return not self.ended and not self.deleted

    def disrupt(self, reason: str, message: str, now: float) -> None:
        """Source: Kubernetes documentation, Disruptions, pod disruption conditions."""
        condition = {"type": DISRUPTION, "status": "True", "reason": reason, "message": message}
        self.conditions.append({**condition, "lastTransitionTime": timestamp(now)})

    def describe(self) -> dict[str, Any]:
        """As `kubectl get pod --output json` has it."""
        status: dict[str, Any] = {"phase": self.phase, "conditions": self.conditions}
        state: dict[str, Any] = {"waiting": {"reason": "ContainerCreating", "message": self.waits_for}}
        if self.started_at is not None:
            status["startTime"] = timestamp(self.started_at)
            state = {"running": {"startedAt": timestamp(self.started_at)}}
        if self.ending and self.ended_at is not None:
            ended = {"exitCode": self.ending.exit_code, "reason": self.ending.reason, "message": self.ending.message}
            state = {"terminated": {**ended, "finishedAt": timestamp(self.ended_at)}}
        status["containerStatuses"] = [{"name": self.container["name"], "state": state}]
        return {"apiVersion": "v1", "kind": "Pod", **self.manifest, "status": status}
