"""How an attempt at a job of the API ends.

Each ending changes the record first, then the message, then the place in the worker's cap. If the task dies in
between, the message comes back to the launcher, which finds in the record what is left to do.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from typing import TypedDict

from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError

from jobs import TERMINAL, Conflict, Job, JobStore, Status
from jobs.cost import fargate_usd
from workers.runtime import telemetry
from workers.runtime.backoff import backoff_seconds
from workers.runtime.clients import client
from workers.runtime.execution import (
    Crashed,
    Event,
    Failure,
    Interrupted,
    Outcome,
    Refused,
    Result,
    TimedOut,
    readable,
)
from workers.runtime.message import Heartbeat, Message, ReceiptGone
from workers.runtime.objects import RESULT_NAME
from workers.runtime.settings import ApiSettings, Settings

RECLAIMED = "its task was told to stop (SIGTERM), as at a Spot reclaim"


class Usage(TypedDict):
    """What the attempt took, as the job's record has it."""

    cost_usd: float
    peak_memory_mb: int


class Attempt:
    """A claimed job. billed_from: when Fargate began to bill the task."""

    def __init__(
        self,
        settings: Settings,
        api: ApiSettings,
        log: Logger,
        store: JobStore,
        job: Job,
        message: Message,
        heartbeat: Heartbeat,
        billed_from: dt.datetime,
    ):
        self._settings = settings
        self._api = api
        self._log = log
        self._store = store
        self._job = job
        self._message = message
        self._heartbeat = heartbeat
        self._billed_from = billed_from
        self._claimed = time.monotonic()

    def end(self, outcome: Outcome) -> int:
        """Write down what became of the attempt. Returns the task's exit code: 1 if it failed, 0 otherwise."""
        try:
            match outcome:
                case Result():
                    return self._succeed(outcome)
                case Refused(reason):
                    return self._fail(reason)
                case TimedOut(reason):
                    self._log.error(reason)
                    return self._fail(reason, ApplicationErrors=1)
                case Crashed(reason):
                    self._log.error(reason)
                    return self._retry_or_give_up(reason, ApplicationErrors=1)
                case Failure(reason):
                    return self._retry_or_give_up(reason, ApplicationErrors=1)
                case Interrupted(Event.FENCED):
                    raise Conflict(self._job.job_id, self._store.get(self._job.job_id))
                case Interrupted():
                    return self._release()
        except Conflict as conflict:
            return self._discard(conflict.job)

    def _succeed(self, result: Result) -> int:
        bucket, key = self._settings.results_bucket, f"{self._job.worker}/{self._job.job_id}/{RESULT_NAME}"
        self._check_ours()
        try:
            body = result.body.encode()
            client("s3").put_object(Bucket=bucket, Key=key, Body=body, ContentType="application/json")
            told = {"engine": result.engine, "summary": result.summary, "document_key": result.document_key}
            self._store.succeed(self._job, bucket=bucket, key=key, **told, **self._used())
        except (ClientError, BotoCoreError) as error:
            reason = readable(f"the result could not be stored: {error}")
            self._log.error(reason)
            return self._retry_or_give_up(reason)
        self._finish()
        self._emit(self._seconds(), JobsSucceeded=1)
        self._log.info("job succeeded", engine=result.engine)
        return 0

    def _fail(self, reason: str, **counts: int) -> int:
        """For good, and with nothing to redrive: another attempt would end the same way."""
        self._store.fail(self._job, reason, **self._used())
        self._finish()
        self._emit(self._seconds(), JobsFailed=1, **counts)
        self._log.info("job failed")  # without the reason, which may quote the input
        return 0

    def _retry_or_give_up(self, reason: str, **counts: int) -> int:
        last = self._job.failures + 1 >= self._api.max_attempts
        if last:
            self._give_up(reason)
        else:
            self._store.release(self._job, reason, failed=True)
            self._store.vacate(self._job)
            wait = backoff_seconds(self._api.backoff_seconds, self._job.failures)
            self._let_go(lambda: self._message.hide(wait))
        self._emit(self._seconds(), AttemptsFailed=1, JobsFailed=int(last), **counts)
        self._log.error("attempt failed", last=last)
        return 1

    def _give_up(self, reason: str) -> None:
        """The copy goes first: a message too many is dropped by the launcher, a message too few would be lost work."""
        self._check_ours()
        self._message.copy_to(self._api.dlq_url, f"dead-{self._job.job_id}-{self._job.attempt}", reason)
        self._store.fail(self._job, reason, **self._used(), dead_lettered=True)
        self._finish()

    def _release(self) -> int:
        """Hand the job back, with a fresh message: receiving the old one again would count towards its limit.

        The old message goes last; until then it holds back the fresh one, which is of the same message group.
        """
        self._store.release(self._job, RECLAIMED, failed=False)
        self._store.vacate(self._job)
        self._message.copy_to(self._api.queue_url, f"released-{self._job.job_id}-{self._job.attempt}")
        self._let_go(self._message.delete)
        self._emit(None, JobsReleased=1)
        self._log.info("job released")
        return 0

    def _discard(self, job: Job | None) -> int:
        """The job is not ours any more. If it has ended its message has no purpose; otherwise it is another's."""
        self._log.warning("attempt discarded: the job is not ours any more", status=job.status if job else None)
        if job is None or job.status in TERMINAL:
            self._finish()
        return 0

    def _check_ours(self) -> None:
        """Before a write that cannot be conditional: `Conflict` if the job has been cancelled, or given to another."""
        job = self._store.get(self._job.job_id)
        if job is None or job.attempt != self._job.attempt or job.status is not Status.RUNNING:
            raise Conflict(self._job.job_id, job)

    def _finish(self) -> None:
        self._let_go(self._message.delete)
        self._store.vacate(self._job)

    def _let_go(self, change: Callable[[], None]) -> None:
        """The last change to the message, which no heartbeat may undo."""
        self._heartbeat.stop()
        try:
            change()
        except ReceiptGone:
            self._log.warning("the message was not ours any more")

    def _used(self) -> Usage:
        seconds = (dt.datetime.now(dt.UTC) - self._billed_from).total_seconds()
        cost = fargate_usd(
            vcpu=self._api.vcpu,
            memory_gb=self._api.memory_gb,
            seconds=seconds,
            architecture=self._api.architecture,
            spot=self._api.capacity_provider == "FARGATE_SPOT",
        )
        return Usage(cost_usd=cost, peak_memory_mb=telemetry.peak_memory_mb())

    def _seconds(self) -> float:
        return time.monotonic() - self._claimed

    def _emit(self, seconds: float | None, **counts: int) -> None:
        metrics = telemetry.metrics(self._settings, job_id=self._job.job_id, attempt=self._job.attempt)
        telemetry.emit(metrics, seconds, **counts)
