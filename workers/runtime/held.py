"""A message that this task holds, and the order in which those that wait here begin."""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass, field
from threading import Lock

from workers.runtime.delivery import Delivery, Work
from workers.runtime.idempotency import Claim

# Times are in seconds on the clock of time.monotonic().


@dataclass(eq=False, kw_only=True)
class Held:
    """A message in flight that is ours.

    line: messages of the same line begin one after another: those of a message group in a FIFO queue, otherwise those
        that ask for the same work.
    since: when it was received. beats_at: when its invisibility is to be extended.
    rests_until: it does not begin before.
    retries: runs of it in this task before this one. seconds: what the latest took.
    alone: run it while nothing else runs in the same process, because that process died with this one and others.
    lost: it is another's now. leaving: it is being given back; nothing may hide it any more.
    claim: the right to do its work, to be used with claim_lock; None if it has none.
    overtaken: another has that right now. rejected: why its body cannot be understood, if so.
    """

    delivery: Delivery
    work: Work
    line: str
    since: float
    beats_at: float = 0.0
    rests_until: float = 0.0
    retries: int = 0
    seconds: float = 0.0
    alone: bool = False
    lost: bool = False
    leaving: bool = False
    claim: Claim | None = None
    claim_lock: Lock = field(default_factory=Lock)
    overtaken: bool = False
    rejected: str | None = None

    @property
    def again(self) -> bool:
        """Whether it may have failed before."""
        return self.delivery.receives > 1 or self.retries > 0


@dataclass
class _Line:
    """messages: those that wait. running: one of them has begun."""

    messages: deque[Held] = field(default_factory=deque)
    running: bool = False


class Waiting:
    """Messages that have not begun. Each line begins with its first, and with the next when that one has left it."""

    def __init__(self) -> None:
        self._lines: OrderedDict[str, _Line] = OrderedDict()
        self.begun = 0  # messages that have begun and not left their line

    def add(self, held: Held) -> None:
        self._lines.setdefault(held.line, _Line()).messages.append(held)

    def begin(self, now: float) -> Held | None:
        """The next message that may begin; its line waits until `end`, `put_back` or `abandon`."""
        for name, line in self._lines.items():
            if _open(line, now):
                line.running = True
                self.begun += 1
                self._lines.move_to_end(name)
                return line.messages.popleft()
        return None

    def end(self, held: Held) -> None:
        """It has been dealt with: the next of its line may begin."""
        line = self._leave(held)
        if not line.messages:
            del self._lines[held.line]

    def put_back(self, held: Held) -> None:
        """To the front of its line, which begins no other message before it."""
        self._leave(held).messages.appendleft(held)

    def abandon(self, held: Held) -> list[Held]:
        """It leaves with those that wait behind it, which are returned."""
        followers = list(self._leave(held).messages)
        del self._lines[held.line]
        return followers

    def _leave(self, held: Held) -> _Line:
        line = self._lines[held.line]
        line.running = False
        self.begun -= 1
        return line

    def count(self, now: float) -> int:
        """How many lines could begin a message."""
        return sum(_open(line, now) for line in self._lines.values())

    def wakes_at(self, now: float) -> float | None:
        """When the next rest ends."""
        firsts = [line.messages[0].rests_until for line in self._lines.values() if line.messages and not line.running]
        return min((time for time in firsts if time > now), default=None)

    def take_idle(self, *, before: float = float("inf")) -> list[Held]:
        """Remove the messages of every line in which none runs and whose first could have begun before that time."""
        taken: list[Held] = []
        for name, line in list(self._lines.items()):
            if not line.running and max(line.messages[0].since, line.messages[0].rests_until) < before:
                taken += line.messages
                del self._lines[name]
        return taken

    def take_followers(self) -> list[Held]:
        """Remove those that wait for one that has begun."""
        taken: list[Held] = []
        for line in self._lines.values():
            if line.running:
                taken += line.messages
                line.messages.clear()
        return taken


def _open(line: _Line, now: float) -> bool:
    return not line.running and line.messages[0].rests_until <= now
