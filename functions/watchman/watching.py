"""Which runs of a worker were due and were not started."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, takewhile

from watched_workers import Worker

from jobs import JobStore, Status
from schedules import Rate

GRACE = dt.timedelta(minutes=5)  # EventBridge Scheduler invokes within a minute, and the starter may be tried again
MOST_RUNS = 500  # at a time; a watchman that was away goes on where it was in the next round
NEWEST_JOBS = 20  # among them is the last run, also if some were started by hand
INSTANT = re.compile(r"-(\d{8}T\d{6})Z")


@dataclass(frozen=True)
class Found:
    """missed: instants of the runs that nobody started. settled: up to where there is nothing left to look at."""

    missed: list[dt.datetime]
    settled: dt.datetime


def look(worker: Worker, store: JobStore, since: dt.datetime, now: dt.datetime) -> Found:
    """Looks at the runs that were due after `since`, and for whose start there has been time enough."""
    if isinstance(worker.expression, Rate):
        # What a rate counts from is known to EventBridge Scheduler alone, but one run tells when the next is due.
        since = max([since, *(instant for instant in _started(worker, store) if instant <= now)])
        due = _ready(worker, since, now)
        return Found(due, due[-1] if due else since)
    due = _ready(worker, since, now)
    missed = [instant for instant in due if store.get(job_id(worker, instant)) is None]
    return Found(missed, due[-1] if due else since)


def job_id(worker: Worker, instant: dt.datetime) -> str:
    """Of the job that the starter makes for this instant."""
    return f"{worker.name}-{instant:%Y%m%dT%H%M%SZ}"


def _ready(worker: Worker, since: dt.datetime, now: dt.datetime) -> list[dt.datetime]:
    """Instants for whose run there has been time enough."""
    latest = now - worker.window - GRACE
    return list(islice(takewhile(lambda due: due <= latest, worker.due_after(since)), MOST_RUNS))


def _started(worker: Worker, store: JobStore) -> Iterator[dt.datetime]:
    """Instants of the newest jobs."""
    for job in store.list([worker.name], Status, NEWEST_JOBS)[0]:
        if found := INSTANT.search(job.job_id):
            yield dt.datetime.strptime(found[1], "%Y%m%dT%H%M%S").replace(tzinfo=dt.UTC)
