"""Starts tasks, and says how one ended."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError
from catalogue import Worker

from jobs import Job

SPOT, ON_DEMAND = "FARGATE_SPOT", "FARGATE"
OUT_OF_MEMORY = 137  # 128 + SIGKILL
# What RunTask raises when it is capacity or the rate of calls that is short, and not the request that is wrong.
SHORTAGES = {"LimitExceededException", "ServerException", "ThrottlingException"}

logger = Logger(child=True)


@dataclass(frozen=True)
class Answer:
    """Of one RunTask. started: how many tasks. reason: why not more. short: whether another provider may do better."""

    started: int
    reason: str = ""
    short: bool = True


class Fargate:
    """Tasks on one cluster. network: the awsvpc configuration. started_by: shown with each task."""

    def __init__(self, ecs: Any, *, cluster: str, network: dict[str, Any], started_by: str):
        self._ecs, self._cluster, self._network, self._started_by = ecs, cluster, network, started_by

    def launch(self, worker: Worker, jobs: Sequence[Job]) -> tuple[list[Job], str]:
        """Start a task for each of at most 10 jobs: the jobs that got none, and why.

        Spot takes its share; what it has no capacity for goes to on-demand with the rest.
        """
        spot = [job for job in jobs if _lot(job) < worker.spot_share]
        rest = [job for job in jobs if _lot(job) >= worker.spot_share]
        answer = self._run(worker, spot, SPOT)
        left = spot[answer.started :]
        if answer.short:
            rest, left = rest + left, []
        fallback = self._run(worker, rest, ON_DEMAND)
        return left + rest[fallback.started :], fallback.reason or answer.reason

    def _run(self, worker: Worker, jobs: Sequence[Job], provider: str) -> Answer:
        """One RunTask for all jobs. Each task serves the first of them that is free, so k tasks serve the first k."""
        if not jobs:
            return Answer(0)
        names = ",".join(f"{job.job_id}:{job.attempt}" for job in jobs)
        environment = [{"name": "JOBS", "value": names}, {"name": "CAPACITY_PROVIDER", "value": provider}]
        try:
            answer = self._ecs.run_task(
                cluster=self._cluster,
                taskDefinition=worker.family,
                count=len(jobs),
                capacityProviderStrategy=[{"capacityProvider": provider, "weight": 1, "base": 0}],
                networkConfiguration=self._network,
                overrides={"containerOverrides": [{"name": worker.container, "environment": environment}]},
                startedBy=self._started_by,
                clientToken=hashlib.sha256(f"{provider} {names}".encode()).hexdigest(),
            )
        except ClientError as error:
            code, message = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
            logger.warning("RunTask refused", capacity_provider=provider, code=code, reason=message)
            short = code in SHORTAGES or "capacity is unavailable" in message.lower()
            return Answer(0, f"{code}: {message}", short)
        except BotoCoreError as error:
            logger.warning("RunTask not answered", capacity_provider=provider, reason=str(error))
            return Answer(0, str(error), short=False)
        reasons = sorted({failure.get("reason", "unknown") for failure in answer["failures"]})
        started = len(answer["tasks"])
        if started < len(jobs):
            logger.warning("tasks missing", capacity_provider=provider, missing=len(jobs) - started, reasons=reasons)
        return Answer(started, ", ".join(reasons) or "fewer tasks than asked for")

    def why_stopped(self, task_arn: str | None) -> str:
        """Why a task ended without a word about its job, for people."""
        lost = "its task was lost"
        if not task_arn:
            return lost
        try:
            tasks = self._ecs.describe_tasks(cluster=self._cluster, tasks=[task_arn])["tasks"]
        except (ClientError, BotoCoreError):
            logger.warning("task not described", task_arn=task_arn, exc_info=True)
            return lost
        if not tasks:
            return lost  # ECS forgets a stopped task after an hour
        containers = tasks[0].get("containers", [])
        if any(container.get("exitCode") == OUT_OF_MEMORY for container in containers):
            return "its task was killed, most likely out of memory (exit code 137)"
        reason = tasks[0].get("stoppedReason")
        return f"its task stopped: {reason}" if reason else lost


def _lot(job: Job) -> int:
    """0 to 99, evenly spread over attempts and the same whenever it is asked."""
    return zlib.crc32(f"{job.job_id}:{job.attempt}".encode()) % 100
