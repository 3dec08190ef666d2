"""`rate(…)`: at intervals, whatever the clocks on the walls do."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass

from schedules.errors import Unreadable

_UNITS = {"minute": dt.timedelta(minutes=1), "hour": dt.timedelta(hours=1), "day": dt.timedelta(days=1)}
_RATE = re.compile(r"([0-9]{1,9}) +([A-Za-z]+)")
_EXAMPLES = "such as 'rate(1 hour)' or 'rate(12 hours)'"
LONGEST = dt.timedelta(days=3650)


@dataclass(frozen=True)
class Rate:
    """A day is 24 hours here, also where the clocks change."""

    interval: dt.timedelta

    @classmethod
    def parse(cls, text: str) -> Rate:
        """text: what stands between the brackets. Raises Unreadable."""
        match = _RATE.fullmatch(text)
        if match is None:
            raise Unreadable(f"is no number and unit, {_EXAMPLES}")
        number, written = int(match[1]), match[2]
        unit = written.lower().removesuffix("s")
        if unit not in _UNITS:
            raise Unreadable(f"has the unit {written!r}; allowed: minutes, hours, days")
        if number == 0:
            raise Unreadable(f"is never due; nearest: 'rate(1 {unit})'")
        right = unit if number == 1 else f"{unit}s"
        if written != right:
            raise Unreadable(f"has the unit {written!r}; nearest: 'rate({number} {right})'")
        if number * _UNITS[unit] > LONGEST:
            raise Unreadable(f"is longer than ten years; nearest: 'rate({LONGEST.days} days)'")
        return cls(number * _UNITS[unit])

    def after(self, instant: dt.datetime, first: dt.datetime) -> Iterator[dt.datetime]:
        """When it is due after an instant, ascending, in UTC. first: when it is due for the first time."""
        passed = max((instant - first) // self.interval + 1, 0)
        due = first.astimezone(dt.UTC) + passed * self.interval
        while True:
            yield due
            due += self.interval
