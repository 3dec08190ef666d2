"""What expressions mean, day by day in UTC, and why others are refused."""

from __future__ import annotations

import datetime as dt
from itertools import islice

import pytest

from schedules import Cron, Rate, Unreadable, parse

NEW_YEAR = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def next_ones(expression: str, count: int, after: dt.datetime = NEW_YEAR) -> list[str]:
    cron = parse(expression)
    assert isinstance(cron, Cron)
    return [f"{due:%Y-%m-%d %H:%M}" for due in islice(cron.after(after, dt.UTC), count)]


def days(day_of_month: str, month: str, day_of_week: str, year: str, count: int) -> list[str]:
    expression = f"cron(0 12 {day_of_month} {month} {day_of_week} {year})"
    return [due.removesuffix(" 12:00") for due in next_ones(expression, count)]


@pytest.mark.parametrize(
    ("minutes", "hours", "times"),
    [
        ("0", "6", ["06:00"]),
        ("00", "06", ["06:00"]),
        ("0/20", "6", ["06:00", "06:20", "06:40"]),
        ("*/25", "6", ["06:00", "06:25", "06:50"]),
        ("10-40/15", "6", ["06:10", "06:25", "06:40"]),
        ("5,3-4,50/5", "6", ["06:03", "06:04", "06:05", "06:50", "06:55"]),
        ("30", "22-23", ["22:30", "23:30"]),
        ("59", "*/12", ["00:59", "12:59"]),
    ],
)
def test_times_of_day(minutes: str, hours: str, times: list[str]) -> None:
    found = next_ones(f"cron({minutes} {hours} * * ? *)", len(times) + 1)
    assert found == [f"2026-01-01 {time}" for time in times] + [f"2026-01-02 {times[0]}"]


@pytest.mark.parametrize(
    ("day_of_month", "month", "day_of_week", "year", "expected"),
    [
        # plain days, and months of different lengths
        ("31", "*", "?", "*", ["2026-01-31", "2026-03-31", "2026-05-31", "2026-07-31"]),
        ("1,15", "FEB", "?", "*", ["2026-02-01", "2026-02-15", "2027-02-01"]),
        ("29", "2", "?", "*", ["2028-02-29", "2032-02-29", "2036-02-29"]),
        ("1", "JAN/6", "?", "2027", ["2027-01-01", "2027-07-01"]),
        # 1 January 2026 is a Thursday
        ("?", "*", "5", "*", ["2026-01-01", "2026-01-08"]),
        ("?", "*", "THU", "*", ["2026-01-01", "2026-01-08"]),
        ("?", "*", "MON-FRI", "*", ["2026-01-01", "2026-01-02", "2026-01-05"]),
        ("?", "*", "sun,Sat", "*", ["2026-01-03", "2026-01-04", "2026-01-10"]),
        ("?", "*", "*", "*", ["2026-01-01", "2026-01-02"]),
        # the last day: of the month, of the week, and its last Friday
        ("L", "*", "?", "*", ["2026-01-31", "2026-02-28", "2026-03-31"]),
        ("L", "2", "?", "2028", ["2028-02-29"]),
        ("?", "*", "L", "*", ["2026-01-03", "2026-01-10"]),
        ("?", "*", "6L", "*", ["2026-01-30", "2026-02-27", "2026-03-27"]),
        ("?", "*", "FRIL", "*", ["2026-01-30", "2026-02-27"]),
        # the weekday nearest: 15 February 2026 is a Sunday, 15 August 2026 a Saturday; never in another month
        ("15W", "*", "?", "*", ["2026-01-15", "2026-02-16", "2026-03-16"]),
        ("15W", "8", "?", "*", ["2026-08-14"]),
        ("1W", "8", "?", "*", ["2026-08-03"]),
        ("31W", "*", "?", "*", ["2026-01-30", "2026-03-31", "2026-05-29"]),
        ("LW", "*", "?", "*", ["2026-01-30", "2026-02-27", "2026-03-31"]),
        # the nth of a month; the fifth only where there is one
        ("?", "*", "3#2", "*", ["2026-01-13", "2026-02-10"]),
        ("?", "*", "MON#1", "*", ["2026-01-05", "2026-02-02"]),
        ("?", "*", "SUN#5", "*", ["2026-03-29", "2026-05-31", "2026-08-30"]),
    ],
)
def test_days(day_of_month: str, month: str, day_of_week: str, year: str, expected: list[str]) -> None:
    assert days(day_of_month, month, day_of_week, year, len(expected)) == expected


def test_an_expression_ends_with_its_last_year() -> None:
    assert next_ones("cron(0 0 1 7 ? 2025-2027)", 10) == ["2026-07-01 00:00", "2027-07-01 00:00"]
    assert next_ones("cron(0 0 1 1 ? 2020)", 1) == []


def test_a_leap_day_is_found_across_the_century_that_has_none() -> None:
    found = next_ones("cron(0 0 29 2 ? *)", 2, dt.datetime(2096, 3, 1, tzinfo=dt.UTC))
    assert found == ["2104-02-29 00:00", "2108-02-29 00:00"]


@pytest.mark.parametrize(
    ("expression", "interval"),
    [
        ("rate(1 minute)", dt.timedelta(minutes=1)),
        ("rate(5 minutes)", dt.timedelta(minutes=5)),
        ("rate(1 hour)", dt.timedelta(hours=1)),
        ("rate(36 hours)", dt.timedelta(hours=36)),
        ("rate(3650 days)", dt.timedelta(days=3650)),
    ],
)
def test_intervals(expression: str, interval: dt.timedelta) -> None:
    assert parse(expression) == Rate(interval)


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        # not in the form at all
        ("", "is no schedule expression, such as 'cron(0 6 * * ? *)' or 'rate(12 hours)'"),
        ("daily", "is no schedule expression, such as"),
        ("every(1 day)", "is no schedule expression, such as"),
        ("cron(0 6 * * ? *) ", "is no schedule expression, such as"),
        ("at(2026-01-01T06:00:00)", "is due only once; a schedule recurs, such as"),
        ("Cron(0 6 * * ? *)", "is not written in lower case; nearest: 'cron(0 6 * * ? *)'"),
        ("0 6 * * *", "is not inside cron(…); nearest: 'cron(0 6 * * ? *)'"),
        ("0 6 * * ? *", "is not inside cron(…); nearest: 'cron(0 6 * * ? *)'"),
        # a crontab's five fields, where 0 and 7 are Sunday
        ("cron(0 6 * * *)", "has 5 fields instead of six (minutes, hours, day-of-month, month, day-of-week, year); "
         "nearest: 'cron(0 6 * * ? *)'"),
        ("cron(0 6 * * 1-5)", "nearest: 'cron(0 6 ? * MON-FRI *)'"),
        ("cron(0 6 * * 0,3)", "nearest: 'cron(0 6 ? * SUN,WED *)'"),
        ("cron(0 6 * * 7)", "nearest: 'cron(0 6 ? * SUN *)'"),
        ("cron(0 6 1 * 1)", "has 5 fields instead of six"),
        ("cron(0 0 6 * * ? *)", "has 7 fields instead of six"),
        ("cron()", "has 0 fields instead of six"),
        ("cron(0  6 * * ? *)", "has blanks that are not needed; nearest: 'cron(0 6 * * ? *)'"),
        # the two day fields
        ("cron(0 6 * * * *)", "must have ? in one of the fields day-of-month and day-of-week, and only in one; "
         "nearest: 'cron(0 6 * * ? *)'"),
        ("cron(0 6 ? * ? *)", "and only in one; nearest: 'cron(0 6 * * ? *)'"),
        ("cron(0 6 * * MON *)", "and only in one; nearest: 'cron(0 6 ? * MON *)'"),
        ("cron(0 6 1 * * *)", "and only in one; nearest: 'cron(0 6 1 * ? *)'"),
        ("cron(0 6 ? * ? 3000)", "and only in one"),
        ("cron(? 6 * * ? *)", "has '?' for the minutes; allowed: 0-59"),
        # numbers, names, ranges and steps
        ("cron(60 6 * * ? *)", "has '60' for the minutes; allowed: 0-59"),
        ("cron(0 24 * * ? *)", "has '24' for the hours; allowed: 0-23"),
        ("cron(0 6 0 * ? *)", "has '0' for the days of the month; allowed: 1-31"),
        ("cron(0 6 * 13 ? *)", "has '13' for the months; allowed: 1-12 or JAN-DEC"),
        ("cron(0 6 * JANUARY ? *)", "has 'JANUARY' for the months; allowed: 1-12 or JAN-DEC"),
        ("cron(0 6 ? * 0 *)", "has '0' for the days of the week; allowed: 1-7 or SUN-SAT"),
        ("cron(0 6 ? * MO *)", "has 'MO' for the days of the week; allowed: 1-7 or SUN-SAT"),
        ("cron(0 6 * * ? 1969)", "has '1969' for the years; allowed: 1970-2199"),
        ("cron(² 6 * * ? *)", "has '²' for the minutes; allowed: 0-59"),
        ("cron(1,,2 6 * * ? *)", "has '' for the minutes; allowed: 0-59"),
        ("cron(-5 6 * * ? *)", "has '' for the minutes; allowed: 0-59"),
        ("cron(1-2-3 6 * * ? *)", "has '2-3' for the minutes; allowed: 0-59"),
        ("cron(*,5 6 * * ? *)", "has '*,5' for the minutes, but * is all of them; nearest: '*'"),
        ("cron(0/0 6 * * ? *)", "has '0/0' for the minutes; a step is a number from 1 to 59"),
        ("cron(0/60 6 * * ? *)", "has '0/60' for the minutes; a step is a number from 1 to 59"),
        ("cron(0 22-2 * * ? *)", "has '22-2' for the hours, which ends before it begins; nearest: '22-23,0-2'"),
        ("cron(0 6 ? * FRI-MON *)", "which ends before it begins; nearest: 'FRI-SAT,SUN-MON'"),
        ("cron(0 6 ? * MON/2 *)", "has 'MON/2' for the days of the week, which take no /; list them"),
        # L, W and #
        ("cron(0 6 L-1 * ? *)", "has 'L-1' for the days of the month, where L, LW or one day with W stand alone"),
        ("cron(0 6 1W,15 * ? *)", "where L, LW or one day with W stand alone"),
        ("cron(0 6 32W * ? *)", "has '32' for the days of the month; allowed: 1-31"),
        ("cron(0 6 ? * 8L *)", "has '8' for the days of the week; allowed: 1-7 or SUN-SAT"),
        ("cron(0 6 ? * 2L,3 *)", "where a day with L stands alone, such as 'FRIL'"),
        ("cron(0 6 ? * 3#1,6#3 *)", "where a day with # stands alone, such as 'MON#1'"),
        ("cron(0 6 ? * 3#6 *)", "has '3#6' for the days of the week; the number after # is from 1 to 5"),
        ("cron(0 6 ? * 3#0 *)", "has '3#0' for the days of the week; the number after # is from 1 to 5"),
        ("cron(0 6 1#1 * ? *)", "has '1#1' for the days of the month; allowed: 1-31"),
        # dates that do not exist
        ("cron(0 0 31 2 ? *)", "is never due: no month and year that it names has such a day"),
        ("cron(0 0 30,31 2 ? *)", "is never due"),
        ("cron(0 0 31W 4,6,9,11 ? *)", "is never due"),
        ("cron(0 0 29 2 ? 2025-2027)", "is never due"),
        ("cron(0 0 ? 2 SUN#5 2026)", "is never due"),
        # rate(…)
        ("rate(5)", "is no number and unit, such as 'rate(1 hour)' or 'rate(12 hours)'"),
        ("rate(1.5 hours)", "is no number and unit"),
        ("rate(-1 hours)", "is no number and unit"),
        ("rate(5 seconds)", "has the unit 'seconds'; allowed: minutes, hours, days"),
        ("rate(0 minutes)", "is never due; nearest: 'rate(1 minute)'"),
        ("rate(1 hours)", "has the unit 'hours'; nearest: 'rate(1 hour)'"),
        ("rate(5 minute)", "has the unit 'minute'; nearest: 'rate(5 minutes)'"),
        ("rate(2 Days)", "has the unit 'Days'; nearest: 'rate(2 days)'"),
        ("rate(3651 days)", "is longer than ten years; nearest: 'rate(3650 days)'"),
    ],
)  # fmt: skip
def test_what_eventbridge_would_refuse_is_refused_with_the_reason_and_what_would_be_right(
    expression: str, why: str
) -> None:
    with pytest.raises(Unreadable) as refused:
        parse(expression)
    assert why in str(refused.value)
