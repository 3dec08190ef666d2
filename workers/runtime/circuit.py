"""A circuit breaker around what the messages' work depends on."""

from __future__ import annotations

from enum import Enum

OPEN_AFTER = 5  # failures in a row
OPEN_SECONDS = 60.0


class State(Enum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half open"


class Circuit:
    """Opens after 5 failures in a row; 60 s later it lets one message through, whose end decides.

    Times are on the clock of time.monotonic().
    """

    def __init__(self) -> None:
        self._failures = 0
        self._opened: float | None = None

    def state(self, now: float) -> State:
        if self._opened is None:
            return State.CLOSED
        return State.OPEN if now < self._opened + OPEN_SECONDS else State.HALF_OPEN

    def worked(self) -> None:
        """A message was processed, so what it needs is there."""
        self._failures, self._opened = 0, None

    def failed(self, now: float) -> bool:
        """A message met a failing dependency. Returns whether that has opened the circuit."""
        self._failures += 1
        if self.state(now) is State.OPEN or self._failures < OPEN_AFTER:
            return False  # while it is open, messages end that had begun before
        self._opened = now
        return True
