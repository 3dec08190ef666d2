"""The manifest's trigger `schedule`: when a worker runs by itself, and with which input."""

from __future__ import annotations

import datetime as dt
import re
from functools import cache
from importlib.resources import files
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from components import units
from components.model import Model, sentence
from components.problems import closest
from schedules import Timetable, parse

MAX_WINDOW_SECONDS = 24 * units.SECONDS["h"]  # Source: FlexibleTimeWindow, EventBridge Scheduler API reference
SCHEDULED_AT = "scheduled_at"
"""What every run's input says beside the trigger's `input`: the time for which it is scheduled, in ISO 8601, in UTC."""

_OFFSET = re.compile(r"(UTC|GMT)?[+-][0-9:]+")


@cache
def _zones() -> frozenset[str]:
    # Of the pinned package: a machine may know fewer, and more, such as `localtime`.
    return frozenset(files("tzdata").joinpath("zones").read_text(encoding="utf-8").split())


def _expression(text: str) -> str:
    parse(text)
    return text


def _timezone(name: str) -> str:
    if name in _zones():
        return name
    if _OFFSET.fullmatch(name):
        raise ValueError("is an offset, which no place has all year round; write for example 'Europe/Berlin', or 'UTC'")
    near = closest(name, sorted(zone for zone in _zones() if not zone.startswith("Etc/")))
    right = f"nearest: '{near}'" if near else "write for example 'Europe/Berlin', or 'UTC'"
    raise ValueError(f"is not a time zone of the IANA database; {right}")


def _window(value: object) -> int:
    seconds = units.within(units.seconds(value), 0, MAX_WINDOW_SECONDS, units.duration_text)
    if seconds % units.SECONDS["min"]:
        raise ValueError("does not come to whole minutes")
    return seconds


def _instant(value: object) -> dt.datetime:
    try:
        instant = dt.datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        instant = None
    if instant is None:
        raise ValueError("is not a point in time; write for example '2026-01-01T06:00:00+01:00', in quotes")
    if instant.tzinfo is None:
        raise ValueError(f"has no offset from UTC; nearest: '{instant.isoformat()}+00:00'")
    if instant.microsecond:
        raise ValueError("does not come to whole seconds")
    return instant


Expression = Annotated[str, AfterValidator(_expression)]
Timezone = Annotated[str, AfterValidator(_timezone)]
Window = Annotated[int, BeforeValidator(_window)]
Instant = Annotated[dt.datetime, BeforeValidator(_instant)]


class ScheduleTrigger(Model):
    """The worker runs whenever the schedule is due.

    expression: `cron(…)` or `rate(…)`, as EventBridge Scheduler reads it.
    timezone: IANA name of the zone by whose clock a cron expression goes.
    window_seconds: a run begins at some moment within so many seconds from when it is due; 0: at once.
    start, end: it is due from the one on, and before the other; None: no such bound.
    overlap: what becomes of a run that is due while an earlier one has not ended: it is skipped (`forbid`), runs
        beside it (`allow`), or takes its place (`replace`).
    input: what every run gets as its input, together with `scheduled_at`.
    """

    expression: Expression
    timezone: Timezone = "UTC"
    window_seconds: Window = Field(default=0, alias="window")
    start: Instant | None = None
    end: Instant | None = None
    overlap: Literal["forbid", "allow", "replace"] = "forbid"
    input: dict[str, Any] = Field(default={})

    def timetable(self, begun: dt.datetime) -> Timetable:
        """When it is due. begun: since when the schedule exists."""
        return Timetable(parse(self.expression), ZoneInfo(self.timezone), begun, self.start, self.end)

    @field_validator("input")
    @classmethod
    def _without_its_time(cls, given: dict[str, Any]) -> dict[str, Any]:
        if SCHEDULED_AT in given:
            raise sentence(f"has {SCHEDULED_AT}, which the platform adds to every run; leave it out")
        return given

    @model_validator(mode="after")
    def _ever_due(self) -> ScheduleTrigger:
        check_bounds(self)
        return self


def check_bounds(trigger: ScheduleTrigger) -> None:
    """Raises an error in words if the schedule cannot be due, because of start and end or the zone's clock."""
    if trigger.start and trigger.end and trigger.start >= trigger.end:
        raise sentence("has an end that is not after its start")
    origin = trigger.start or dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    if next(trigger.timetable(origin).after(origin - dt.timedelta.resolution), None) is None:
        raise sentence("is never due: not between its start and its end, by the clock of its zone")
