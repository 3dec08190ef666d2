"""A schedule between its start and its end."""

from __future__ import annotations

import datetime as dt
from itertools import islice
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from schedules import Rate, Timetable, parse

BEGUN = dt.datetime(2026, 1, 1, 10, 30, 15, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)


def timetable(expression: str, start: dt.datetime | None = None, end: dt.datetime | None = None) -> Timetable:
    return Timetable(parse(expression), ZoneInfo("Europe/Berlin"), BEGUN, start, end)


def due(expression: str, after: dt.datetime = BEGUN, **bounds: dt.datetime) -> list[str]:
    return [f"{moment:%d %H:%M:%S}" for moment in islice(timetable(expression, **bounds).after(after), 3)]


def test_a_rate_counts_from_the_first_deployment_or_from_its_start() -> None:
    assert due("rate(2 hours)") == ["01 12:30:15", "01 14:30:15", "01 16:30:15"]
    start = BEGUN + 90 * HOUR
    assert due("rate(2 hours)", start=start) == ["05 04:30:15", "05 06:30:15", "05 08:30:15"]
    assert due("rate(2 hours)", after=start + HOUR, start=start) == ["05 06:30:15", "05 08:30:15", "05 10:30:15"]


def test_the_start_is_within_and_the_end_is_not() -> None:
    noon = dt.datetime(2026, 1, 3, 11, tzinfo=dt.UTC)
    assert due("cron(0 12 * * ? *)", start=noon) == ["03 11:00:00", "04 11:00:00", "05 11:00:00"]
    assert due("cron(0 12 * * ? *)", end=noon) == ["01 11:00:00", "02 11:00:00"]
    assert due("rate(1 day)", end=BEGUN + 48 * HOUR) == ["02 10:30:15"]
    assert due("rate(1 day)", start=noon, end=noon + 24 * HOUR) == ["03 11:00:00"]
    assert due("cron(0 12 * * ? *)", end=BEGUN) == []


def test_a_days_rate_is_24_hours_also_where_the_clock_changes() -> None:
    start = dt.datetime(2026, 3, 28, 6, tzinfo=ZoneInfo("Europe/Berlin"))
    found = list(islice(timetable("rate(1 day)", start=start).after(start), 2))
    assert [f"{moment.astimezone(ZoneInfo('Europe/Berlin')):%d %H:%M}" for moment in found] == ["29 07:00", "30 07:00"]


@given(st.integers(1, 5000), st.integers(-(10**6), 10**6))
def test_a_rate_is_due_next_within_one_interval(minutes: int, seconds: int) -> None:
    rate, instant = Rate(dt.timedelta(minutes=minutes)), BEGUN + dt.timedelta(seconds=seconds)
    first, second = islice(rate.after(instant, BEGUN), 2)
    assert first > instant and first >= BEGUN
    assert first - max(instant, BEGUN - rate.interval) <= rate.interval
    assert second - first == rate.interval
    assert (first - BEGUN) % rate.interval == dt.timedelta(0)
