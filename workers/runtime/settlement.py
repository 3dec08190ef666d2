"""What becomes of a message whose run has ended. These calls wait for AWS, and belong into a thread of a crew.

Each ending puts down first what must outlive this task, and lets go of the message last: if the task dies in between,
the message comes again, and finds what is left to do.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aws_lambda_powertools import Logger

from workers.runtime import faults
from workers.runtime.backoff import backoff_seconds
from workers.runtime.execution import (
    CallFailed,
    Crashed,
    DownstreamFailed,
    Failure,
    Outcome,
    Refused,
    Result,
    TimedOut,
    readable,
)
from workers.runtime.failures import FailureCount
from workers.runtime.held import Held
from workers.runtime.idempotency import Busy, Claim, Done, Ledger, Overtaken
from workers.runtime.objects import RESULT_NAME
from workers.runtime.settings import QueueSettings, Settings
from workers.runtime.sqs import Queue

RECORD_WAITS = (1.0, 2.0, 4.0, 8.0, 15.0)  # seconds between attempts to record work that has been done


@dataclass(frozen=True, kw_only=True)
class Ending:
    """wait: None if the message is to be deleted; else how long it stays hidden until it is tried again.

    done: whether it was processed.
    blame: whether the run met a failing dependency; None if it says nothing of that.
    renewable: whether a fresh copy may take its place; otherwise SQS goes on counting its receives.
    """

    wait: int | None = None
    done: bool = False
    renewable: bool = True
    counts: Counter[str] = field(default_factory=Counter)
    blame: bool | None = None


DONE = Ending(done=True, counts=Counter(Processed=1), blame=False)


class Settlement:
    """ledger: None if a message's work may be repeated. sleep: waits so many seconds."""

    def __init__(
        self,
        settings: Settings,
        queue_settings: QueueSettings,
        queue: Queue,
        ledger: Ledger | None,
        failures: FailureCount,
        s3: Any,
        log: Logger,
        sleep: Callable[[float], None] = time.sleep,
    ):
        self._settings = settings
        self._queue_settings = queue_settings
        self._queue = queue
        self._ledger = ledger
        self._failures = failures
        self._s3 = s3
        self._log = log
        self._sleep = sleep

    def claim(self, held: Held) -> Claim | Ending:
        """The right to do the message's work, or what becomes of the message without it."""
        assert self._ledger
        try:
            found = self._ledger.claim(held.work.id)
        except faults.AwsError as error:
            self._log.error("the idempotency table cannot be used", job_id=held.work.id, error=type(error).__name__)
            return Ending(wait=self._pause(held), counts=Counter(Returned=1), blame=True)
        match found:
            case Done():
                self._log.info("message dropped: its work has been done before", job_id=held.work.id)
                return Ending(counts=Counter(Repeated=1))
            case Busy(seconds):
                self._log.info("message left hidden: its work is in progress", job_id=held.work.id)
                wait = min(int(seconds) + 1, self._queue_settings.visibility_seconds)
                return Ending(wait=wait, counts=Counter(Returned=1))
            case Claim():
                return found

    def settle(self, held: Held, outcome: Outcome) -> Ending:
        if isinstance(outcome, Result):
            problem = self._store(held, outcome)
            if problem is None:
                self._record(held)
                if self._ledger is None and held.again:
                    self._forget(held)  # the same work may be asked for again, and then has all its attempts
                return DONE
            outcome = problem
        if isinstance(outcome, Refused):
            return self._poison(held, outcome.reason, self._count(held) or 1, Counter(Failed=1))
        if isinstance(outcome, DownstreamFailed):
            self._log.warning("message given back: what it depends on is failing", job_id=held.work.id)
            self.release(held)
            return Ending(wait=self._pause(held), counts=Counter(Returned=1), blame=True)
        assert isinstance(outcome, (Failure, Crashed, TimedOut))
        return self._failed(held, outcome)

    def reject(self, held: Held, reason: str) -> Ending:
        """The message cannot be understood."""
        return self._poison(held, reason, 0, Counter())

    def release(self, held: Held) -> None:
        """Give the claim back, if there is one: the work has not been done."""
        try:
            with held.claim_lock:
                if self._ledger and held.claim:
                    self._ledger.release(held.claim)
                    held.claim = None
        except faults.AwsError as error:  # it expires by itself
            self._log.warning("a claim was not given back", job_id=held.work.id, error=type(error).__name__)

    def _store(self, held: Held, result: Result) -> Failure | None:
        """An empty result is not kept: what the worker wrote is all there is."""
        if result.body == "{}":
            return None
        key = f"{self._settings.worker}/{held.work.id}/{RESULT_NAME}"
        try:
            self._s3.put_object(
                Bucket=self._settings.results_bucket,
                Key=key,
                Body=result.body.encode(),
                ContentType="application/json",
            )
        except faults.AwsError as error:
            reason = readable(f"the result could not be stored: {error}")
            return DownstreamFailed(reason) if faults.is_service_fault(error) else CallFailed(reason)
        return None

    def _record(self, held: Held) -> None:
        """The work is done, so giving the message back would repeat it: the record is worth some patience."""
        for wait in (*RECORD_WAITS, None):
            try:
                with held.claim_lock:
                    if self._ledger and held.claim:
                        self._ledger.complete(held.claim, {})
                        held.claim = None
                return
            except Overtaken:
                self._log.error("the message was overtaken: its work may have been done twice", job_id=held.work.id)
                return
            except faults.AwsError as error:
                self._log.error("the work was not recorded", job_id=held.work.id, error=type(error).__name__)
            if wait is not None:
                self._sleep(wait)

    def _failed(self, held: Held, outcome: Failure | Crashed | TimedOut) -> Ending:
        if not isinstance(outcome, Failure):
            self._log.error(outcome.reason, job_id=held.work.id)
        blame = True if isinstance(outcome, CallFailed) else None
        counts = Counter(Failed=1, ApplicationErrors=1)
        failures = self._count(held)
        if failures is not None and failures >= self._queue_settings.max_attempts:
            return self._poison(held, outcome.reason, failures, counts, blame)
        self._log.error("message failed", job_id=held.work.id, failures=failures)
        self.release(held)
        before = held.delivery.receives - 1 if failures is None else failures - 1
        return Ending(wait=backoff_seconds(self._queue_settings.backoff_seconds, before), counts=counts, blame=blame)

    def _poison(
        self, held: Held, reason: str, failures: int, counts: Counter[str], blame: bool | None = None
    ) -> Ending:
        """The copy goes first: a message too many is a nuisance, a message too few would be lost work."""
        try:
            self._queue.dead_letter(held.delivery, reason, failures)
        except faults.AwsError as error:
            self._log.error("the dead-letter queue did not take a message", job_id=held.work.id, error=str(error))
            self.release(held)
            renewable = faults.is_service_fault(error)  # else SQS has to move it, when it has been received too often
            return Ending(wait=self._pause(held), renewable=renewable, counts=counts, blame=blame)
        self._log.error("message dead-lettered", job_id=held.work.id, failures=failures)
        self.release(held)
        if failures:
            self._forget(held)
        return Ending(counts=counts + Counter(DeadLettered=1), blame=blame)

    def _count(self, held: Held) -> int | None:
        """One failure more; None if that cannot be counted, and then the message has another attempt."""
        run = f"{held.delivery.message_id}-{held.delivery.receives}-{held.retries}"
        try:
            return self._failures.add(held.work.id, run)
        except faults.AwsError as error:
            self._log.error("a failure was not counted", job_id=held.work.id, error=type(error).__name__)
            return None

    def _forget(self, held: Held) -> None:
        try:
            self._failures.forget(held.work.id)
        except faults.AwsError as error:
            self._log.warning("failures were not forgotten", job_id=held.work.id, error=type(error).__name__)

    def _pause(self, held: Held) -> int:
        """Wait after trouble that is not the message's."""
        return max(1, backoff_seconds(self._queue_settings.backoff_seconds, held.delivery.receives - 1 + held.retries))
