"""Cancels a job with the task that runs it."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError

from jobs.record import Job
from jobs.store import JobStore

logger = Logger(child=True)


def cancel(store: JobStore, ecs: Any, cluster: str, job_id: str, reason: str) -> Job:
    """The cancelled job. reason: for people, in the job's record and at its task. `Conflict` if it has ended before."""
    job = store.cancel(job_id, reason)
    logger.info("job cancelled", job_id=job_id, worker=job.worker)
    if job.task_arn:
        try:
            ecs.stop_task(cluster=cluster, task=job.task_arn, reason=reason)
        except (ClientError, BotoCoreError):
            # The job is cancelled all the same: whatever its task writes from now on is refused.
            logger.exception("task not stopped", job_id=job_id, task_arn=job.task_arn)
    return job
