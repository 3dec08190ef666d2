"""Receives messages: in batches where there is room for them, one long poll at a time unless there is plenty."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from functools import partial

from aws_lambda_powertools import Logger

from workers.runtime import faults
from workers.runtime.crew import Crew, Inbox
from workers.runtime.delivery import Delivery
from workers.runtime.report import Report
from workers.runtime.sqs import BATCH, Queue

POLLS = 5  # at a time
BACKLOG_SECONDS = 60.0  # between looks at the backlog
RETRY_SECONDS = 30.0  # at most, after errors

Answer = tuple[float, Sequence[Delivery] | None]  # when it was asked for, and what came; None after an error


class Receiver:
    """take: called in the service's thread with messages and when they were asked for."""

    def __init__(
        self,
        queue: Queue,
        inbox: Inbox,
        log: Logger,
        report: Report,
        take: Callable[[Sequence[Delivery], float], None],
    ):
        self._queue = queue
        self._log = log
        self._report = report
        self._take = take
        self._crew = Crew(POLLS, inbox)
        self._backlog_crew = Crew(1, inbox)
        self._backlog_at = 0.0
        self._plenty = False  # the latest poll brought all that it had asked for
        self._errors = 0
        self._not_before = 0.0
        self.polls = 0  # under way
        self.asked = 0  # messages that they may bring

    def consider(self, now: float, *, room: int, hold: int, idle: bool) -> None:
        """Ask for more messages if that is worth a request.

        room: how many may come, those asked for included. hold: how many may be here. idle: something could begin.
        """
        while now >= self._not_before:
            free = room - self.asked
            worth = min(BATCH, math.ceil(hold / 2))
            first = self.polls == 0 and free >= 1 and (idle or free >= worth)
            further = 0 < self.polls < POLLS and self._plenty and free >= worth
            if not first and not further:
                return
            count = min(BATCH, free)
            self.polls += 1
            self.asked += count
            self._crew.run(partial(self._poll, count), partial(self._polled, count))

    def wakes_at(self, now: float) -> float | None:
        return self._not_before if self._not_before > now else None

    def _poll(self, count: int) -> Answer:
        asked = time.monotonic()
        try:
            return asked, self._queue.receive(count)
        except faults.AwsError as error:
            self._log.error("receiving failed", error=type(error).__name__)
            return asked, None

    def _polled(self, count: int, answer: Answer) -> None:
        asked, deliveries = answer
        self.polls -= 1
        self.asked -= count
        if deliveries is None:
            self._not_before = time.monotonic() + min(RETRY_SECONDS, 2.0 ** min(self._errors, 10))
            self._errors += 1
            return
        self._errors = 0
        self._plenty = len(deliveries) == count
        if deliveries:
            self._take(deliveries, asked)
            self._look_at_backlog()

    def _look_at_backlog(self) -> None:
        now = time.monotonic()
        if now >= self._backlog_at:
            self._backlog_at = now + BACKLOG_SECONDS
            self._backlog_crew.run(self._backlog, self._tell_backlog)

    def _backlog(self) -> int | None:
        try:
            return self._queue.backlog()
        except faults.AwsError as error:
            self._log.warning("the queue did not tell its backlog", error=type(error).__name__)
            return None

    def _tell_backlog(self, messages: int | None) -> None:
        if messages is not None:
            self._report.backlog(messages)
