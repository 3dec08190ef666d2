"""Runs each new image once, as a task with all that a task or a job of its worker has, before anything else runs it."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from botocore.exceptions import WaiterError

from pipeline.definitions import Definitions
from pipeline.failures import StepFailed, each
from pipeline.job_definitions import JobDefinitions
from pipeline.released import Released
from pipeline.stack import Stack

CONTAINER = "worker"
COMMAND = ["python", "-m", "workers.runtime.canary"]
POLL_SECONDS = 6
SLACK_SECONDS = 900  # for the image's pull and the task's start, beside what the worker may take


class Canary:
    """
    batch: a client. sampled: workers whose input an upload can be, and which may read it.
    samples: folder of folders of files, one a worker. uploads: bucket that a sample is put into.
    network: the tasks' awsvpc configuration.
    """

    def __init__(
        self,
        stack: Stack,
        released: Released,
        ecs: Any,
        batch: Any,
        s3: Any,
        *,
        cluster: str,
        network: Mapping[str, Any],
        sampled: Collection[str],
        samples: Path,
        uploads: str,
        poll_seconds: float = POLL_SECONDS,
    ):
        self._stack, self._released, self._ecs, self._s3 = stack, released, ecs, s3
        self._definitions, self._job_definitions = Definitions(ecs), JobDefinitions(batch)
        self._cluster, self._network, self._poll_seconds = cluster, network, poll_seconds
        self._sampled, self._samples, self._uploads = sampled, samples, uploads

    def run(self, images: Mapping[str, str]) -> None:
        """Worker → image. Those that run already are left out. StepFailed"""
        each(images, lambda worker: self._try(worker, images[worker]))

    def _try(self, worker: str, image: str) -> None:
        if self._released.image(worker) == image:
            return
        task, seconds = self._start(worker, image), self._timeout(worker)
        try:
            self._ecs.get_waiter("tasks_stopped").wait(
                cluster=self._cluster,
                tasks=[task],
                WaiterConfig={
                    "Delay": self._poll_seconds,
                    "MaxAttempts": (seconds + SLACK_SECONDS) // POLL_SECONDS,
                },
            )
        except WaiterError as error:
            self._ecs.stop_task(cluster=self._cluster, task=task, reason="the canary took too long")
            raise StepFailed(f"the task {task} did not end: {error}") from error
        [stopped] = self._ecs.describe_tasks(cluster=self._cluster, tasks=[task])["tasks"]
        [container] = stopped["containers"]
        if container.get("exitCode") != 0:
            reason = container.get("reason") or stopped.get("stoppedReason") or "no reason given"
            code = container.get("exitCode", "none")
            raise StepFailed(f"the task {task} ended with exit code {code}: {reason}; its log says more")
        print(f"{worker}: the canary lives", flush=True)

    def _start(self, worker: str, image: str) -> str:
        """ARN of the task."""
        definition = self._definition(worker, image)
        override: dict[str, Any] = {"name": CONTAINER, "command": COMMAND}
        if sample := self._sample(worker):
            override["environment"] = [{"name": "CANARY_INPUT", "value": json.dumps({"key": sample})}]
        print(f"{worker}: a canary, {'with ' + sample if sample else 'without a sample'}", flush=True)
        answer = self._ecs.run_task(
            cluster=self._cluster,
            taskDefinition=definition,
            # On demand, for the minute that it takes: a reclaimed Spot task would look like an image that is broken.
            capacityProviderStrategy=[{"capacityProvider": "FARGATE", "weight": 1, "base": 0}],
            networkConfiguration=self._network,
            overrides={"containerOverrides": [override]},
            startedBy="canary",
        )
        if not answer["tasks"]:
            reasons = ", ".join(failure.get("reason", "unknown") for failure in answer["failures"])
            raise StepFailed(f"no task was started: {reasons}")
        return answer["tasks"][0]["taskArn"]

    def _definition(self, worker: str, image: str) -> str:
        """ARN of the task's. A job's canary is a task, too: it waits in no queue, and no event tells of its end."""
        into = self._stack.canary_family(worker)
        if worker not in self._stack.job_definitions:
            return self._definitions.with_image(self._stack.family(worker), image, into=into)
        architecture = self._stack.architectures[worker]
        task = self._job_definitions.task(self._stack.job_definitions[worker][0], CONTAINER, architecture)
        return self._definitions.register(task, image, into)

    def _timeout(self, worker: str) -> int:
        """Seconds that a task or a job of the worker may take."""
        if worker in self._stack.job_definitions:
            return self._job_definitions.timeout(self._stack.job_definitions[worker][0])
        return self._definitions.timeout(self._stack.family(worker))

    def _sample(self, worker: str) -> str | None:
        """Key of the worker's first sample, which is uploaded; None if it has none, or none that it could take."""
        files = sorted(file for file in (self._samples / worker).glob("*") if file.is_file())
        if worker not in self._sampled or not files:
            return None
        key = f"canary/{worker}/{files[0].name}"
        self._s3.put_object(Bucket=self._uploads, Key=key, Body=files[0].read_bytes())
        return key
