"""Sends dead letters back to their queue: one first, and the others only if that one is processed.

A redriven message keeps its body, and with it the id by which a worker knows what it has done.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from batchctl.letters import BATCH, DeadLetters, Letter

POLL_SECONDS = 3
EMPTY_RECEIVES = 2  # a queue that answers with nothing twice has nothing
MOST_PER_SECOND = 500  # Source: SQS API reference, StartMessageMoveTask
NO_CANARY = "none can go first: what they stand for is done already, or they do not say what it is; send all at once"

Proof = Callable[[Letter], bool]


@dataclass(frozen=True, kw_only=True)
class Wish:
    """Which dead letters to send back, and how.

    reason: text that their reason contains. key: pattern of the key of their object, with * and ?.
    limit: at most so many, the first included. rate: at most so many a second, on average.
    canary_seconds: how long to wait for the first to be processed; None sends all without waiting.
    """

    reason: str = ""
    key: str = "*"
    limit: int | None = None
    rate: float | None = None
    canary_seconds: float | None = 600

    @property
    def is_everything(self) -> bool:
        return not self.reason and self.key == "*" and self.limit is None

    def fits(self, letter: Letter) -> bool:
        return self.reason.lower() in letter.reason.lower() and fnmatchcase(letter.key, self.key)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """moved: letters sent back, the canary included. failed: letters that the queue did not take.
    left: about how many remain. canary: id of the first. native: SQS moved the others itself.
    stopped: why not all were sent back; empty if they were.
    """

    moved: int
    failed: int
    left: int
    canary: str | None
    native: bool
    stopped: str


def redrive(letters: DeadLetters, wish: Wish, is_done: Proof) -> Outcome:
    """is_done: whether the work that a letter stands for is done. Errors of AWS come through; no letter is lost."""
    return _Redrive(letters, wish, is_done).run()


class _Redrive:
    def __init__(self, letters: DeadLetters, wish: Wish, is_done: Proof):
        self._letters, self._wish, self._is_done = letters, wish, is_done
        self._held: dict[str, Letter] = {}  # looked at and not sent, by message id
        self._tried: set[str] = set()  # by identity: one that comes back is not sent again by the same redrive
        self._moved = self._failed = 0
        self._native = False

    def run(self) -> Outcome:
        canary, stopped = None, ""
        try:
            if self._wish.canary_seconds is not None:
                canary, stopped = self._send_canary(self._wish.canary_seconds)
            if not stopped:
                stopped = self._send_rest()
        finally:
            self._let_go()
        return Outcome(
            moved=self._moved,
            failed=self._failed,
            left=self._letters.count(),
            canary=canary.work_id if canary else None,
            native=self._native,
            stopped=stopped,
        )

    def _send_canary(self, seconds: float) -> tuple[Letter | None, str]:
        """The letter that went first, and why no other may follow."""
        unfit = False
        while fresh := self._look():
            for letter in filter(self._wish.fits, fresh):
                # Without an id, or with its work done before, it would prove nothing.
                unfit = True
                if letter.work_id and not self._is_done(letter):
                    self._move([letter])
                    return letter, self._wait_for(letter, seconds) if self._moved else "the first was not taken"
        return None, NO_CANARY if unfit else ""

    def _wait_for(self, canary: Letter, seconds: float) -> str:
        """Why the canary did not make it; empty if it did."""
        end = time.monotonic() + seconds
        while not self._is_done(canary):
            if canary.group:  # of a FIFO queue, what is held hides what comes after it, and there the canary comes back
                self._let_go(canary.group)
            for letter in self._look():
                if letter.identity == canary.identity:
                    return f"the first came back: {letter.reason or 'no reason given'}"
            if time.monotonic() >= end:
                return f"the first was not processed within {seconds:g} seconds"
            time.sleep(POLL_SECONDS)
        self._let_go()  # what was looked at meanwhile
        return ""

    def _send_rest(self) -> str:
        """Why not all were sent; empty if they were."""
        rate = self._wish.rate
        if self._letters.can_move and self._wish.is_everything and (rate is None or rate >= 1):
            return self._move_natively(min(int(rate), MOST_PER_SECOND) if rate else None)
        empty = 0
        while empty < EMPTY_RECEIVES and self._room():
            fresh = self._look()
            empty = 0 if fresh else empty + 1
            self._move_slowly([letter for letter in fresh if self._wish.fits(letter)])
        return f"{self._failed} were not taken by the queue" if self._failed else ""

    def _move_natively(self, per_second: int | None) -> str:
        self._let_go()
        self._native = True
        self._letters.start_move(per_second)
        while True:
            status, moved, failure = self._letters.last_move()
            if status not in ("RUNNING", "CANCELLING"):
                break
            time.sleep(POLL_SECONDS)
        self._moved += moved
        return "" if status == "COMPLETED" else f"SQS's move task is {status.lower()}: {failure or 'no reason given'}"

    def _move_slowly(self, letters: Sequence[Letter]) -> None:
        """As fast as the wish allows."""
        rate = self._wish.rate
        size = BATCH if rate is None else max(1, min(int(rate), BATCH))
        for start in range(0, len(letters), size):
            batch = letters[start : start + min(size, self._room())]
            moved = self._move(batch)
            if rate and moved:
                time.sleep(moved / rate)

    def _move(self, letters: Sequence[Letter]) -> int:
        """How many were sent back."""
        new = {letter.identity: letter for letter in letters if letter.identity not in self._tried}
        self._tried |= set(new)
        sent = self._letters.send_back(list(new.values()))
        for letter in sent:
            self._held.pop(letter.message_id, None)
        self._moved += len(sent)
        self._failed += len(new) - len(sent)
        return len(sent)

    def _look(self) -> list[Letter]:
        """Letters that have not been looked at."""
        found = self._letters.receive()
        fresh = [letter for letter in found if letter.message_id not in self._held]
        self._held |= {letter.message_id: letter for letter in found}
        return fresh

    def _let_go(self, group: str | None = None) -> None:
        """Of one message group, or all."""
        free = [letter for letter in self._held.values() if group in (None, letter.group)]
        self._letters.let_go(free)
        for letter in free:
            del self._held[letter.message_id]

    def _room(self) -> int:
        """How many more may be sent."""
        return BATCH if self._wish.limit is None else max(0, self._wish.limit - self._moved)
