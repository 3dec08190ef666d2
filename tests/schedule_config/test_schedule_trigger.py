"""The manifest's trigger `schedule`."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from components.schedule_trigger import ScheduleTrigger
from schedules import Cron
from tests.manifests import Read, reader

MANIFEST = """\
description: The report of the day.
trigger: {schedule: {expression: 'cron(0 6 * * ? *)'}}
resources: {vcpu: 0.5, memory: 1 GB, timeout: 5 min}
input: {type: object}
"""


@pytest.fixture
def read(tmp_path: Path) -> Read:
    return reader(tmp_path)


@pytest.fixture
def trigger(read):
    def trigger(text: str = MANIFEST) -> ScheduleTrigger:
        manifest, problems = read(text)
        assert problems == []
        assert (manifest.trigger.api, manifest.trigger.queue) == (None, None)
        return manifest.trigger.schedule

    return trigger


def with_keys(more: str) -> str:
    return MANIFEST.replace("? *)'}}", f"? *)', {more}}}}}")


def with_input(schema: str, given: str = "{}") -> str:
    return with_keys(f"input: {given}").replace("input: {type: object}\n", f"input: {schema}\n")


def test_an_expression_is_all_that_a_schedule_needs(trigger) -> None:
    schedule = trigger()
    assert schedule.expression == "cron(0 6 * * ? *)"
    assert (schedule.timezone, schedule.window_seconds, schedule.overlap) == ("UTC", 0, "forbid")
    assert (schedule.start, schedule.end, schedule.input) == (None, None, {})


def test_a_full_trigger_is_read_as_it_stands(trigger) -> None:
    schedule = trigger(
        with_keys(
            "timezone: Europe/Berlin, window: 10 min, start: '2026-03-01T00:00:00+01:00', "
            "end: '2027-01-01T00:00:00Z', overlap: replace, input: {period: day, top: 5}"
        )
    )
    assert (schedule.timezone, schedule.window_seconds, schedule.overlap) == ("Europe/Berlin", 600, "replace")
    assert schedule.start == dt.datetime(2026, 2, 28, 23, tzinfo=dt.UTC)
    assert schedule.end == dt.datetime(2027, 1, 1, tzinfo=dt.UTC)
    assert schedule.input == {"period": "day", "top": 5}


def test_it_says_when_it_is_due_by_the_clock_of_its_zone(trigger) -> None:
    schedule = trigger(with_keys("timezone: Europe/Berlin, end: '2027-01-01T00:00:00Z'"))
    timetable = schedule.timetable(dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    assert isinstance(timetable.expression, Cron)
    summer = dt.datetime(2026, 7, 1, tzinfo=dt.UTC)
    assert next(timetable.after(summer)) == dt.datetime(2026, 7, 1, 4, tzinfo=dt.UTC)
    assert list(timetable.after(dt.datetime(2026, 12, 31, 5, tzinfo=dt.UTC))) == []


@pytest.mark.parametrize("window", ["0 s", "0 min"])
def test_no_window_can_be_said_as_well(trigger, window: str) -> None:
    assert trigger(with_keys(f"window: {window}")).window_seconds == 0


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("timezone: Berlin", "timezone: 'Berlin' is not a time zone of the IANA database; nearest: 'Europe/Berlin'"),
        ("timezone: europe/berlin", "'europe/berlin' is not a time zone of the IANA database; nearest: 'Eu"),
        ("timezone: Nowhere/Xyzzy_Qqq", "IANA database; write for example 'Europe/Berlin', or 'UTC'"),
        ("timezone: GMT+1", "timezone: 'GMT+1' is an offset, which no place has all year round; write for example"),
        ("timezone: '+02:00'", "timezone: '+02:00' is an offset"),
        ("timezone: posix/Europe/Berlin", "nearest: 'Europe/Berlin'"),
        ("timezone: localtime", "timezone: 'localtime' is not a time zone"),
        ("timezone: ''", "timezone: '' is not a time zone"),
        ("timezone: 5", "timezone: must be text, not 5"),
        ("window: 90 s", "window: '90 s' does not come to whole minutes"),
        ("window: 25 h", "window: '25 h' is too large; nearest: 24 h"),
        ("window: 5", "window: 5 is a duration without a unit"),
        ("start: '2026-03-01T00:00:00'", "start: '2026-03-01T00:00:00' has no offset from UTC; "
         "nearest: '2026-03-01T00:00:00+00:00'"),
        ("start: '2026-03-01'", "start: '2026-03-01' has no offset from UTC; nearest: '2026-03-01T00:00:00+00:00'"),
        ("start: 2026-03-01", "start: 2026-03-01 is a date to some readers; write text in quotes"),
        ("end: tomorrow", "end: 'tomorrow' is not a point in time; write for example '2026-01-01T06:00:00+01:00'"),
        ("end: 20260101", "end: 20260101 is not a point in time"),
        ("end: '2026-03-01T00:00:00.5Z'", "end: '2026-03-01T00:00:00.5Z' does not come to whole seconds"),
        ("start: '2026-03-01T00:00:00Z', end: '2026-03-01T01:00:00+01:00'", "schedule: has an end that is not after"),
        ("start: '2026-03-01T06:00:01Z', end: '2026-03-02T06:00:00Z'", "schedule: is never due: not between its start"),
        ("overlap: skip", "overlap: 'skip' is not allowed; allowed: forbid, allow, replace"),
        ("enabled: false", "enabled: is not a known key; nearest:"),
        ("input: {scheduled_at: now}", "input: has scheduled_at, which the platform adds to every run; leave it out"),
        ("input: 5", "input: must be a map, not 5"),
    ],
)  # fmt: skip
def test_what_cannot_be_a_schedule_is_refused_with_its_line_and_what_would_be_right(
    read, more: str, expected: str
) -> None:
    problems = read(with_keys(more))[1]
    assert all(problem.startswith("worker.yaml:2: trigger.schedule") for problem in problems)
    assert expected in problems[0]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("cron(0 6 * * *)", "'cron(0 6 * * *)' has 5 fields instead of six (minutes, hours, day-of-month, month, "
         "day-of-week, year); nearest: 'cron(0 6 * * ? *)'"),
        ("cron(0 0 31 2 ? *)", "'cron(0 0 31 2 ? *)' is never due: no month and year that it names has such a day"),
        ("rate(1 hours)", "'rate(1 hours)' has the unit 'hours'; nearest: 'rate(1 hour)'"),
    ],
)  # fmt: skip
def test_a_wrong_expression_is_refused_with_its_line_the_reason_and_what_would_be_right(
    read, expression: str, expected: str
) -> None:
    [problem] = read(MANIFEST.replace("cron(0 6 * * ? *)", expression))[1]
    assert problem == f"worker.yaml:2: trigger.schedule.expression: {expected}"


def test_a_schedule_needs_an_expression(read) -> None:
    [problem] = read(MANIFEST.replace("{schedule: {expression: 'cron(0 6 * * ? *)'}}", "schedule"))[1]
    assert problem == "worker.yaml:2: trigger.schedule.expression: is missing"


def test_a_time_that_its_zone_skips_on_the_only_day_is_never_due(read) -> None:
    only = with_keys("timezone: Europe/Berlin").replace("cron(0 6 * * ? *)", "cron(30 2 29 3 ? 2026)")
    [problem] = read(only)[1]
    assert problem.endswith("is never due: not between its start and its end, by the clock of its zone")


@pytest.mark.parametrize(
    ("schema", "given"),
    [
        ("{type: object}", "{anything: 1}"),
        ("{type: object, required: [period, scheduled_at], properties: {period: {enum: [day]}, scheduled_at: "
         "{type: string}}, additionalProperties: false}", "{period: day}"),
        ("{type: object, properties: {scheduled_at: {type: string, format: date-time}}}", "{}"),
    ],
)  # fmt: skip
def test_an_input_that_the_schema_takes_together_with_the_time_is_right(trigger, schema: str, given: str) -> None:
    assert trigger(with_input(schema, given))


@pytest.mark.parametrize(
    ("schema", "given", "expected"),
    [
        ("{type: object, additionalProperties: false, properties: {a: {type: string}}}", "{a: x}",
         "4: input: refuses scheduled_at, which every run of a schedule brings: Additional properties are not allowed"),
        ("{type: object, properties: {scheduled_at: {type: integer}}}", "{}", "4: input: refuses scheduled_at"),
        ("{type: object, required: [period], properties: {period: {enum: [day]}}}", "{}",
         "2: trigger.schedule.input: is refused by the worker's input: 'period' is a required property"),
        ("{type: object, properties: {period: {enum: [day]}}}", "{period: week}",
         "2: trigger.schedule.input.period: is refused by the worker's input: 'week' is not one of ['day']"),
        ("{type: object, properties: {top: {maximum: 5}}}", "{top: [1]}", None),
        ("{type: object, properties: {to: {items: {type: string}}}}", "{to: [a, 5]}",
         "2: trigger.schedule.input.to[1]: is refused by the worker's input: 5 is not of type 'string'"),
        ("{type: object, additionalProperties: false, properties: {scheduled_at: {}}}", "{perod: day}",
         "2: trigger.schedule.input: is refused by the worker's input: Additional properties are not allowed "
         "('perod' was unexpected)"),
    ],
)  # fmt: skip
def test_an_input_that_the_worker_would_refuse_is_told_where_it_is_wrong(
    read, schema: str, given: str, expected: str | None
) -> None:
    problems = read(with_input(schema, given))[1]
    assert len(problems) == (expected is not None)
    assert all(problem.startswith(f"worker.yaml:{expected}") for problem in problems)
