"""EventBridge Scheduler on the clock.

A flexible time window begins when the schedule is due, and so does the run. The first run of a rate without a start,
which on AWS comes with the deployment, is left out: not everything has been deployed then.
"""

from __future__ import annotations

import datetime as dt
import json
import math
import uuid
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from sandbox.clock import Clock
from sandbox.compute.asynchronous import Asynchronous
from sandbox.invented import ACCOUNT
from schedules import Timetable, parse


@dataclass(frozen=True)
class Schedule:
    """
    function: ARN of the target. input: JSON with EventBridge Scheduler's placeholders.
    undelivered: ARN of the queue for what cannot be handed over.
    """

    arn: str
    function: str
    input: str
    undelivered: str | None
    timetable: Timetable

    @property
    def worker(self) -> str | None:
        """Whom the starter starts for it; None if it is for another function."""
        event = json.loads(self.input)
        return event.get("worker") if isinstance(event, dict) else None

    def event(self, due: dt.datetime) -> Any:
        """The input at an instant. Source: EventBridge Scheduler user guide, context attributes."""
        text = self.input
        for name, value in (
            ("scheduled-time", f"{due.astimezone(dt.UTC):%Y-%m-%dT%H:%M:%SZ}"),
            ("execution-id", uuid.uuid4().hex[:16]),
            ("schedule-arn", self.arn),
            ("attempt-number", "1"),
        ):
            text = text.replace(f"<aws.scheduler.{name}>", value)
        return json.loads(text)


class Scheduler:
    """The schedules of all groups."""

    def __init__(self, region: str, clock: Clock, asynchronous: Asynchronous):
        self._region, self._clock, self._asynchronous = region, clock, asynchronous
        self._groups = {"default"}
        self._schedules: list[Schedule] = []

    def add_group(self, name: str) -> None:
        self._groups.add(name)

    def add(self, name: str, inputs: dict[str, Any]) -> Schedule:
        """Raises NotImplementedError for targets that are no functions, LookupError for a group that is not there,
        `schedules.Unreadable` for an expression that AWS would refuse."""
        target, group = inputs["target"], inputs.get("groupName") or "default"
        if ":lambda:" not in target["arn"]:
            raise NotImplementedError(f"schedule {name}: only functions")
        if group not in self._groups:
            raise LookupError(f"schedule {name}: there is no group {group}")
        # Down to milliseconds: rounded up, the first run would come after the first interval.
        now = dt.datetime.fromtimestamp(math.floor(self._clock.now() * 1000) / 1000, dt.UTC)
        schedule = Schedule(
            arn=f"arn:aws:scheduler:{self._region}:{ACCOUNT}:schedule/{group}/{name}",
            function=target["arn"],
            input=target.get("input") or "{}",
            undelivered=(target.get("deadLetterConfig") or {}).get("arn"),
            timetable=Timetable(
                parse(inputs["scheduleExpression"]),
                ZoneInfo(inputs.get("scheduleExpressionTimezone") or "UTC"),
                begun=now,
                start=_instant(inputs.get("startDate")),
                end=_instant(inputs.get("endDate")),
            ),
        )
        self._schedules.append(schedule)
        if inputs.get("state", "ENABLED") == "ENABLED":
            self._plan(schedule, now)
        return schedule

    def of_workers(self) -> dict[str, Schedule]:
        """Schedules that start a worker, by its name; also those that are switched off."""
        return {worker: schedule for schedule in self._schedules if (worker := schedule.worker)}

    def _plan(self, schedule: Schedule, after: dt.datetime) -> None:
        due = next(schedule.timetable.after(after), None)
        if due is None:
            return

        def run() -> None:
            self._plan(schedule, due)
            # The clock waits, so that what a schedule does is done before the next minute, however hurried it is.
            self._asynchronous.invoke(schedule.function, schedule.event(due), schedule.undelivered, wait=True)

        self._clock.at(due.timestamp(), run)


def _instant(text: str | None) -> dt.datetime | None:
    return dt.datetime.fromisoformat(text) if text else None
