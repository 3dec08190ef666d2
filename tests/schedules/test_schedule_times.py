"""Expressions by the clocks of time zones, which are put forward and back."""

from __future__ import annotations

import datetime as dt
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schedules import Cron, parse

MINUTE = dt.timedelta(minutes=1)
BERLIN, NEW_YORK, LORD_HOWE = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York"), ZoneInfo("Australia/Lord_Howe")
ZONES = [BERLIN, NEW_YORK, LORD_HOWE, ZoneInfo("Asia/Kolkata"), ZoneInfo("America/St_Johns"), dt.UTC]
# Days on which a clock of these zones is put forward or back; Newfoundland's was put back at a minute past midnight.
CHANGES = [
    dt.date(2026, 3, 29), dt.date(2026, 10, 25), dt.date(2026, 3, 8), dt.date(2026, 11, 1),
    dt.date(2026, 4, 5), dt.date(2026, 10, 4), dt.date(2010, 11, 7), dt.date(2010, 3, 14),
]  # fmt: skip


def cron(text: str) -> Cron:
    found = parse(f"cron({text})")
    assert isinstance(found, Cron)
    return found


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


def due(text: str, zone: ZoneInfo, since: str, count: int) -> list[str]:
    return [f"{moment:%m-%d %H:%M}" for moment in islice(cron(text).after(at(since), zone), count)]


@pytest.mark.parametrize(
    ("text", "zone", "since", "expected"),
    [
        # In summer and in winter 06:00 is another time in UTC.
        ("0 6 * * ? *", BERLIN, "2026-03-28", ["03-28 05:00", "03-29 04:00", "03-30 04:00"]),
        ("0 6 * * ? *", BERLIN, "2026-10-24", ["10-24 04:00", "10-25 05:00", "10-26 05:00"]),
        ("0 6 * * ? *", ZoneInfo("Asia/Kolkata"), "2026-03-28", ["03-28 00:30", "03-29 00:30"]),
        # Clocks are put forward: 02:30, or in New York that of 8 March, does not exist and is skipped.
        ("30 2 * * ? *", BERLIN, "2026-03-27T12:00", ["03-28 01:30", "03-30 00:30"]),
        ("30 2 * * ? *", NEW_YORK, "2026-03-07", ["03-07 07:30", "03-09 06:30"]),
        ("0 2 * * ? *", BERLIN, "2026-03-28T12:00", ["03-30 00:00"]),
        ("0 3 * * ? *", BERLIN, "2026-03-28T12:00", ["03-29 01:00", "03-30 01:00"]),
        # … put back: 02:30 comes twice and counts the first time.
        ("30 2 * * ? *", BERLIN, "2026-10-24T12:00", ["10-25 00:30", "10-26 01:30"]),
        ("30 1 * * ? *", NEW_YORK, "2026-10-31T12:00", ["11-01 05:30", "11-02 06:30"]),
        # Half an hour on Lord Howe: 02:00 to 02:29 is skipped, 01:30 to 01:59 comes twice.
        ("15 2 * * ? *", LORD_HOWE, "2026-10-02T12:00", ["10-02 15:45", "10-04 15:15"]),
        ("30 2 * * ? *", LORD_HOWE, "2026-10-03T12:00", ["10-03 15:30", "10-04 15:30"]),
        ("45 1 * * ? *", LORD_HOWE, "2026-04-04T12:00", ["04-04 14:45", "04-05 15:15"]),
        # Within the hour that comes twice nothing is due; within the one that is missing neither.
        ("0/30 * * * ? *", BERLIN, "2026-10-24T23:50", ["10-25 00:00", "10-25 00:30", "10-25 02:00"]),
        ("0/30 * * * ? *", BERLIN, "2026-03-29T00:20", ["03-29 00:30", "03-29 01:00", "03-29 01:30"]),
    ],
)  # fmt: skip
def test_clocks_that_change(text: str, zone: ZoneInfo, since: str, expected: list[str]) -> None:
    assert due(text, zone, since, len(expected)) == expected


def test_what_is_due_at_the_instant_itself_does_not_come_after_it() -> None:
    six = at("2026-07-01T04:00")
    assert next(cron("0 6 * * ? *").after(six, BERLIN)) == at("2026-07-02T04:00")


def test_a_day_that_a_zone_has_left_out_is_left_out() -> None:
    # Samoa went from 29 December 2011 straight to the 31st.
    found = list(cron("0 12 28-31 12 ? 2011").after(at("2011-01-01"), ZoneInfo("Pacific/Apia")))
    assert [f"{moment:%m-%d %H:%M}" for moment in found] == ["12-28 22:00", "12-29 22:00", "12-30 22:00"]


def test_in_the_second_showing_of_an_hour_its_first_showing_is_over() -> None:
    twice = at("2026-10-25T01:15")  # 02:15 in Berlin for the second time
    every_hour = cron("30 * * * ? *")
    assert next(every_hour.after(twice, BERLIN)) == at("2026-10-25T02:30")


def test_the_next_day_may_have_begun_before_the_clock_was_put_back_over_midnight() -> None:
    zone = ZoneInfo("America/St_Johns")
    before_midnight_again = at("2010-11-07T03:00")  # 23:30 on the 6th; the 7th had already had its first minute
    assert next(cron("0 0 * * ? *").after(before_midnight_again, zone)) == at("2010-11-08T03:30")


minutes = st.lists(st.integers(0, 59), min_size=1, max_size=3, unique=True)
hours = st.lists(st.integers(0, 23), min_size=1, max_size=4, unique=True)
instants = st.builds(
    lambda day, minute: dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC) + minute * MINUTE,
    st.sampled_from(CHANGES) | st.dates(dt.date(1990, 1, 1), dt.date(2036, 1, 1)),
    st.integers(-1440, 2880),
)
zones = st.sampled_from(ZONES)
day_fields = st.sampled_from(
    ["* * ?", "1 * ?", "L * ?", "LW * ?", "15W * ?", "29 2 ?", "? * MON-FRI", "? * SUN#1", "? * 1L", "? 3,10,11 SUN"]
)
crons = st.builds(
    lambda minutes, hours, days: cron(f"{','.join(map(str, minutes))} {','.join(map(str, hours))} {days} *"),
    minutes, hours, day_fields,
)  # fmt: skip


@given(crons, instants, zones)
@settings(max_examples=150, deadline=None)
def test_what_comes_after_ascends_in_utc_and_is_never_in_the_past(
    cron: Cron, instant: dt.datetime, zone: ZoneInfo
) -> None:
    found = list(islice(cron.after(instant, zone), 12))
    assert len(found) == 12
    assert all(moment.tzinfo is dt.UTC for moment in found)
    assert all(one < other for one, other in pairwise([instant, *found]))


@given(minutes, hours, st.sampled_from(CHANGES), zones)
@settings(max_examples=60, deadline=None)
def test_it_is_due_in_each_minute_at_which_the_clock_shows_it_for_the_first_time(
    minutes: list[int], hours: list[int], day: dt.date, zone: ZoneInfo
) -> None:
    start = dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC) - dt.timedelta(days=1)
    moments = [start + n * MINUTE for n in range(3 * 24 * 60)]
    shown = [(moment, moment.astimezone(zone)) for moment in moments]
    expected = [m for m, clock in shown if not clock.fold and clock.minute in minutes and clock.hour in hours]
    text = f"{','.join(map(str, minutes))} {','.join(map(str, hours))} * * ? *"
    found = list(islice(cron(text).after(start - MINUTE, zone), len(expected) + 1))
    assert found[: len(expected)] == expected
    assert found[-1] > moments[-1]
