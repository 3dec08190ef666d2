"""When the objects of a test load are to be there."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SHAPES = ("burst", "steady", "alternating")
MESSAGES = 20
MAX_MESSAGES = 10_000
PHASE_SECONDS = 60
CALM = 0.1  # of the rate, in every second phase of an alternating load


class BadRequest(ValueError):
    """The event does not say what load is wanted."""


@dataclass(frozen=True)
class Load:
    """instants: seconds from the start at which an object is to be there, in order."""

    shape: str
    instants: list[float]


def read_load(event: Mapping[str, Any]) -> Load:
    """The load that an event asks for; `BadRequest` with what is wrong.

    burst: `num_messages` at once. steady: `rate` messages a minute for `duration` seconds. alternating: a tenth of the
    rate for a minute, then the rate for a minute, and so on.
    """
    shape = event.get("shape", "steady" if "rate" in event else "burst")
    if shape not in SHAPES:
        raise BadRequest(f"shape is {shape!r}; it may be {', '.join(SHAPES)}")
    if shape == "burst":
        _refuse(event, "rate", "duration", shape=shape)
        instants = [0.0] * _number(event, "num_messages", MESSAGES)
    else:
        _refuse(event, "num_messages", shape=shape)
        rate, duration = _positive(event, "rate"), _positive(event, "duration")
        instants = _instants(rate, duration, alternating=shape == "alternating")
    if len(instants) > MAX_MESSAGES:
        raise BadRequest(f"that makes more than {MAX_MESSAGES:,} messages")
    return Load(shape, instants)


def _instants(rate: float, duration: float, *, alternating: bool) -> list[float]:
    """Evenly spread in each phase."""
    found: list[float] = []
    for phase in range(math.ceil(duration / PHASE_SECONDS)):
        begin = phase * PHASE_SECONDS
        here = rate * CALM if alternating and phase % 2 == 0 else rate
        count = round(here * min(PHASE_SECONDS, duration - begin) / 60)
        found += [begin + number * 60 / here for number in range(count)]
        if len(found) > MAX_MESSAGES:
            break
    return found


def _refuse(event: Mapping[str, Any], *names: str, shape: str) -> None:
    for name in names:
        if name in event:
            raise BadRequest(f"{name} does not go with the shape {shape}")


def _number(event: Mapping[str, Any], name: str, default: int) -> int:
    value = event.get(name, default)
    if type(value) is not int or not 1 <= value <= MAX_MESSAGES:
        raise BadRequest(f"{name} is {value!r}; it must be a whole number from 1 to {MAX_MESSAGES:,}")
    return value


def _positive(event: Mapping[str, Any], name: str) -> float:
    value = event.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise BadRequest(f"{name} is {value!r}; it must be a number above 0")
    return float(value)
