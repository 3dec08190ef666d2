"""What the starter reads of an event: which worker is to run, for which instant, with which input."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import fastjsonschema
from fastjsonschema import JsonSchemaValueException
from scheduled_workers import Worker


class Unusable(Exception):
    """The event starts nothing, however often it comes. The text says why, for people."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """job_id: the same for every event of this worker and instant. input: of the job."""

    worker: Worker
    job_id: str
    input: dict[str, Any]


def read_run(event: Any, workers: Mapping[str, Worker]) -> Run:
    """
    The run that an event asks for, `{"worker": …, "scheduled": <ISO time with its zone>}`; `input`, if given, comes on
    top of what the schedule gives. `Unusable` if it is no such event.
    """
    if not isinstance(event, dict):
        raise Unusable("the event is no object")
    worker = workers.get(str(event.get("worker")))
    if worker is None:
        raise Unusable(f"there is no scheduled worker {event.get('worker')!r}")
    scheduled, own = _instant(event.get("scheduled")), event.get("input", {})
    if not isinstance(own, dict):
        raise Unusable("the event's input is no object")
    given = {**worker.given, **own, "scheduled_at": f"{scheduled:%Y-%m-%dT%H:%M:%SZ}"}
    try:
        fastjsonschema.compile(dict(worker.schema), use_default=False)(given)
    except JsonSchemaValueException as error:
        raise Unusable(f"the input does not fit the worker {worker.name}: {error.message}") from None
    return Run(worker=worker, job_id=f"{worker.name}-{scheduled:%Y%m%dT%H%M%SZ}", input=given)


def _instant(text: object) -> dt.datetime:
    """In UTC."""
    try:
        instant = dt.datetime.fromisoformat(str(text))
        if instant.tzinfo is None:
            raise Unusable(f"{text!r} does not say in which zone; write for example 2026-11-21T06:00:00Z")
        return instant.astimezone(dt.UTC)
    except (ValueError, OverflowError):
        raise Unusable(f"{text!r} is not when a run is scheduled; write for example 2026-11-21T06:00:00Z") from None
