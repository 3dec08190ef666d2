"""Which days of a month the two day fields of a cron expression mean."""

from __future__ import annotations

import calendar
import datetime as dt
import re
from collections.abc import Callable

from schedules.errors import Unreadable
from schedules.field import Field

OF_MONTH = Field("the days of the month", 1, 31)
OF_WEEK = Field("the days of the week", 1, 7, ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"), steps=False)
SATURDAY = 7

_WEEKDAY = re.compile(r"([0-9]{1,2})W")
_LAST = re.compile(r"([0-9A-Za-z]+)L")
_NTH = re.compile(r"([0-9A-Za-z]+)#([0-9]+)")


Days = Callable[[int, int], list[int]]
"""The days, ascending, of a year and a month."""


def days_of_month(text: str) -> Days:
    """What day-of-month says, unless it is `?`. Raises Unreadable."""
    if text == "L":
        return lambda year, month: [_length(year, month)]
    if text == "LW":
        return lambda year, month: _nearest_weekday(year, month, _length(year, month))
    if match := _WEEKDAY.fullmatch(text):
        day = OF_MONTH.number(match[1])
        return lambda year, month: _nearest_weekday(year, month, day)
    if "L" in text or "W" in text:
        raise Unreadable(f"has {text!r} for the days of the month, where L, LW or one day with W stand alone")
    chosen = sorted(OF_MONTH.values(text))
    return lambda year, month: [day for day in chosen if day <= _length(year, month)]


def days_of_week(text: str) -> Days:
    """What day-of-week says, unless it is `?`. Raises Unreadable."""
    if text == "L":  # of the week, that is, not of the month
        return lambda year, month: _weekdays(year, month, frozenset([SATURDAY]))
    if match := _LAST.fullmatch(text):
        last = frozenset([OF_WEEK.number(match[1])])
        return lambda year, month: _weekdays(year, month, last)[-1:]
    if match := _NTH.fullmatch(text):
        nth, count = frozenset([OF_WEEK.number(match[1])]), int(match[2])
        if not 1 <= count <= 5:
            raise Unreadable(f"has {text!r} for the days of the week; the number after # is from 1 to 5")
        return lambda year, month: _weekdays(year, month, nth)[count - 1 : count]
    if "#" in text:
        raise Unreadable(f"has {text!r} for the days of the week, where a day with # stands alone, such as 'MON#1'")
    if any(_LAST.fullmatch(item) for item in text.split(",")):
        raise Unreadable(f"has {text!r} for the days of the week, where a day with L stands alone, such as 'FRIL'")
    chosen = OF_WEEK.values(text)
    return lambda year, month: _weekdays(year, month, chosen)


def _length(year: int, month: int) -> int:
    return calendar.monthrange(year, month)[1]


def _weekdays(year: int, month: int, chosen: frozenset[int]) -> list[int]:
    """The month's days that fall on one of the days of the week, of which 1 is Sunday."""
    first = dt.date(year, month, 1).isoweekday() % 7
    return [day for day in range(1, _length(year, month) + 1) if (first + day - 1) % 7 + 1 in chosen]


def _nearest_weekday(year: int, month: int, day: int) -> list[int]:
    """The day from Monday to Friday nearest to the day, in the same month; none if the month has no such day."""
    length = _length(year, month)
    if day > length:
        return []
    weekday = dt.date(year, month, day).isoweekday()
    if weekday == 6:
        return [day - 1 if day > 1 else day + 2]
    if weekday == 7:
        return [day + 1 if day < length else day - 2]
    return [day]
