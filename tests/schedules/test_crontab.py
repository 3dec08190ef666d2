"""The five fields of a CronJob."""

from __future__ import annotations

import datetime as dt
from itertools import islice
from zoneinfo import ZoneInfo

import pytest

from schedules import Crontab, Unreadable


def due(text: str, after: str, zone: str = "UTC", count: int = 3) -> list[str]:
    """The next times after an instant in UTC, by the clock of the zone."""
    moments = Crontab.parse(text).after(dt.datetime.fromisoformat(after).replace(tzinfo=dt.UTC), ZoneInfo(zone))
    return [f"{moment.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M %Z}" for moment in islice(moments, count)]


@pytest.mark.parametrize(
    ("text", "after", "expected"),
    [
        ("0 2 * * *", "2026-05-01T02:00", ["2026-05-02 02:00", "2026-05-03 02:00", "2026-05-04 02:00"]),
        ("*/20 8-9 * * MON-FRI", "2026-05-01T09:20", ["2026-05-01 09:40", "2026-05-04 08:00", "2026-05-04 08:20"]),
        ("30 1 1,15 jan ?", "2026-01-01T02:00", ["2026-01-15 01:30", "2027-01-01 01:30", "2027-01-15 01:30"]),
        ("0 0 13 * FRI", "2026-02-01T00:00", ["2026-02-06 00:00", "2026-02-13 00:00", "2026-02-20 00:00"]),
        ("0 0 */16 * MON", "2026-06-01T00:00", ["2026-06-08 00:00", "2026-06-15 00:00", "2026-06-17 00:00"]),
        ("0 0 29 2 *", "2096-03-01T00:00", ["2104-02-29 00:00", "2108-02-29 00:00", "2112-02-29 00:00"]),
        ("0 12 * * 0", "2026-05-01T00:00", ["2026-05-03 12:00", "2026-05-10 12:00", "2026-05-17 12:00"]),
    ],
)
def test_it_is_due_when_its_fields_say(text: str, after: str, expected: list[str]) -> None:
    assert due(text, after) == [f"{moment} UTC" for moment in expected]


def test_a_time_that_the_clock_skips_is_skipped() -> None:
    assert due("30 2 * * *", "2026-03-28T00:00", "Europe/Berlin", 2) == [
        "2026-03-28 02:30 CET",
        "2026-03-30 02:30 CEST",
    ]


def test_a_time_that_the_clock_shows_twice_is_due_twice() -> None:
    assert due("0 1 * * *", "2026-10-31T12:00", "America/New_York") == [
        "2026-11-01 01:00 EDT", "2026-11-01 01:00 EST", "2026-11-02 01:00 EST",
    ]  # fmt: skip
    assert due("*/30 2 * * *", "2026-10-25T00:00", "Europe/Berlin") == [
        "2026-10-25 02:30 CEST", "2026-10-25 02:00 CET", "2026-10-25 02:30 CET",
    ]  # fmt: skip


def test_a_midnight_that_does_not_come_is_skipped() -> None:
    assert due("0 0 * * *", "2026-04-23T23:00", "Africa/Cairo", 1) == ["2026-04-25 00:00 EEST"]
    assert due("0 3 * * *", "2026-04-23T23:00", "Africa/Cairo", 1) == ["2026-04-24 03:00 EEST"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("0 0 2 * * *", "has 6 fields instead of five .*; nearest: '0 2 \\* \\* \\*'$"),
        ("0 2 ? * MON-FRI *", "has 6 fields instead of five .*; nearest: '0 2 \\* \\* MON-FRI'$"),
        ("0 0 2 ? * SUN 2026", "has 7 fields instead of five .*; nearest: '0 2 \\* \\* SUN'$"),
        ("cron(0 2 * * ? *)", "has 6 fields instead of five .*; nearest: '0 2 \\* \\* \\*'$"),
        ("0 2 ? * 2 *", "has 6 fields instead of five [^;]*$"),  # Monday there, Tuesday here
        ("0 2 * *", "has 4 fields instead of five [^;]*$"),
        ("0 2 * * 7", "has '7' for the days of the week; allowed: 0-6 or SUN-SAT"),
        ("0 24 * * *", "has '24' for the hours; allowed: 0-23"),
        ("0 0 31 2 *", "is never due: no month that it names has such a day"),
        ("@daily", "is a name for a schedule; write its five fields"),
        ("CRON_TZ=Europe/Berlin 0 2 * * *", "has a time zone in it"),
    ],
)
def test_what_kubernetes_would_not_take_is_refused_in_words(text: str, reason: str) -> None:
    with pytest.raises(Unreadable, match=f"^{reason}"):
        Crontab.parse(text)
