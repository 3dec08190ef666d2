"""The starter: a schedule's invocation → a job in the worker's queue, like one of the API from there on."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from overlap import Gate
from runs import Run, Unusable, read_run
from scheduled_workers import read_workers

from jobs import Conflict, Job, JobStore
from jobs.submission import send

logger = Logger()
metrics = Metrics()
workers = read_workers(Path(__file__).parent / "catalogue.json")
store = JobStore(os.environ["JOBS_TABLE"])
cluster, job_seconds = os.environ["CLUSTER"], int(os.environ["JOB_TTL_DAYS"]) * 24 * 3600
sqs, ecs = boto3.client("sqs"), boto3.client("ecs")


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: Any, _: Any) -> dict[str, str]:
    """Answers with the job of the run, or with why there is none.

    An error of AWS comes through: Lambda invokes again, and each step finds what the one before it has left. An event
    that can start nothing does not: to repeat it would change nothing.
    """
    try:
        run = read_run(event, workers)
    except Unusable as unusable:
        logger.error("event refused", reason=str(unusable))
        metrics.add_metric("Refused", MetricUnit.Count, 1)
        return {"refused": str(unusable)}
    logger.append_keys(job_id=run.job_id, worker=run.worker.name, execution=event.get("execution"))
    metrics.add_dimension("worker", run.worker.name)
    job = _started(run)
    return {"job_id": job.job_id, "status": str(job.status)}


def _started(run: Run) -> Job:
    """The job of the run, in its queue or skipped; whatever happened to it before, if the run is a repeated one."""
    now = time.time()
    job = _recorded(run, now)
    if not job.untouched:
        logger.info("run started before", status=str(job.status))
        metrics.add_metric("Repeated", MetricUnit.Count, 1)
        return job
    reason = Gate(store, ecs, cluster, now).refusal(run.worker, job)
    if reason is None:
        # If this fails the job is not taken back: a message may have arrived all the same, and would find no job.
        send(sqs, run.worker.queue_url, job)
        logger.info("run started")
        metrics.add_metric("Started", MetricUnit.Count, 1)
        return job
    logger.warning("run skipped", reason=reason)
    metrics.add_metric("Skipped", MetricUnit.Count, 1)
    return store.cancel(job.job_id, reason)


def _recorded(run: Run, now: float) -> Job:
    job = Job(job_id=run.job_id, worker=run.worker.name, input=run.input, expires_at=int(now) + job_seconds)
    try:
        return store.create(job)
    except Conflict as conflict:
        if conflict.job is None:
            raise  # it was deleted this moment
        return conflict.job
