"""Decides for each message of a worker's queue: start a task for its job, wait, or let it go.

A message stays in flight while its job runs; the task extends it and deletes it at the end. So a message that is
received for a RUNNING job says that the job's task is gone.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError
from catalogue import Worker
from fargate import Fargate
from messages import Drop, Keep, Message, backoff

from jobs import TERMINAL, Conflict, Job, JobStore, Status
from jobs.record import now, seconds_between

LAUNCH_SECONDS = 300  # from RunTask until the task has taken over the message: image pull included
DEFER_SECONDS = 15
MAX_REASON = 1000

logger = Logger(child=True)


class Launcher:
    """Launches jobs of one worker. max_receives: the queue moves a message to its dead letters after so many.

    counts: Launched, NoCapacity, Deferred, DeadLettered of the last batch.
    """

    def __init__(self, worker: Worker, store: JobStore, sqs: Any, fargate: Fargate, max_receives: int):
        self._worker, self._store, self._sqs, self._fargate = worker, store, sqs, fargate
        self._max_receives = max_receives
        self.counts: Counter[str] = Counter()

    def run(self, messages: Sequence[Message]) -> list[Message]:
        """Handle a batch: the messages that stay in the queue."""
        kept: dict[Message, Keep | None] = {}
        launching: dict[Message, Job] = {}
        seen: set[str] = set()
        for message in messages:
            try:
                job = self._job(message)
                if job and job.job_id in seen:
                    continue  # the message before stands for the job
                decision = self._decide(message, job)
            except Exception:
                logger.exception("message not handled", job_id=message.job_id)
                kept[message] = None
                continue
            if job:
                seen.add(job.job_id)
            if isinstance(decision, Job):
                launching[message] = decision
            elif isinstance(decision, Keep):
                kept[message] = decision
        # Hidden first: a task that ends at once sets the time of its next attempt, which must not be overwritten.
        self._hide(dict.fromkeys(launching, Keep(LAUNCH_SECONDS)))
        kept |= self._launch(launching)
        self._hide({message: keep for message, keep in kept.items() if keep})
        return [*launching, *(message for message in kept if message not in launching)]

    def _job(self, message: Message) -> Job | None:
        """The job that a message stands for; of one that comes back from the dead letters, its next try."""
        job = self._store.get(message.job_id)
        if job is None or not (job.status is Status.FAILED and job.dead_lettered):
            return job
        base = re.sub(r"-r\d+$", "", job.job_id)
        number = int(job.job_id[len(base) + 2 :] or 0) + 1
        age = int(seconds_between(job.created_at, now()))
        expires_at = job.expires_at and job.expires_at + age  # it is kept as long as the first try
        retry = Job(job_id=f"{base}-r{number}", worker=job.worker, input=job.input, expires_at=expires_at)
        try:
            return self._store.create(retry)
        except Conflict as conflict:
            return conflict.job

    def _decide(self, message: Message, job: Job | None) -> Job | Keep | Drop:
        """The job with its next attempt begun, or what else becomes of the message."""
        if job is None or job.status in TERMINAL:
            self._store.vacate(job or Job(job_id=message.job_id, worker=self._worker.name, input={}))
            return Drop()
        lost = self._fargate.why_stopped(job.task_arn) if job.status is Status.RUNNING else None
        if lost and job.failures + 1 >= self._worker.max_attempts:
            return self._dead_letter(job, lost)
        if not self._store.reserve(job, self._worker.cap):
            return self._defer(message, job)
        if message.receives >= self._max_receives:
            # Once more, and the queue would move the message away itself: without a reason, and with its place kept.
            return self._dead_letter(job, lost or job.reason or f"no task took it in {message.receives} tries")
        try:
            return self._store.launch(job, message.receipt, lost=lost)
        except Conflict as conflict:  # cancelled this moment, most likely; the next receive will see
            logger.info("job changed before its launch", job_id=job.job_id, reason=str(conflict))
            return Keep(DEFER_SECONDS)

    def _launch(self, launching: dict[Message, Job]) -> dict[Message, Keep]:
        """One round of RunTask: the messages whose jobs got no task."""
        if not launching:
            return {}
        left, reason = self._fargate.launch(self._worker, list(launching.values()))
        waiting = {message: job for message, job in launching.items() if job in left}
        for message, job in waiting.items():
            logger.warning("no task for a job", job_id=job.job_id, receives=message.receives, reason=reason)
            self._store.vacate(job)
        started = [job.job_id for message, job in launching.items() if message not in waiting]
        logger.info("tasks started", worker=self._worker.name, jobs=started)
        self.counts["Launched"] += len(started)
        self.counts["NoCapacity"] += len(waiting)
        return {message: Keep(backoff(message.receives)) for message in waiting}

    def _defer(self, message: Message, job: Job) -> Keep | Drop:
        """No place is free. Waiting is no failure, so it must not lead to the dead letters."""
        self.counts["Deferred"] += 1
        if message.receives < self._max_receives - 2:
            return Keep(DEFER_SECONDS)
        self._send(self._worker.queue_url, job, f"{job.job_id}-{message.id}")
        return Drop()

    def _dead_letter(self, job: Job, reason: str) -> Drop:
        reason = _readable(reason)
        attributes = {"reason": {"DataType": "String", "StringValue": reason}}
        self._send(self._worker.dlq_url, job, f"{job.job_id}-{job.attempt}", MessageAttributes=attributes)
        try:
            self._store.fail(job, reason, dead_lettered=True)
        except Conflict as conflict:
            logger.warning("job changed before it failed", job_id=job.job_id, reason=str(conflict))
        self._store.vacate(job)
        self.counts["DeadLettered"] += 1
        logger.error("job dead-lettered", job_id=job.job_id, worker=self._worker.name, reason=reason)
        return Drop()

    def _send(self, queue_url: str, job: Job, deduplication_id: str, **more: Any) -> None:
        self._sqs.send_message(
            QueueUrl=queue_url,
            MessageBody=json.dumps({"job_id": job.job_id}),
            MessageGroupId=job.job_id,
            MessageDeduplicationId=deduplication_id,
            **more,
        )

    def _hide(self, messages: dict[Message, Keep]) -> None:
        if not messages:
            return
        entries = [
            {"Id": str(number), "ReceiptHandle": message.receipt, "VisibilityTimeout": keep.seconds}
            for number, (message, keep) in enumerate(messages.items())
        ]
        try:
            answer = self._sqs.change_message_visibility_batch(QueueUrl=self._worker.queue_url, Entries=entries)
            failed = [entry["Code"] for entry in answer.get("Failed", [])]
        except (ClientError, BotoCoreError) as error:
            failed = [str(error)]
        if failed:  # the queue's own visibility timeout holds instead
            logger.warning("visibility not changed", reasons=failed)


def _readable(reason: str) -> str:
    """Cut to what is worth keeping, without the control characters that a message attribute may not hold."""
    return "".join(c if c.isprintable() else " " for c in reason)[:MAX_REASON]
