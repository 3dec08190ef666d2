"""A task that runs one job of the API: the first of its list that is left."""

from __future__ import annotations

import datetime as dt

from aws_lambda_powertools import Logger

from jobs import Job, JobStore
from workers.runtime.attempt import Attempt
from workers.runtime.clients import client, resource
from workers.runtime.execution import Call, Event, Events, Execution
from workers.runtime.message import Heartbeat, Message
from workers.runtime.settings import ApiSettings, Settings
from workers.runtime.task import this_task


def run(settings: Settings, api: ApiSettings, log: Logger, events: Events) -> int:
    """Claim a job, run it, write down what became of it. Returns the exit code: 1 if the attempt failed, 0 otherwise.

    A SIGTERM that comes before the claim is honoured after it: only who has claimed a job can hand it back at once,
    and unclaimed it would wait for its message to reappear.
    """
    started_at = dt.datetime.now(dt.UTC)
    with Execution(events) as execution:
        store = JobStore(api.jobs_table, resource("dynamodb"))
        task = this_task(api.metadata_uri)
        job = _claim(store, api, task.arn)
        if job is None:
            log.info("no job of the list is left")
            return 0
        log.append_keys(job_id=job.job_id, worker=job.worker, attempt=job.attempt)
        assert job.receipt  # written by the launch
        message = Message(client("sqs"), api.queue_url, job.receipt, job.job_id)
        with Heartbeat(message, log, on_lost=lambda: events.put(Event.FENCED)) as heartbeat:
            attempt = Attempt(settings, api, log, store, job, message, heartbeat, task.started_at or started_at)
            call = Call(
                job_id=job.job_id,
                attempt=job.attempt,
                input=job.input,
                prefix=f"{job.worker}/{job.job_id}",
                seconds=settings.timeout_seconds,
            )
            return attempt.end(execution.run(call))


def _claim(store: JobStore, api: ApiSettings, task_arn: str) -> Job | None:
    for job_id, attempt in api.jobs:
        job = store.claim(job_id, attempt, task_arn=task_arn, capacity_provider=api.capacity_provider)
        if job:
            return job
    return None
