"""When one schedule is due: its expression between its start and its end."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from schedules.cron import Cron
from schedules.rate import Rate


@dataclass(frozen=True)
class Timetable:
    """
    zone: whose clock the expression goes by. start, end: it is due from the one on, and before the other.
    begun: since when the schedule exists. Its rate counts from there unless it starts later.
    """

    expression: Cron | Rate
    zone: dt.tzinfo
    begun: dt.datetime
    start: dt.datetime | None = None
    end: dt.datetime | None = None

    def after(self, instant: dt.datetime) -> Iterator[dt.datetime]:
        """When it is due after an instant, ascending, in UTC."""
        if self.start and instant < self.start:
            instant = self.start - dt.timedelta.resolution
        if isinstance(self.expression, Rate):
            due = self.expression.after(instant, max(self.start or self.begun, self.begun))
        else:
            due = self.expression.after(instant, self.zone)
        return itertools.takewhile(lambda moment: self.end is None or moment < self.end, due)
