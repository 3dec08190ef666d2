"""The five fields of a Kubernetes CronJob, by the clock of a time zone."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass

from schedules.cron import HOURS, MINUTES, MONTHS
from schedules.days import OF_MONTH
from schedules.errors import Unreadable
from schedules.field import Field

# 0 is Sunday, other than in EventBridge Scheduler, and 7 is refused.
OF_WEEK = Field("the days of the week", 0, 6, ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"))
YEARS = 8  # in which every day that ever comes has come: 29 February, also around a century's end
_FIVE = "minutes, hours, day-of-month, month, day-of-week"
_MINUTE = dt.timedelta(minutes=1)
_UNRESTRICTED = ("*", "?", "*/1")


@dataclass(frozen=True)
class Crontab:
    """
    Due at every minute at which the zone's clock shows one of its times: a time that the clock skips is skipped, and
    one that it shows twice is due twice. No library reads it so: they follow Debian's cron, which moves the one and
    drops the other.
    Where both day fields are restricted, a day that is in either counts.
    Sources: Kubernetes documentation, CronJob, schedule syntax; robfig/cron v3, `SpecSchedule.Next`, which the
    controller uses; kubernetes/kubernetes issue 121594 for what the clock shows twice.
    """

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either: bool

    @classmethod
    def parse(cls, text: str) -> Crontab:
        """Raises Unreadable for what Kubernetes would refuse, for names and intervals, and for what is never due."""
        if text.startswith("@"):
            raise Unreadable("is a name for a schedule; write its five fields, such as '0 0 * * *' for @daily")
        if text.startswith(("TZ=", "CRON_TZ=")):
            raise Unreadable("has a time zone in it, which Kubernetes refuses; write it under timezone")
        fields = text.split()
        if len(fields) != 5:
            raise Unreadable(f"has {len(fields)} fields instead of five ({_FIVE}){_nearest(text)}")
        minutes, hours, day, month, weekday = ("*" if field == "?" else field for field in fields)
        crontab = cls(
            minutes=MINUTES.values(minutes),
            hours=HOURS.values(hours),
            days=OF_MONTH.values(day),
            months=MONTHS.values(month),
            weekdays=OF_WEEK.values(weekday),
            either=day not in _UNRESTRICTED and weekday not in _UNRESTRICTED,
        )
        if next(crontab.after(dt.datetime(2000, 1, 1, tzinfo=dt.UTC), dt.UTC), None) is None:
            raise Unreadable("is never due: no month that it names has such a day")
        return crontab

    def after(self, instant: dt.datetime, zone: dt.tzinfo) -> Iterator[dt.datetime]:
        """When it is due after an instant, ascending, in UTC."""
        while due := self._next(instant.astimezone(dt.UTC), zone):
            yield due
            instant = due

    def _next(self, instant: dt.datetime, zone: dt.tzinfo) -> dt.datetime | None:
        moment = instant.replace(second=0, microsecond=0) + _MINUTE
        end = moment + dt.timedelta(days=366 * YEARS)
        while moment < end:
            shown = moment.astimezone(zone)
            if not self._on(shown.date()):
                morning = dt.datetime.combine(shown.date() + dt.timedelta(days=1), dt.time(), zone)
                moment = morning.astimezone(dt.UTC)
            elif shown.hour not in self.hours:
                moment += _MINUTE * (60 - shown.minute)
            elif shown.minute not in self.minutes:
                moment += _MINUTE
            else:
                return moment
        return None

    def _on(self, day: dt.date) -> bool:
        of_month, of_week = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return day.month in self.months and ((of_month or of_week) if self.either else (of_month and of_week))


def _nearest(text: str) -> str:
    """What was meant by other forms, which have seconds in front or a year behind; empty if it cannot be told."""
    fields = text.removeprefix("cron(").removesuffix(")").split()
    # In six fields with a question mark, which is AWS's form, there are no seconds.
    five = fields[:5] if len(fields) == 6 and "?" in fields else fields[1:6]
    if len(fields) not in (6, 7) or re.search("[0-9]", five[4]):  # those forms do not agree on what day 1 is
        return ""
    nearest = " ".join(five).replace("?", "*")
    try:
        Crontab.parse(nearest)
    except Unreadable:
        return ""
    return f"; nearest: '{nearest}'"
