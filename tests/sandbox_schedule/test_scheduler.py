"""EventBridge Scheduler by the sandbox's clock: expressions, zones, bounds, and what the target is given."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.clock import Clock
from sandbox.compute.scheduler import Scheduler
from schedules import Unreadable

FUNCTION = "arn:aws:lambda:eu-central-1:123456789012:function:starter"
DAY = 24 * 3600
SCHEDULED = '{"at": "<aws.scheduler.scheduled-time>"}'


class Handed:
    """Stands in for whoever invokes functions: what has been handed over, each at the clock's instant."""

    def __init__(self, clock: Clock):
        self._clock = clock
        self.events: list[tuple[str, Any]] = []
        self.undelivered: list[str | None] = []

    def invoke(self, function: str, event: Any, undelivered: str | None = None, *, wait: bool = False) -> None:
        assert (function, wait) == (FUNCTION, True)
        instant = dt.datetime.fromtimestamp(self._clock.now(), dt.UTC)
        self.events.append((f"{instant:%Y-%m-%dT%H:%M:%SZ}", event))
        self.undelivered.append(undelivered)


class World:
    """A clock that is stepped, with a scheduler and nothing else."""

    def __init__(self, clock: Clock):
        self.clock = clock
        self.handed = Handed(clock)
        self.scheduler = Scheduler("eu-central-1", clock, self.handed)  # pyright: ignore[reportArgumentType]

    def go_to(self, instant: str) -> None:
        """In the years of these tests the clocks change as they do today: nobody has decided otherwise."""
        self.clock.step(dt.datetime.fromisoformat(instant).replace(tzinfo=dt.UTC).timestamp() - self.clock.now())

    def add(self, expression: str, input: str = SCHEDULED, **inputs: Any) -> None:
        target = {"arn": FUNCTION, "input": input, "deadLetterConfig": {"arn": "arn:aws:sqs:x:1:unstarted"}}
        self.scheduler.add("s", {"scheduleExpression": expression, "target": target, **inputs})

    def times(self) -> list[str]:
        """When it has run; each run was told its own time."""
        assert all(event == {"at": at} for at, event in self.handed.events)
        return [at for at, _ in self.handed.events]


@pytest.fixture
def world() -> Iterator[World]:
    clock = Clock(0)
    yield World(clock)
    clock.close()


@pytest.mark.parametrize(
    ("zone", "expression", "since", "expected"),
    [
        ("Europe/Berlin", "cron(30 2 * * ? *)", "2035-03-24", ["03-24T01:30", "03-26T00:30"]),
        ("Europe/Berlin", "cron(30 2 * * ? *)", "2035-10-27", ["10-27T00:30", "10-28T00:30", "10-29T01:30"]),
        ("America/New_York", "cron(0 6 * * ? *)", "2035-03-10", ["03-10T11:00", "03-11T10:00", "03-12T10:00"]),
        ("America/New_York", "cron(30 1 * * ? *)", "2035-11-03", ["11-03T05:30", "11-04T05:30", "11-05T06:30"]),
        ("Australia/Lord_Howe", "cron(15 2 * * ? *)", "2035-10-05", ["10-05T15:45", "10-07T15:15"]),
        ("Asia/Kolkata", "cron(0 6 * * ? *)", "2035-03-24", ["03-24T00:30", "03-25T00:30", "03-26T00:30"]),
        (None, "cron(30 2 * * ? *)", "2035-03-24", ["03-24T02:30", "03-25T02:30", "03-26T02:30"]),
    ],
)
def test_a_schedule_runs_by_the_clock_of_its_zone_also_where_that_changes(
    world: World, zone: str | None, expression: str, since: str, expected: list[str]
) -> None:
    world.go_to(since)
    world.add(expression, scheduleExpressionTimezone=zone)
    world.clock.step(3 * DAY)
    assert world.times() == [f"2035-{time}:00Z" for time in expected]


def test_no_run_is_left_out_however_the_clock_is_stepped(world: World) -> None:
    world.go_to("2035-01-01")
    world.add("cron(0/10 8-9 ? * MON-FRI *)")
    for hours in (7, 1.5, 0.1, 30, 200):
        world.clock.step(hours * 3600)
    days = [dt.date(2035, 1, 1) + dt.timedelta(days=n) for n in range(10)]
    expected = [
        f"{day}T{hour:02}:{minute:02}:00Z"
        for day in days if day.isoweekday() < 6 for hour in (8, 9) for minute in range(0, 60, 10)
    ]  # fmt: skip
    assert world.times() == expected


def test_a_rate_runs_at_its_interval_from_the_deployment_or_from_its_start(world: World) -> None:
    world.go_to("2035-01-01T10:00:30")
    world.add("rate(6 hours)")
    world.add("rate(12 hours)", startDate="2035-01-02T00:00:00Z")
    world.clock.step(DAY)
    assert world.times() == [
        "2035-01-01T16:00:30Z", "2035-01-01T22:00:30Z", "2035-01-02T00:00:00Z", "2035-01-02T04:00:30Z",
        "2035-01-02T10:00:30Z",
    ]  # fmt: skip


def test_a_schedule_runs_from_its_start_to_before_its_end(world: World) -> None:
    world.go_to("2035-01-01")
    world.add("cron(0 6 * * ? *)", startDate="2035-01-03T06:00:00Z", endDate="2035-01-05T06:00:00Z")
    world.clock.step(10 * DAY)
    assert world.times() == ["2035-01-03T06:00:00Z", "2035-01-04T06:00:00Z"]


def test_a_schedule_that_is_switched_off_does_not_run(world: World) -> None:
    world.add("rate(1 hour)", state="DISABLED")
    world.clock.step(DAY)
    assert world.times() == []


def test_a_run_begins_with_its_window(world: World) -> None:
    world.go_to("2035-01-01")
    window = {"mode": "FLEXIBLE", "maximumWindowInMinutes": 30}
    world.add("cron(0 6 * * ? *)", flexibleTimeWindow=window)
    world.clock.step(DAY)
    assert world.times() == ["2035-01-01T06:00:00Z"]


def test_the_input_says_what_the_scheduler_knows_of_the_run(world: World) -> None:
    world.go_to("2035-01-01")
    names = ("scheduled-time", "execution-id", "schedule-arn", "attempt-number")
    placeholders = ", ".join(f'"{name}": "<aws.scheduler.{name}>"' for name in names)
    world.scheduler.add_group("batch")
    world.add("cron(0 6 * * ? *)", f'{{{placeholders}, "worker": "report"}}', groupName="batch")
    world.clock.step(2 * DAY)
    [(_, first), (_, second)] = world.handed.events
    assert first["execution-id"] != second["execution-id"]
    assert first | {"execution-id": ""} == {
        "scheduled-time": "2035-01-01T06:00:00Z",
        "execution-id": "",
        "schedule-arn": "arn:aws:scheduler:eu-central-1:123456789012:schedule/batch/s",
        "attempt-number": "1",
        "worker": "report",
    }
    assert world.handed.undelivered == ["arn:aws:sqs:x:1:unstarted"] * 2


def test_a_worker_has_its_schedule_also_when_that_is_switched_off(world: World) -> None:
    world.add("rate(1 hour)", '{"worker": "report"}', state="DISABLED")
    world.add("rate(1 hour)", '{"round": 1}')
    world.add("rate(1 hour)", "[]")
    [(worker, schedule)] = world.scheduler.of_workers().items()
    assert (worker, schedule.function) == ("report", FUNCTION)


@pytest.mark.parametrize(
    ("inputs", "error"),
    [
        ({"scheduleExpression": "cron(0 6 * * *)"}, Unreadable),
        ({"groupName": "nobodys"}, LookupError),
        ({"target": {"arn": "arn:aws:sqs:x:1:queue"}}, NotImplementedError),
        ({"scheduleExpressionTimezone": "Europe/Nowhere"}, LookupError),
    ],
)
def test_a_schedule_that_aws_or_the_sandbox_cannot_run_is_refused(
    world: World, inputs: dict[str, Any], error: type[Exception]
) -> None:
    good = {"scheduleExpression": "rate(1 hour)", "target": {"arn": FUNCTION}}
    with pytest.raises(error):
        world.scheduler.add("s", good | inputs)
