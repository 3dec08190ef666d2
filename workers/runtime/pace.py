"""How many messages a task may take ahead of their turn."""

from __future__ import annotations

READ_AHEAD_SECONDS = 10.0  # a message that waits here cannot be taken by a task that has nothing to do
PARCEL_SECONDS = 0.05
MAX_AHEAD = 100  # so that several polls can be under way while the shortest messages are worked off
MAX_PARCEL = 20
_WEIGHT = 0.2  # of the latest message in the average


class Pace:
    """Follows how long messages take. Until the first has ended nothing is taken ahead.

    visibility_seconds: of the queue; what is taken ahead can be finished within half of it.
    """

    def __init__(self, visibility_seconds: float):
        self._horizon = min(READ_AHEAD_SECONDS, visibility_seconds / 2)
        self._average: float | None = None

    def ran(self, seconds: float) -> None:
        """A message took so long."""
        self._average = seconds if self._average is None else self._average + _WEIGHT * (seconds - self._average)

    def hold(self, lanes: int) -> int:
        """How many messages to hold at most, where so many run at a time: those that run and those taken ahead."""
        return lanes + min(MAX_AHEAD, self._fit(self._horizon) * lanes)

    def parcel(self) -> int:
        """How many messages to give to a process beyond those it can run, so that short ones do not wait for us."""
        return min(MAX_PARCEL, self._fit(PARCEL_SECONDS))

    def _fit(self, seconds: float) -> int:
        if self._average is None:
            return 0
        return int(min(seconds / max(self._average, 1e-6), 1e6))
