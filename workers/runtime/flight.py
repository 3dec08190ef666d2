"""Messages in flight: kept invisible to others while they are here, then given back or deleted, in batches."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TypeVar

from aws_lambda_powertools import Logger

from workers.runtime import faults
from workers.runtime.crew import Crew, Inbox
from workers.runtime.held import Held
from workers.runtime.idempotency import Ledger, Overtaken
from workers.runtime.sqs import BATCH, Queue

HEARTBEATS = 3  # within the visibility timeout: two may fail before others see the message
LINGER_SECONDS = 0.2  # what is to be deleted waits so long for company
RETRY_SECONDS = (1.0, 2.0, 5.0, 10.0, 30.0)  # before deletions are tried again

T = TypeVar("T")
Answer = tuple[set[int], set[int]]  # which messages of a batch, by position, are not ours any more, and which failed
Return = tuple[Held, int, bool]  # message, seconds until it is visible, whether a fresh copy may take its place


class Flight:
    """The messages that this task holds. Methods are called in the service's thread; what waits is done by crews.

    on_lost: called when a message, or the claim to its work, has gone to another.
    """

    def __init__(
        self,
        queue: Queue,
        ledger: Ledger | None,
        *,
        visibility_seconds: float,
        fifo: bool,
        inbox: Inbox,
        log: Logger,
        on_lost: Callable[[Held], None],
    ):
        self._queue = queue
        self._ledger = ledger
        self._visibility = visibility_seconds
        self._heartbeat = visibility_seconds / HEARTBEATS
        self._fifo = fifo
        self._linger = 0.0 if fifo else LINGER_SECONDS  # in a FIFO queue the rest of the group waits for it
        self._log = log
        self._on_lost = on_lost
        self._held: set[Held] = set()
        self._next_beat = math.inf  # not before this one is due
        self._returns: list[Return] = []
        self._deletions: list[Held] = []
        self._delete_at = 0.0
        self._failed_deletions = 0
        # One thread, so that no heartbeat comes after a message was given back.
        self._visibility_crew = Crew(1, inbox)
        self._claim_crew = Crew(1, inbox)
        self._delete_crew = Crew(3, inbox)
        self._renew_after = 1.0  # receives; until the queue has told how many it allows
        self._visibility_crew.run(self._ask_limit, self._set_limit)

    def __len__(self) -> int:
        return len(self._held)

    def add(self, held: Held) -> None:
        self._held.add(held)
        self._beat_at(held, held.since + self._heartbeat)

    def drop(self, held: Held) -> None:
        """It is another's."""
        self._held.discard(held)

    def give_back(self, held: Held, seconds: float = 0.0, *, renewable: bool = True) -> None:
        """Let it be received again, by anyone, in so many seconds.

        A message that has been received often is replaced by a fresh copy, so that being given back never leads to
        the dead-letter queue. That is not possible in a FIFO queue, whose limit must be high for this reason.
        """
        held.leaving = True
        self._returns.append((held, math.ceil(max(0.0, seconds)), renewable))

    def delete(self, held: Held) -> None:
        if not self._deletions:
            self._delete_at = max(self._delete_at, time.monotonic() + self._linger)
        self._deletions.append(held)

    def wakes_at(self) -> float:
        return min(self._next_beat, self._delete_at if self._deletions else math.inf)

    def tick(self, now: float, *, hurry: bool) -> None:
        """Do what is due. hurry: delete without waiting for company."""
        for batch in _batches(self._returns):
            self._visibility_crew.run(partial(self._return, batch), partial(self._returned, batch))
        self._returns = []
        if now >= self._delete_at or (hurry and not self._failed_deletions):
            self._send_deletions(len(self._deletions))
        elif not self._failed_deletions:
            self._send_deletions(len(self._deletions) // BATCH * BATCH)
        if now >= self._next_beat:
            self._send_heartbeats(now)

    # Heartbeats

    def _send_heartbeats(self, now: float) -> None:
        # The claim to work that goes on without its message is kept, so that whoever has the message waits.
        ours = [held for held in self._held if not held.leaving and (held.claim or not held.lost)]
        due = [held for held in ours if now >= held.beats_at]
        for held in due:
            held.beats_at = math.inf  # until the answer is here
            if held.claim:
                self._claim_crew.run(partial(self._renew_claim, held), partial(self._claim_renewed, held))
        for batch in _batches([held for held in due if not held.lost]):
            self._visibility_crew.run(partial(self._beat, batch), partial(self._beaten, batch))
        self._next_beat = min((held.beats_at for held in ours), default=math.inf)

    def _beat_at(self, held: Held, time: float) -> None:
        held.beats_at = time
        self._next_beat = min(self._next_beat, time)

    def _beat(self, batch: Sequence[Held]) -> Answer:
        try:
            return self._queue.hide([held.delivery for held in batch], [int(self._visibility)] * len(batch))
        except faults.AwsError as error:
            self._log.warning("heartbeat failed", error=type(error).__name__)
            return set(), set(range(len(batch)))

    def _beaten(self, batch: Sequence[Held], answer: Answer) -> None:
        gone, failed = answer
        now = time.monotonic()
        for number, held in enumerate(batch):
            self._beat_at(held, now + (self._heartbeat / 10 if number in failed else self._heartbeat))
            if number in gone and held in self._held and not held.leaving:
                self._log.warning("a message is not ours any more", job_id=held.work.id)
                held.lost = True
                self._on_lost(held)

    def _renew_claim(self, held: Held) -> bool:
        """Whether it is still ours, as far as is known."""
        assert self._ledger
        try:
            with held.claim_lock:
                if held.claim:
                    held.claim = self._ledger.renew(held.claim)
        except Overtaken:
            return False
        except faults.AwsError as error:
            self._log.warning("a claim was not renewed", job_id=held.work.id, error=type(error).__name__)
        return True

    def _claim_renewed(self, held: Held, ours: bool) -> None:
        if held not in self._held:
            return
        if not ours:
            held.overtaken = True
            self._on_lost(held)
        elif held.lost:  # no heartbeat of the message will say when the next is due
            self._beat_at(held, time.monotonic() + self._heartbeat)

    # Giving back

    def _ask_limit(self) -> float:
        """After how many receives a message that is given back is replaced by a copy."""
        try:
            limit = self._queue.max_receives()
        except faults.AwsError as error:
            self._log.warning("the queue did not tell its redrive policy", error=type(error).__name__)
            return self._renew_after
        return math.inf if limit is None else limit // 2  # the other half is for tasks that die without a word

    def _set_limit(self, limit: float) -> None:
        self._renew_after = limit

    def _return(self, batch: Sequence[Return]) -> None:
        hidden: list[tuple[Held, int]] = []
        for held, seconds, renewable in batch:
            often = held.delivery.receives > self._renew_after
            if self._fifo or not renewable or not often or not self._renew(held, seconds):
                hidden.append((held, seconds))
        if hidden:
            try:
                self._queue.hide([held.delivery for held, _ in hidden], [seconds for _, seconds in hidden])
            except faults.AwsError as error:  # they appear when their visibility timeout is over
                self._log.warning("messages were not given back", messages=len(hidden), error=type(error).__name__)

    def _renew(self, held: Held, seconds: int) -> bool:
        try:
            self._queue.renew(held.delivery, seconds)
        except faults.AwsError as error:
            self._log.warning("a message was not renewed", job_id=held.work.id, error=type(error).__name__)
            return False
        return True

    def _returned(self, batch: Sequence[Return], _: None) -> None:
        self._held.difference_update(held for held, *_ in batch)

    # Deleting

    def _send_deletions(self, count: int) -> None:
        for batch in _batches(self._deletions[:count]):
            self._delete_crew.run(partial(self._delete, batch), partial(self._deleted, batch))
        del self._deletions[:count]

    def _delete(self, batch: Sequence[Held]) -> Answer:
        try:
            return self._queue.delete([held.delivery for held in batch])
        except faults.AwsError as error:
            self._log.warning("messages were not deleted", messages=len(batch), error=type(error).__name__)
            return set(), set(range(len(batch)))

    def _deleted(self, batch: Sequence[Held], answer: Answer) -> None:
        gone, failed = answer
        if gone:
            self._log.warning("messages were not ours any more when they were deleted", messages=len(gone))
        for number, held in enumerate(batch):
            if number in failed:
                self._deletions.append(held)
            else:
                self._held.discard(held)
        if failed:
            wait = RETRY_SECONDS[min(self._failed_deletions, len(RETRY_SECONDS) - 1)]
            self._failed_deletions += 1
            self._delete_at = time.monotonic() + wait
        else:
            self._failed_deletions = 0


def _batches(items: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), BATCH):
        yield items[start : start + BATCH]
