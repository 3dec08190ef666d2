"""The pods of a cluster: which may be, which run, and what befalls them."""

from __future__ import annotations

import copy
import secrets
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

from sandbox.compute.kubernetes.job import Job
from sandbox.compute.kubernetes.needs import missing
from sandbox.compute.kubernetes.objects import Objects
from sandbox.compute.kubernetes.pod import Ending, Pod, Process
from sandbox.compute.kubernetes.quota import refusal

LETTERS = "bcdfghjklmnpqrstvwxz2456789"
JOB_NAME, JOB_INDEX = "batch.kubernetes.io/job-name", "batch.kubernetes.io/job-completion-index"
FAILURE_COUNT = "batch.kubernetes.io/job-index-failure-count"
IGNORED_COUNT = "batch.kubernetes.io/job-index-ignored-failure-count"

Start = Callable[[Pod, Callable[[], None], Callable[[Ending], None]], Process]
"""Start a pod's container; the one is to be called when it runs, the other when it has ended, both in a thread."""


class Pods:
    """turn: in which something may change. places: pods at once. ended: called in a turn."""

    def __init__(
        self,
        objects: Objects,
        now: Callable[[], float],
        turn: Callable[[], AbstractContextManager[None]],
        start: Start,
        places: int,
        ended: Callable[[Pod], None],
    ):
        self._objects, self._now, self._turn, self._start = objects, now, turn, start
        self._places, self._tell_end = places, ended
        self._waiting: list[Pod] = []
        self._running: list[Pod] = []

    def create(self, job: Job, index: int | None) -> Pod | str:
        """A pod that waits for its place, or why the API server refuses it."""
        manifest = _manifest(job, index)
        if why := self._forbidden(manifest):
            return why
        pod = Pod(job=job, manifest=manifest, index=index, created_at=self._now())
        self._waiting.append(pod)
        return pod

    def delete(self, pod: Pod) -> None:
        """SIGTERM, and SIGKILL later. One that waits is gone at once."""
        pod.deleted = True
        if pod.process:
            pod.process.stop()
        else:
            self._waiting.remove(pod)
            self._end(pod, Ending(None, "Deleted"))

    def place(self) -> bool:
        """Start the next pod that can be; whether there was one."""
        for pod in self._waiting if len(self._running) < self._places else ():
            pod.waits_for = missing(self._objects, pod.manifest)
            if not pod.waits_for:
                self._waiting.remove(pod)
                self._run(pod)
                return True
        return False

    def running(self, beginning: str) -> Pod:
        """By its name, or how that begins. LookupError if there is none."""
        for pod in self._running:
            if pod.active and pod.phase == "Running" and pod.name.startswith(beginning):
                return pod
        raise LookupError(f"There is no pod {beginning} running.")

    def processes(self) -> list[Process]:
        return [pod.process for pod in self._running if pod.process]

    def _run(self, pod: Pod) -> None:
        self._running.append(pod)
        pod.process = self._start(pod, lambda: self._note_running(pod), lambda ending: self._note_end(pod, ending))

    def _note_running(self, pod: Pod) -> None:
        with self._turn():
            pod.phase, pod.started_at = "Running", self._now()

    def _note_end(self, pod: Pod, ending: Ending) -> None:
        with self._turn():
            self._running.remove(pod)
            self._end(pod, ending)

    def _end(self, pod: Pod, ending: Ending) -> None:
        pod.ending, pod.ended_at, pod.process = ending, self._now(), None
        pod.phase = "Succeeded" if ending.exit_code == 0 else "Failed"
        self._tell_end(pod)

    def _forbidden(self, manifest: Mapping[str, Any]) -> str:
        namespace, account = manifest["metadata"]["namespace"], manifest["spec"].get("serviceAccountName", "default")
        if account != "default" and not self._objects.find("ServiceAccount", namespace, account):
            return f'serviceaccount "{account}" not found'
        alive = [pod.manifest for pod in (*self._waiting, *self._running) if pod.namespace == namespace]
        return refusal(self._objects.all("ResourceQuota", namespace), alive, manifest)


def random_letters() -> str:
    """The end of a name, as Kubernetes makes it."""
    return "".join(secrets.choice(LETTERS) for _ in range(5))


def _manifest(job: Job, index: int | None) -> dict[str, Any]:
    """The template with what the Job controller adds. Source: Kubernetes documentation, Jobs, completion mode."""
    template = copy.deepcopy(job.spec["template"])
    metadata, spec = template.get("metadata") or {}, template["spec"]
    labels = {**(metadata.get("labels") or {}), JOB_NAME: job.name, "job-name": job.name}
    annotations = dict(metadata.get("annotations") or {})
    name = job.name
    if index is not None:
        name = f"{name}-{index}"
        labels[JOB_INDEX] = annotations[JOB_INDEX] = str(index)
        source = {"fieldRef": {"fieldPath": f"metadata.labels['{JOB_INDEX}']"}}
        for container in spec["containers"]:
            container["env"] = [*(container.get("env") or []), {"name": "JOB_COMPLETION_INDEX", "valueFrom": source}]
    if failures := job.failures(index):
        annotations[FAILURE_COUNT] = str(failures.counted)
        if failures.ignored:
            annotations[IGNORED_COUNT] = str(failures.ignored)
    made = {
        "name": f"{name}-{random_letters()}",
        "namespace": job.namespace,
        "labels": labels,
        "annotations": annotations,
    }
    return {"metadata": made, "spec": spec}
