"""`cron(…)`: at times of day on certain days, by the clock of a time zone."""

from __future__ import annotations

import datetime as dt
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass

from schedules.days import OF_WEEK, Days, days_of_month, days_of_week
from schedules.errors import Unreadable
from schedules.field import Field

MINUTES, HOURS = Field("the minutes", 0, 59), Field("the hours", 0, 23)
MONTHS = Field(
    "the months", 1, 12, ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
)
YEARS = Field("the years", 1970, 2199)
_CRONTAB_DAYS = re.compile(r"[0-7]([,-][0-7])*")
_SIX = "minutes, hours, day-of-month, month, day-of-week, year"


@dataclass(frozen=True)
class Cron:
    """
    A time of day that the clocks skip is skipped; one that they show twice counts the first time only.
    Source: EventBridge Scheduler user guide, schedule types, daylight saving time.
    """

    days: Days
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    months: tuple[int, ...]
    years: tuple[int, ...]

    @classmethod
    def parse(cls, text: str) -> Cron:
        """text: what stands between the brackets. Raises Unreadable."""
        fields = text.split()
        if len(fields) != 6:
            raise Unreadable(f"has {len(fields)} fields instead of six ({_SIX}){nearest(fields)}")
        if text != " ".join(fields):
            raise Unreadable(f"has blanks that are not needed{nearest(fields)}")
        minutes, hours, day, month, weekday, year = fields
        if (day == "?") == (weekday == "?"):
            wrong = "must have ? in one of the fields day-of-month and day-of-week, and only in one"
            raise Unreadable(wrong + nearest(fields))
        days = days_of_month(day) if weekday == "?" else days_of_week(weekday)
        chosen = ((MINUTES, minutes), (HOURS, hours), (MONTHS, month), (YEARS, year))
        cron = cls(days, *(tuple(sorted(field.values(text))) for field, text in chosen))
        if not any(cron.days(year, month) for year in cron.years for month in cron.months):
            raise Unreadable("is never due: no month and year that it names has such a day")
        return cron

    def after(self, instant: dt.datetime, zone: dt.tzinfo) -> Iterator[dt.datetime]:
        """When it is due after an instant, ascending, in UTC; ends with the expression's last year."""
        first = instant.astimezone(zone).date()
        due = (moment for day in self._days_from(first) for moment in self._times(day, zone))
        return itertools.dropwhile(lambda moment: moment <= instant, due)

    def _days_from(self, first: dt.date) -> Iterator[dt.date]:
        for year, month in itertools.product(self.years, self.months):
            if (year, month) >= (first.year, first.month):
                days = (dt.date(year, month, day) for day in self.days(year, month))
                yield from (day for day in days if day >= first)

    def _times(self, day: dt.date, zone: dt.tzinfo) -> Iterator[dt.datetime]:
        """When it is due on a day, ascending."""
        for hour, minute in itertools.product(self.hours, self.minutes):
            shown = dt.datetime(day.year, day.month, day.day, hour, minute)
            moment = shown.replace(tzinfo=zone).astimezone(dt.UTC)  # of two moments the first, since fold is 0
            if moment.astimezone(zone).replace(tzinfo=None) == shown:
                yield moment


def nearest(fields: list[str]) -> str:
    """What was meant by fields that are not right, as the end of a message; empty if it cannot be told."""
    if len(fields) == 5:
        fields = _of_crontab(fields)
    if len(fields) != 6:
        return ""
    minutes, hours, day, month, weekday, year = fields
    if weekday in ("*", "?"):
        day, weekday = "*" if day == "?" else day, "?"
    elif day == "*":
        day = "?"
    if (day == "?") == (weekday == "?"):  # parsing would ask for the nearest again
        return ""
    text = f"{minutes} {hours} {day} {month} {weekday} {year}"
    try:
        Cron.parse(text)
    except Unreadable:
        return ""
    return f"; nearest: 'cron({text})'"


def _of_crontab(fields: list[str]) -> list[str]:
    """With a year, and names for days of the week: in a crontab 0 and 7 are Sunday, here 1 is."""
    *others, weekday = fields
    if _CRONTAB_DAYS.fullmatch(weekday):
        weekday = re.sub("[0-7]", lambda digit: OF_WEEK.names[int(digit[0]) % 7], weekday)
    return [*others, weekday, "*"]
