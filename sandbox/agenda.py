"""When the workers of a stack run by schedule."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from itertools import islice
from zoneinfo import ZoneInfo

from components.schedule_trigger import ScheduleTrigger
from components.units import duration_text
from components.worker import Worker
from schedules import Rate

RUNS = 5


def agenda(workers: Iterable[Worker], now: dt.datetime) -> Iterator[str]:
    """For each worker with a schedule a line about it, and one for each of its next runs, in its zone and in UTC."""
    for worker in workers:
        if schedule := worker.manifest.trigger.schedule:
            yield f"Schedule of {worker.name}: {_told(schedule, worker.enabled, now)}"
            yield from _runs(schedule, now)


def _told(schedule: ScheduleTrigger, enabled: bool, now: dt.datetime) -> str:
    told = f"{schedule.expression} in {schedule.timezone}"
    if schedule.window_seconds:
        told += f", each within {duration_text(schedule.window_seconds)}"
    if (schedule.start is None or schedule.start <= now) and isinstance(schedule.timetable(now).expression, Rate):
        told += ", counted from the deployment, as if that were now"
    return told if enabled else f"{told}. Switched off in this stack; it would be due:"


def _runs(schedule: ScheduleTrigger, now: dt.datetime) -> Iterator[str]:
    due = list(islice(schedule.timetable(now).after(now), RUNS))
    for moment in due:
        yield f"  {moment.astimezone(ZoneInfo(schedule.timezone)):%a %Y-%m-%d %H:%M %Z} = {moment:%Y-%m-%d %H:%M} UTC"
    if len(due) < RUNS:
        yield "  and then never again" if due else "  never again"
