"""A Job: which pods it wants, what it makes of their ends, and when it is over.

Source: Kubernetes documentation, Jobs; the order of decisions is that of the Job controller's syncJob and manageJob.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from sandbox.compute.kubernetes.failures import FAIL_INDEX, FAIL_JOB, IGNORE, Failures, verdict
from sandbox.compute.kubernetes.indexes import indexes_text
from sandbox.compute.kubernetes.pod import Pod
from sandbox.compute.kubernetes.times import timestamp

if TYPE_CHECKING:
    from sandbox.compute.kubernetes.cluster import Kubernetes

BACKOFF_LIMIT = 6  # of a Job that says none, and has none for each index


class Job:
    """pods: those that it has made and that still exist, ended ones too. Its owner holds the cluster's lock."""

    kind = "Job"

    def __init__(self, cluster: Kubernetes, manifest: dict[str, Any]):
        self._cluster, self.manifest = cluster, manifest
        self.created_at = cluster.now()
        self.pods: list[Pod] = []
        self.succeeded_indexes: set[int] = set()
        self.failed_indexes: set[int] = set()
        self.conditions: list[dict[str, Any]] = []
        self.start_time: float | None = None
        self.completion_time: float | None = None
        self.finished_at: float | None = None
        self.removed = False
        self._succeeded, self._failed = 0, 0
        self._doom: tuple[str, str] | None = None
        self._failures = Failures()
        self._failures_of: dict[int, Failures] = {}

    @property
    def metadata(self) -> dict[str, Any]:
        return self.manifest["metadata"]

    @property
    def name(self) -> str:
        return self.metadata["name"]

    @property
    def namespace(self) -> str:
        return self.metadata["namespace"]

    @property
    def spec(self) -> dict[str, Any]:
        return self.manifest["spec"]

    @property
    def indexed(self) -> bool:
        return self.spec.get("completionMode") == "Indexed"

    @property
    def completions(self) -> int:
        return self.spec.get("completions", 1)

    @property
    def parallelism(self) -> int:
        return self.spec.get("parallelism", 1)

    @property
    def suspended(self) -> bool:
        return bool(self.spec.get("suspend"))

    @property
    def succeeded(self) -> int:
        return len(self.succeeded_indexes) if self.indexed else self._succeeded

    @property
    def finished(self) -> str | None:
        """`Complete` or `Failed`; None as long as it is neither."""
        return next((one["type"] for one in self.conditions if one["type"] in ("Complete", "Failed")), None)

    def pod_ended(self, pod: Pod) -> None:
        """Count it, once."""
        if not pod.tracked:
            self.pods.remove(pod)
        elif pod.phase == "Succeeded":
            self._failures = Failures()
            self._succeeded += 1
            if pod.index is not None:
                self.succeeded_indexes.add(pod.index)
        else:
            self._note_failure(pod)

    def _note_failure(self, pod: Pod) -> None:
        action, why = verdict(self.spec.get("podFailurePolicy"), pod)
        ignored = action == IGNORE
        self._failed += not ignored
        self._failures.add(self._cluster.now(), ignored=ignored)
        if action == FAIL_JOB:
            self._doom = self._doom or ("PodFailurePolicy", why)
        if pod.index is not None and self._limit_per_index is not None:
            failures = self._failures_of.setdefault(pod.index, Failures())
            failures.add(self._cluster.now(), ignored=ignored)
            if action == FAIL_INDEX or (not ignored and failures.counted > self._limit_per_index):
                self.failed_indexes.add(pod.index)

    @property
    def _limit_per_index(self) -> int | None:
        return self.spec.get("backoffLimitPerIndex")

    def failures(self, index: int | None) -> Failures | None:
        """Of an index; None if they are not counted for each."""
        if index is None or self._limit_per_index is None:
            return None
        return self._failures_of.get(index, Failures())

    def sync(self) -> None:
        """Bring the pods nearer to what is wanted, and the status up to date."""
        if self.finished or self.removed:
            return
        if not self.suspended and self.start_time is None:
            self._begin()
        active = [pod for pod in self.pods if pod.active]
        self._doom = self._doom or self._failure()
        if self._doom:
            self._set("FailureTarget", *self._doom)
            for pod in active:
                self._cluster.delete_pod(pod)
        elif self.suspended:
            self._suspend(active)
        else:
            self._manage(active)
        if all(pod.ended for pod in self.pods):
            if self._doom:
                self._finish("Failed", *self._doom)
            elif self.succeeded >= self.completions:
                said = ("CompletionsReached", "Reached expected number of succeeded pods")
                self._set("SuccessCriteriaMet", *said)
                self._finish("Complete", *said)

    def _begin(self) -> None:
        """Also after it was suspended: a deadline counts the time that a Job is active at a stretch."""
        self.start_time = self._cluster.now()
        if any(condition["type"] == "Suspended" for condition in self.conditions):
            self._set("Suspended", "JobResumed", "Job resumed", status="False")
            self._cluster.tell(self, "Normal", "Resumed", "Job resumed")
        if deadline := self.spec.get("activeDeadlineSeconds"):
            self._cluster.sync_at(self.start_time + deadline, self)

    def _suspend(self, active: list[Pod]) -> None:
        for pod in active:
            self._give_up(pod)
        if self._set("Suspended", "JobSuspended", "Job suspended"):
            self._cluster.tell(self, "Normal", "Suspended", "Job suspended")
        self.start_time = None

    def _failure(self) -> tuple[str, str] | None:
        """Why the Job has failed, as reason and message."""
        limit = self.spec.get("backoffLimit", BACKOFF_LIMIT if self._limit_per_index is None else None)
        if limit is not None and self._failed > limit:
            return "BackoffLimitExceeded", "Job has reached the specified backoff limit"
        deadline = self.spec.get("activeDeadlineSeconds")
        if deadline and self.start_time is not None and self._cluster.now() >= self.start_time + deadline:
            return "DeadlineExceeded", "Job was active longer than specified deadline"
        most = self.spec.get("maxFailedIndexes")
        if most is not None and len(self.failed_indexes) > most:
            return "MaxFailedIndexesExceeded", "Job has exceeded the specified maximal number of failed indexes"
        if self.failed_indexes and len(self.failed_indexes | self.succeeded_indexes) >= self.completions:
            return "FailedIndexes", "Job has failed indexes"
        return None

    def _manage(self, active: list[Pod]) -> None:
        wanted = max(0, min(self.parallelism, self.completions - self.succeeded))
        if len(active) > wanted:
            for pod in sorted(active, key=lambda pod: pod.phase == "Running")[: len(active) - wanted]:
                self._give_up(pod)
            return
        # What still terminates is in the way: podReplacementPolicy Failed, which a pod failure policy implies.
        occupying = [pod for pod in self.pods if not pod.ended]
        for index in self._ready(wanted - len(occupying), {pod.index for pod in occupying}):
            if not self._cluster.create_pod(self, index):
                return

    def _ready(self, room: int, occupied: set[int | None]) -> Iterator[int | None]:
        """Indexes (None of a Job without) for which there may be a pod now.

        An index in its back-off keeps its place among the first: with a parallelism of one, those behind it wait.
        """
        now = self._cluster.now()
        if room > 0 and self._limit_per_index is None and (over_at := self._failures.over_at) > now:
            self._cluster.sync_at(over_at, self)
            return
        if not self.indexed:
            yield from itertools.repeat(None, max(0, room))
            return
        done = self.succeeded_indexes | self.failed_indexes
        pending = (index for index in range(self.completions) if index not in done and index not in occupied)
        for index in itertools.islice(pending, max(0, room)):
            over_at = self._failures_of[index].over_at if index in self._failures_of else 0
            if over_at > now:
                self._cluster.sync_at(over_at, self)
            else:
                yield index

    def _give_up(self, pod: Pod) -> None:
        """Its end will count neither as a success nor as a failure."""
        pod.tracked = False
        self._cluster.delete_pod(pod)

    def _finish(self, kind: str, reason: str, message: str) -> None:
        self._set(kind, reason, message)
        self.finished_at = self._cluster.now()
        if kind == "Complete":
            self.completion_time = self.finished_at
            self._cluster.tell(self, "Normal", "Completed", "Job completed")
        else:
            self._cluster.tell(self, "Warning", reason, message)
        self._cluster.job_finished(self)

    def _set(self, kind: str, reason: str, message: str, status: str = "True") -> bool:
        """Set a condition; whether that has changed anything."""
        known = next((one for one in self.conditions if one["type"] == kind), None)
        if known and known["status"] == status:
            return False
        now = timestamp(self._cluster.now())
        condition = {"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": now}
        self.conditions = [one for one in self.conditions if one is not known] + [condition]
        return True

    def describe(self) -> dict[str, Any]:
        """As `kubectl get job --output json` has it."""
        status: dict[str, Any] = {
            "active": sum(pod.active for pod in self.pods),
            "ready": sum(pod.active and pod.phase == "Running" for pod in self.pods),
            "terminating": sum(pod.deleted and not pod.ended for pod in self.pods),
            "succeeded": self.succeeded,
            "failed": self._failed,
            "conditions": self.conditions,
        }
        if self.indexed:
            status["completedIndexes"] = indexes_text(self.succeeded_indexes)
            if self._limit_per_index is not None:
                status["failedIndexes"] = indexes_text(self.failed_indexes)
        for name, instant in (("startTime", self.start_time), ("completionTime", self.completion_time)):
            if instant is not None:
                status[name] = timestamp(instant)
        return {"apiVersion": "batch/v1", **self.manifest, "kind": "Job", "status": status}

    def summary(self) -> dict[str, Any]:
        """For people. pods: those that have not ended, and for what one waits."""
        state = self.finished or ("Suspended" if self.suspended else "Failing" if self._doom else "Running")
        alive = [pod for pod in self.pods if not pod.ended]
        return {
            "name": self.name,
            "state": f"{state} ({self._doom[0]})" if self._doom else state,
            "succeeded": self.succeeded,
            "completions": self.completions,
            "failed": self._failed,
            "pods": [f"{pod.name} {pod.phase}{': ' + pod.waits_for if pod.waits_for else ''}" for pod in alive],
        }
