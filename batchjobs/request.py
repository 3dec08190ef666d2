"""What is asked for: one job, or several of which some wait for others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any

from batchjobs.errors import Refused

MAX_ARRAY = 10_000  # Source: AWS Batch user guide, array jobs
MAX_DEPENDENCIES = 20


@dataclass(frozen=True, kw_only=True)
class Request:
    """A job to submit.

    key: the same key is the same job, however often it is submitted; results go below it. None: a new one each time.
    array: in how many parts; None as the worker's manifest says, 1 is no array.
    after: ids of jobs, or names in a set, that must have succeeded before. after_each: an array of the same size, of
        which each part waits only for the same part. sequential: each part of the array waits for the one before.
    queue: another one than the tier's. share: identifier, for a queue with shares. size: bytes of input, if they are
        not to be looked up.
    """

    worker: str
    input: Mapping[str, Any]
    key: str | None = None
    array: int | None = None
    after: Sequence[str] = ()
    after_each: str | None = None
    sequential: bool = False
    queue: str | None = None
    share: str | None = None
    size: int | None = None

    @property
    def dependencies(self) -> tuple[str, ...]:
        return (*self.after, *([self.after_each] if self.after_each else []))


FIELDS = tuple(Request.__dataclass_fields__)
KINDS: Mapping[str, type] = {
    **dict.fromkeys(FIELDS, str), "input": dict, "after": list, "array": int, "size": int, "sequential": bool,
}  # fmt: skip
WORDS = {str: "text", dict: "a map", list: "a list", int: "a whole number", bool: "true or false"}


def read_set(document: Any, key: str | None) -> dict[str, Request]:
    """Several requests: name → fields of a `Request`. key: the names are added to it. `Refused`"""
    if not isinstance(document, dict) or not document:
        raise Refused('The set is no map of jobs, as {"<name>": {"worker": "…", "input": {…}}, …} is.')
    return {name: _read(name, fields, key) for name, fields in document.items()}


def _read(name: str, fields: Any, key: str | None) -> Request:
    if not isinstance(fields, dict):
        raise Refused(f"Job {name} of the set is no map of fields.")
    for field in fields:
        if field not in FIELDS:
            raise Refused(f"Job {name} of the set has a field {field}; there are: {', '.join(FIELDS)}.")
    for field in ("worker", "input"):
        if field not in fields:
            raise Refused(f"Job {name} of the set has no {field}.")
    after = fields.get("after", [])
    given = {**fields, "after": [after] if isinstance(after, str) else after}
    for field, value in given.items():
        if not isinstance(value, KINDS[field]) or (KINDS[field] is int and isinstance(value, bool)):
            raise Refused(f"Job {name} of the set: {field} is not {WORDS[KINDS[field]]}.")
    own = fields.get("key") or (f"{key}-{name}" if key else None)
    return Request(**{**given, "key": own})


def in_order(requests: Mapping[str, Request]) -> Iterator[str]:
    """The names, each after those that it waits for. `Refused` for a circle."""
    waits = {name: [one for one in request.dependencies if one in requests] for name, request in requests.items()}
    try:
        yield from list(TopologicalSorter(waits).static_order())
    except CycleError as error:
        circle = " → ".join(reversed(error.args[1]))
        raise Refused(f"The dependencies are circular: {circle}. Nothing was submitted.") from error


def array_size(request: Request, default: int) -> int:
    """How many parts it has. `Refused`"""
    size = default if request.array is None else request.array
    if not 1 <= size <= MAX_ARRAY:
        raise Refused(f"An array has 1 to {MAX_ARRAY:,} parts, not {size:,}.")
    if request.sequential and size == 1:
        raise Refused("Only the parts of an array can be sequential, and this job is none.")
    if len(request.dependencies) > MAX_DEPENDENCIES:
        raise Refused(f"A job can wait for at most {MAX_DEPENDENCIES} others, not for {len(request.dependencies)}.")
    return size
