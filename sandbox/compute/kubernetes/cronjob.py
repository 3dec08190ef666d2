"""A CronJob: when it starts Jobs, and which of them it keeps.

Source: Kubernetes documentation, CronJob; the order of decisions is that of the CronJob controller's syncCronJob.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from sandbox.compute.kubernetes.job import Job
from sandbox.compute.kubernetes.times import timestamp
from schedules import Crontab

if TYPE_CHECKING:
    from sandbox.compute.kubernetes.cluster import Kubernetes

SCHEDULED = "batch.kubernetes.io/cronjob-scheduled-timestamp"
MANUAL = "cronjob.kubernetes.io/instantiate"
MAX_MISSED = 100


class CronJob:
    """active: Jobs that it has started and that have not ended. Its owner holds the cluster's lock.

    Raises `schedules.Unreadable` for a schedule, LookupError for a time zone that Kubernetes would not take.
    """

    kind = "CronJob"

    def __init__(self, cluster: Kubernetes, manifest: dict[str, Any]):
        self._cluster = cluster
        self.created_at = cluster.now()
        self.active: list[Job] = []
        self.last_schedule_time: float | None = None
        self.last_successful_time: float | None = None
        self.removed = False
        self.change(manifest)

    def change(self, manifest: dict[str, Any]) -> None:
        """What it is to be from now on."""
        self.manifest = manifest
        self._schedule = Crontab.parse(self.spec["schedule"])
        self.zone: dt.tzinfo = ZoneInfo(self.spec["timeZone"]) if self.spec.get("timeZone") else dt.UTC

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

    def sync(self) -> None:
        """Start the Job that is due, if there is one."""
        if self.removed:
            return
        self._clean_up()
        if self.spec.get("suspend"):
            return
        if (due := self._unmet()) is not None:
            self._start(due)
        if (following := self._after(self._cluster.now())) is not None:
            self._cluster.sync_at(following, self)

    def _unmet(self) -> float | None:
        """The latest time at which it was due and has not been started, if it is not too late for that."""
        now = self._cluster.now()
        earliest = self.created_at if self.last_schedule_time is None else self.last_schedule_time
        deadline = self.spec.get("startingDeadlineSeconds")
        if deadline is not None:
            earliest = max(earliest, now - deadline)
        unmet, missed = None, 0
        while (due := self._after(earliest)) is not None and due <= now:
            unmet, earliest, missed = due, due, missed + 1
            if missed > MAX_MISSED:
                said = "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew"
                self._cluster.tell(self, "Warning", "TooManyMissedTimes", said)
                return None
        return unmet

    def _after(self, instant: float) -> float | None:
        due = next(self._schedule.after(dt.datetime.fromtimestamp(instant, dt.UTC), self.zone), None)
        return due.timestamp() if due else None

    def _start(self, due: float) -> None:
        policy = self.spec.get("concurrencyPolicy", "Allow")
        if policy == "Forbid" and self.active:
            said = "Not starting job because prior execution is running and concurrency policy is Forbid"
            self._cluster.tell(self, "Normal", "JobAlreadyActive", said)
            return
        if policy == "Replace":
            for job in list(self.active):
                self._cluster.remove_job(job)
                self._cluster.tell(self, "Normal", "SuccessfulDelete", f"Deleted job {job.name}")
        self.last_schedule_time = due
        if job := self._cluster.create_job(self.job_at(due)):
            self.active.append(job)
            self._cluster.tell(self, "Normal", "SuccessfulCreate", f"Created job {job.name}")

    def job_at(self, due: float, *, manual: bool = False) -> dict[str, Any]:
        """Manifest of the Job for a time. manual: as `kubectl create job --from` makes it."""
        template = self.spec["jobTemplate"]
        metadata = template.get("metadata") or {}
        annotations = {**(metadata.get("annotations") or {}), SCHEDULED: timestamp(due, self.zone)}
        if manual:
            annotations[MANUAL] = "manual"
        return {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {
                "name": f"{self.name}-{int(due // 60)}",
                "namespace": self.namespace,
                "labels": metadata.get("labels") or {},
                "annotations": annotations,
                "ownerReferences": [{"apiVersion": "batch/v1", "kind": "CronJob", "name": self.name}],
            },
            "spec": template["spec"],
        }

    def job_finished(self, job: Job) -> None:
        if job not in self.active:  # started by hand
            return
        self.forget(job)
        self._cluster.tell(self, "Normal", "SawCompletedJob", f"Saw completed job: {job.name}")
        if job.completion_time is not None:
            self.last_successful_time = job.completion_time

    def forget(self, job: Job) -> None:
        """It is not active any more."""
        self.active = [one for one in self.active if one is not job]

    def _clean_up(self) -> None:
        """History limits: of those that have ended, the latest few stay."""
        for kind, key, default in (
            ("Complete", "successfulJobsHistoryLimit", 3),
            ("Failed", "failedJobsHistoryLimit", 1),
        ):
            ended = [job for job in self._cluster.jobs_of(self) if job.finished == kind]
            ended.sort(key=lambda job: job.start_time or 0)
            for job in ended[: max(0, len(ended) - self.spec.get(key, default))]:
                self._cluster.remove_job(job)

    def describe(self) -> dict[str, Any]:
        """As `kubectl get cronjob --output json` has it."""
        status: dict[str, Any] = {"active": [{"kind": "Job", "name": job.name} for job in self.active]}
        times = (("lastScheduleTime", self.last_schedule_time), ("lastSuccessfulTime", self.last_successful_time))
        for name, instant in times:
            if instant is not None:
                status[name] = timestamp(instant)
        return {"apiVersion": "batch/v1", **self.manifest, "kind": "CronJob", "status": status}

    def summary(self) -> dict[str, Any]:
        """For people."""
        following = None if self.spec.get("suspend") else self._after(self._cluster.now())
        return {
            "name": self.name,
            "schedule": self.spec["schedule"],
            "zone": self.spec.get("timeZone", "UTC"),
            "suspended": bool(self.spec.get("suspend")),
            "active": len(self.active),
            "last": None if self.last_schedule_time is None else timestamp(self.last_schedule_time, self.zone),
            "next": None if following is None else timestamp(following, self.zone),
        }
