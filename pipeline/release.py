"""Makes a worker's tasks and jobs run another image: all of them, or none."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from botocore.exceptions import WaiterError

from pipeline.definitions import Definitions
from pipeline.failures import StepFailed, each
from pipeline.job_definitions import JobDefinitions
from pipeline.released import Released
from pipeline.stack import Stack

POLL_SECONDS = 15
# A busy task is protected: ECS replaces it when its work is done. Then it may take two minutes to stop, and Spot may be
# short.
SLACK_SECONDS = 1800


class Release:
    """
    batch: a client. services: workers whose tasks belong to an ECS service; other tasks take their family's newest
    revision, as jobs of Batch take their definition's.
    """

    def __init__(
        self,
        stack: Stack,
        released: Released,
        ecs: Any,
        batch: Any,
        *,
        cluster: str,
        services: Collection[str],
        poll_seconds: float = POLL_SECONDS,
    ):
        self._stack, self._released, self._ecs = stack, released, ecs
        self._definitions, self._job_definitions = Definitions(ecs), JobDefinitions(batch)
        self._cluster, self._services, self._poll_seconds = cluster, services, poll_seconds

    def run(self, images: Mapping[str, str]) -> None:
        """Worker → image. Repeatable: what is done already is left as it is. StepFailed"""
        each(images, lambda worker: self._release(worker, images[worker]))

    def _release(self, worker: str, image: str) -> None:
        before = self._released.image(worker)
        if before != image:
            # First of all, so that a `pulumi up` in between goes the same way instead of back.
            self._released.set(worker, image)
        elif worker in self._services:  # a release that was cut off has recorded the image, and maybe done no more
            before = self._running(self._stack.family(worker))
        try:
            self._roll_out(worker, image)
        except Exception:
            if before != image:
                print(f"{worker}: back to {before}", flush=True)
                self._released.set(worker, before)
                self._roll_out(worker, before)
            raise
        print(f"{worker}: runs {image}", flush=True)

    def _roll_out(self, worker: str, image: str) -> None:
        if worker in self._stack.job_definitions:
            for name in self._stack.job_definitions[worker]:
                self._job_definitions.with_image(name, image)
            return
        definition = self._definitions.with_image(self._stack.family(worker), image)
        if worker not in self._services:
            return
        service = self._stack.family(worker)
        if self._running(service) != image:
            self._ecs.update_service(cluster=self._cluster, service=service, taskDefinition=definition)
        try:
            self._ecs.get_waiter("services_stable").wait(
                cluster=self._cluster,
                services=[service],
                WaiterConfig={"Delay": self._poll_seconds, "MaxAttempts": self._polls(definition)},
            )
        except WaiterError as error:
            raise StepFailed(f"the service {service} did not become steady: {error}") from error
        # ECS reports a deployment that its circuit breaker rolled back as one that went well.
        running = self._running(service)
        if running != image:
            raise StepFailed(f"the service {service} went back to {running}; its events and its tasks' logs say why")

    def _polls(self, definition: str) -> int:
        return (self._definitions.timeout(definition) + SLACK_SECONDS) // POLL_SECONDS

    def _running(self, service: str) -> str:
        """The image of the service's task definition."""
        found = self._ecs.describe_services(cluster=self._cluster, services=[service])["services"]
        if not found:
            raise StepFailed(f"there is no service {service}")
        return self._definitions.image(found[0]["taskDefinition"])
