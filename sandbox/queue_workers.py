"""The queue workers of a stack that is up."""

from __future__ import annotations

from dataclasses import dataclass

from components.manifest import read_manifest
from components.queue_trigger import QueueTrigger
from sandbox.cloud import Cloud
from sandbox.compute.services import Service
from sandbox.containers import environment
from sandbox.program import ProgramError


@dataclass(frozen=True)
class QueueWorker:
    """environment: of its container. trigger: as its manifest has it."""

    name: str
    service: Service
    environment: dict[str, str]
    trigger: QueueTrigger

    @property
    def queue(self) -> str:
        return self.environment["QUEUE_URL"].rsplit("/", 1)[-1]

    @property
    def dead_letters(self) -> str:
        """Name of its dead-letter queue."""
        return self.environment["DLQ_URL"].rsplit("/", 1)[-1]

    @property
    def uploads(self) -> str:
        """The bucket of its uploads."""
        return self.environment["UPLOADS_BUCKET"]

    @property
    def results(self) -> str:
        """The bucket of its results."""
        return self.environment["RESULTS_BUCKET"]


def queue_workers(cloud: Cloud) -> dict[str, QueueWorker]:
    """By name."""
    found: dict[str, QueueWorker] = {}
    for service in cloud.compute.services.all():
        declared = environment(cloud, service.model.task_definition)
        name = declared["WORKER"]
        found[name] = QueueWorker(name, service, declared, _trigger(cloud, name))
    return found


def _trigger(cloud: Cloud, worker: str) -> QueueTrigger:
    file = cloud.project / "workers" / worker / "worker.yaml"
    manifest, problems = read_manifest(file, str(file))
    if manifest is None or manifest.trigger.queue is None:
        raise ProgramError(f"{file} has no trigger queue: {'; '.join(map(str, problems))}")
    return manifest.trigger.queue
