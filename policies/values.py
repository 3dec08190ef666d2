"""Reading values of any shape without an exception."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

from policies.model import UNKNOWN, Resource


def number(value: Any) -> float | None:
    """A finite number, also when it is written as a string; None for everything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        result = float(value)
    except (ValueError, OverflowError):
        return None
    return result if math.isfinite(result) else None


def given_number(resource: Resource, name: str, default: float) -> float | None:
    """The number that an output was given, or the one that AWS takes without; None if it is unknown."""
    value = resource.given(name)
    if value is UNKNOWN:
        return None
    given = number(value)
    return default if given is None else given


def as_list(value: Any) -> list[Any]:
    """A list as it is, nothing as an empty list, one value as a list of it."""
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def parse_json(value: Any) -> Any:
    """A JSON document given as a string or as data; None if it is neither an object nor a list."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return None
    return value if isinstance(value, Mapping | list) or value is UNKNOWN else None


def nested(value: Any) -> Iterator[tuple[Any, Any]]:
    """Each value below `value` with the key that it stands under, None in a list and at the top; however deep."""
    waiting: list[tuple[Any, Any]] = [(None, value)]
    while waiting:
        key, item = waiting.pop()
        yield key, item
        if isinstance(item, Mapping):
            waiting.extend(item.items())
        elif isinstance(item, list):
            waiting.extend((None, one) for one in item)
