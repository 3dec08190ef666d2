"""When the workers of a stack run by schedule."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from itertools import islice
from zoneinfo import ZoneInfo

from components.schedule_trigger import ScheduleTrigger
from components.units import duration_text
from components.worker import Worker
from schedules import Crontab, Rate

RUNS = 5


def agenda(workers: Iterable[Worker], now: dt.datetime) -> Iterator[str]:
    """For each worker with a schedule a line about it, and one for each of its next runs, in its zone and in UTC."""
    for worker in workers:
        schedule, kubernetes = worker.manifest.trigger.schedule, worker.manifest.trigger.kubernetes
        if schedule:
            yield f"Schedule of {worker.name}: {_told(schedule, now)}{_unless(worker.enabled)}"
            yield from _runs(schedule.timetable(now).after(now), schedule.timezone)
        elif kubernetes and kubernetes.schedule:
            runs = worker.enabled and not kubernetes.suspend
            yield f"Schedule of {worker.name}: {kubernetes.schedule} in {kubernetes.timezone}{_unless(runs)}"
            due = Crontab.parse(kubernetes.schedule).after(now, ZoneInfo(kubernetes.timezone))
            yield from _runs(due, kubernetes.timezone)


def _told(schedule: ScheduleTrigger, now: dt.datetime) -> str:
    told = f"{schedule.expression} in {schedule.timezone}"
    if schedule.window_seconds:
        told += f", each within {duration_text(schedule.window_seconds)}"
    if (schedule.start is None or schedule.start <= now) and isinstance(schedule.timetable(now).expression, Rate):
        told += ", counted from the deployment, as if that were now"
    return told


def _unless(enabled: bool) -> str:
    return "" if enabled else ". Switched off in this stack; it would be due:"


def _runs(times: Iterator[dt.datetime], timezone: str) -> Iterator[str]:
    due = list(islice(times, RUNS))
    for moment in due:
        yield f"  {moment.astimezone(ZoneInfo(timezone)):%a %Y-%m-%d %H:%M %Z} = {moment:%Y-%m-%d %H:%M} UTC"
    if len(due) < RUNS:
        yield "  and then never again" if due else "  never again"
