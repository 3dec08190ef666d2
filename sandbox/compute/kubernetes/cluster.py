"""The objects of a cluster, and what keeps them going: its controllers, its quotas, its pods."""

from __future__ import annotations

import copy
import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sandbox.clock import Clock
from sandbox.compute.kubernetes import admission
from sandbox.compute.kubernetes.admission import Refused
from sandbox.compute.kubernetes.cronjob import CronJob
from sandbox.compute.kubernetes.events import Events
from sandbox.compute.kubernetes.job import Job
from sandbox.compute.kubernetes.objects import Objects
from sandbox.compute.kubernetes.pod import Pod
from sandbox.compute.kubernetes.pods import Pods, Start, random_letters

PLACES = 16  # pods at once; more stay Pending, as they do while nodes come

logger = logging.getLogger(__name__)


class Kubernetes:
    """start: how pods run. places: how many at once.

    Whatever changes is noted, and every Job and CronJob that it may concern is brought up to date before the next
    change, as by the controllers' work queues.
    """

    def __init__(self, clock: Clock, start: Start, places: int = PLACES):
        self._clock = clock
        self.objects = Objects()
        self.events = Events(clock.now)
        self._jobs: dict[tuple[str, str], Job] = {}
        self._cron_jobs: dict[tuple[str, str], CronJob] = {}
        self._pods = Pods(self.objects, clock.now, self._turn, start, places, self._pod_ended)
        self._lock = threading.RLock()
        self._touched: dict[Job | CronJob, None] = {}
        self._planned: set[tuple[float, Job | CronJob]] = set()
        self._settling = self._closed = False

    # What is declared

    def create(self, manifest: Mapping[str, Any]) -> None:
        """`Refused` by the API server, NotImplementedError for what the sandbox cannot run."""
        manifest = copy.deepcopy(dict(manifest))
        admission.check(manifest)
        with self._turn():
            self.objects.admit(manifest)
            match manifest["kind"]:
                case "Job":
                    if not self.create_job(manifest):
                        raise Refused(f'jobs.batch "{manifest["metadata"]["name"]}" already exists')
                case "CronJob":
                    cron_job = CronJob(self, manifest)
                    if self._cron_jobs.setdefault(_key(manifest), cron_job) is not cron_job:
                        raise Refused(f'cronjobs.batch "{cron_job.name}" already exists')
                    self._touched[cron_job] = None
                case _:
                    self.objects.add(manifest)
                    self._touch(manifest["metadata"].get("namespace"))

    def change(self, manifest: Mapping[str, Any]) -> None:
        """`Refused` also for what cannot be changed. LookupError for an object that is not there."""
        manifest = copy.deepcopy(dict(manifest))
        admission.check(manifest)
        with self._turn():
            match manifest["kind"]:
                case "Job":
                    job = self._job(*_key(manifest))
                    for key in ("template", "completionMode", "podFailurePolicy", "backoffLimitPerIndex"):
                        if manifest["spec"].get(key) != job.spec.get(key):
                            raise Refused(f"Job {job.name}: spec.{key}: field is immutable")
                    job.manifest = manifest
                    self._touched[job] = None
                case "CronJob":
                    cron_job = self._cron_job(*_key(manifest))
                    cron_job.change(manifest)
                    self._touched[cron_job] = None
                case _:
                    self.objects.replace(manifest)
                    self._touch(manifest["metadata"].get("namespace"))

    def delete(self, kind: str, namespace: str, name: str) -> None:
        """With what belongs to it. LookupError for an object that is not there."""
        with self._turn():
            match kind:
                case "Job":
                    self.remove_job(self._job(namespace, name))
                case "CronJob":
                    self._remove_cron_job(self._cron_job(namespace, name))
                case "Namespace":
                    for cron_job in [one for one in self._cron_jobs.values() if one.namespace == name]:
                        self._remove_cron_job(cron_job)
                    for job in [one for one in self._jobs.values() if one.namespace == name]:
                        self.remove_job(job)
                    self.objects.remove(kind, "", name)
                case _:
                    self.objects.remove(kind, namespace, name)

    def run(self, namespace: str, name: str, at: float) -> str:
        """Start a CronJob's Job for a time, as `kubectl create job --from` does, or a declared Job once more.

        Returns the new Job's name. `Refused` if it was started already; LookupError if neither is there.
        """
        with self._turn():
            if cron_job := self._cron_jobs.get((namespace, name)):
                manifest = cron_job.job_at(at, manual=True)
            else:
                manifest = _again(self._job(namespace, name).manifest)
            if not self.create_job(manifest):
                raise Refused(f'jobs.batch "{manifest["metadata"]["name"]}" already exists')
            return manifest["metadata"]["name"]

    # What is known

    def jobs(self) -> list[dict[str, Any]]:
        """In the order in which they began."""
        with self._lock:
            return [job.describe() for job in self._jobs.values()]

    def cron_jobs(self) -> list[dict[str, Any]]:
        with self._lock:
            return [cron_job.describe() for cron_job in self._cron_jobs.values()]

    def job(self, namespace: str, name: str) -> dict[str, Any]:
        """LookupError if there is none, as also when its time to live is over."""
        with self._lock:
            return self._job(namespace, name).describe()

    def pods(self, namespace: str, job: str) -> list[dict[str, Any]]:
        """Of a Job, as they were made. LookupError"""
        with self._lock:
            return [pod.describe() for pod in self._job(namespace, job).pods]

    def status(self) -> dict[str, list[dict[str, Any]]]:
        """CronJobs and Jobs, as people want to see them."""
        with self._lock:
            return {
                "cron_jobs": [cron_job.summary() for cron_job in self._cron_jobs.values()],
                "jobs": [job.summary() for job in self._jobs.values()],
            }

    # Faults

    def evict(self, beginning: str) -> str:
        """The node of a running pod is taken back: SIGTERM, and SIGKILL later. beginning: of its name; the whole of it.

        LookupError if there is none.
        """
        with self._turn():
            pod = self._pods.running(beginning)
            pod.disrupt("EvictionByEvictionAPI", "Eviction API: evicting", self.now())
            self._touched[pod.job] = None
            self.delete_pod(pod)
            return pod.name

    def lose(self, beginning: str) -> str:
        """The node of a running pod goes, without a warning. LookupError if there is none."""
        with self._turn():
            pod = self._pods.running(beginning)
            pod.disrupt("DeletionByPodGC", "PodGC: node no longer exists", self.now())
            assert pod.process
            pod.process.kill()
            return pod.name

    def exhaust(self, beginning: str) -> str:
        """A running pod is ended as one that holds more memory than it has. LookupError if there is none."""
        with self._turn():
            pod = self._pods.running(beginning)
            assert pod.process
            pod.process.exhaust()
            return pod.name

    def close(self) -> None:
        """End every pod."""
        with self._lock:
            self._closed = True
            processes = self._pods.processes()
        for process in processes:
            process.kill()
        for process in processes:
            process.join()

    def _job(self, namespace: str, name: str) -> Job:
        if job := self._jobs.get((namespace, name)):
            return job
        raise LookupError(f'jobs.batch "{name}" not found')

    def _cron_job(self, namespace: str, name: str) -> CronJob:
        if cron_job := self._cron_jobs.get((namespace, name)):
            return cron_job
        raise LookupError(f'cronjobs.batch "{name}" not found')

    # What the controllers ask for; the lock is held

    def now(self) -> float:
        return self._clock.now()

    def sync_at(self, instant: float, one: Job | CronJob) -> None:
        if (instant, one) not in self._planned:
            self._planned.add((instant, one))
            self._clock.at(instant, lambda: self._sync(instant, one))

    def tell(self, about: Job | CronJob, type_: str, reason: str, message: str) -> None:
        """An event."""
        self.events.add(about.kind, about.namespace, about.name, type_, reason, message)

    def create_job(self, manifest: dict[str, Any]) -> Job | None:
        """None if there is one of that name."""
        if _key(manifest) in self._jobs:
            return None
        job = self._jobs[_key(manifest)] = Job(self, manifest)
        self._touched[job] = None
        return job

    def remove_job(self, job: Job) -> None:
        """With its pods."""
        if job.removed:  # before its time to live was over
            return
        job.removed = True
        del self._jobs[job.namespace, job.name]
        if owner := self._owner(job):
            owner.forget(job)
        for pod in [pod for pod in job.pods if pod.active]:
            pod.tracked = False
            self.delete_pod(pod)

    def jobs_of(self, cron_job: CronJob) -> list[Job]:
        return [job for job in self._jobs.values() if self._owner(job) is cron_job]

    def job_finished(self, job: Job) -> None:
        if owner := self._owner(job):
            owner.job_finished(job)
            self._touched[owner] = None
        if (seconds := job.spec.get("ttlSecondsAfterFinished")) is not None and job.finished_at is not None:
            self._clock.at(job.finished_at + seconds, lambda: self._expire(job))

    def create_pod(self, job: Job, index: int | None) -> bool:
        """Whether it may be. If not, it is tried again when there may be room."""
        pod = self._pods.create(job, index)
        if isinstance(pod, str):
            self.tell(job, "Warning", "FailedCreate", f"Error creating: pods of {job.name} are forbidden: {pod}")
            return False
        job.pods.append(pod)
        self.tell(job, "Normal", "SuccessfulCreate", f"Created pod: {pod.name}")
        return True

    def delete_pod(self, pod: Pod) -> None:
        self.tell(pod.job, "Normal", "SuccessfulDelete", f"Deleted pod: {pod.name}")
        self._pods.delete(pod)

    # How it goes on

    @contextmanager
    def _turn(self) -> Iterator[None]:
        with self._lock:
            yield
            self._settle()

    def _settle(self) -> None:
        if self._settling or self._closed:
            return
        self._settling = True
        try:
            while self._touched or self._pods.place():
                for one in list(self._touched):
                    del self._touched[one]
                    try:
                        one.sync()
                    except Exception:  # the others go on, whatever is wrong with one
                        logger.exception("%s %s/%s", one.kind, one.namespace, one.name)
        finally:
            self._settling = False

    def _sync(self, instant: float, one: Job | CronJob) -> None:
        with self._turn():
            self._planned.discard((instant, one))
            self._touched[one] = None

    def _touch(self, namespace: str | None) -> None:
        """Something has changed for which Jobs of a namespace may wait."""
        for job in self._jobs.values():
            if job.namespace == namespace and not job.finished:
                self._touched[job] = None

    def _expire(self, job: Job) -> None:
        with self._turn():
            self.remove_job(job)

    def _remove_cron_job(self, cron_job: CronJob) -> None:
        for job in self.jobs_of(cron_job):
            self.remove_job(job)
        cron_job.removed = True
        del self._cron_jobs[cron_job.namespace, cron_job.name]

    def _owner(self, job: Job) -> CronJob | None:
        for reference in job.metadata.get("ownerReferences") or []:
            return self._cron_jobs.get((job.namespace, reference["name"]))
        return None

    def _pod_ended(self, pod: Pod) -> None:
        pod.job.pod_ended(pod)
        self._touched[pod.job] = None
        self._touch(pod.namespace)  # there may be room in a quota


def _again(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """A Job like this one, under a name of its own."""
    metadata, spec = manifest["metadata"], copy.deepcopy(manifest["spec"])
    prefix = f"{metadata['name']}-"
    named = {**metadata, "generateName": prefix, "name": prefix + random_letters()}
    return {**manifest, "metadata": named, "spec": spec | {"suspend": False}}


def _key(manifest: Mapping[str, Any]) -> tuple[str, str]:
    return manifest["metadata"]["namespace"], manifest["metadata"]["name"]
