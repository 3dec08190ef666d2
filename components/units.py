"""Durations, memory sizes and the sizes that Fargate offers."""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction

SECONDS = {"s": 1, "min": 60, "h": 3600}
LONG_SECONDS = SECONDS | {"d": 86_400}
MEBIBYTES = {"MB": 1, "GB": 1024}  # AWS writes GB and counts 1,024 MiB

# MiB of memory that Fargate offers for each number of vCPUs (Linux).
# Source: "Task CPU and memory", Amazon ECS developer guide.
FARGATE_MEMORY: dict[float, tuple[int, ...]] = {
    0.25: (512, 1024, 2048),
    0.5: tuple(range(1024, 4096 + 1, 1024)),
    1: tuple(range(2048, 8192 + 1, 1024)),
    2: tuple(range(4096, 16384 + 1, 1024)),
    4: tuple(range(8192, 30720 + 1, 1024)),
    8: tuple(range(16384, 61440 + 1, 4096)),
    16: tuple(range(32768, 122880 + 1, 8192)),
}

_QUANTITY = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?) ?([A-Za-z]+)")
# What people write for a unit, to name the right one in the error.
_OTHER_SPELLINGS = {
    "s": ("sec", "secs", "second", "seconds"),
    "min": ("m", "mins", "minute", "minutes"),
    "h": ("hr", "hrs", "hour", "hours"),
    "d": ("day", "days"),
    "MB": ("m", "mib", "mb", "mi", "megabyte", "megabytes"),
    "GB": ("g", "gib", "gb", "gi", "gigabyte", "gigabytes"),
}


def seconds(text: object) -> int:
    """Whole seconds in a duration such as `90 s`, `5 min` or `1.5 h`. Raises ValueError that says what to write."""
    return _whole(text, SECONDS, "a duration", "90 s, 5 min or 1 h", "whole seconds")


def long_seconds(text: object) -> int:
    """The same where days may be meant, too: `1 d`."""
    return _whole(text, LONG_SECONDS, "a duration", "12 h or 1 d", "whole seconds")


def mebibytes(text: object) -> int:
    """MiB in a size such as `512 MB` or `1 GB` (= 1,024 MiB). Raises ValueError that says what to write."""
    return _whole(text, MEBIBYTES, "a size", "512 MB or 1 GB", "whole MB")


def within(value: int, low: int, high: int, text: Callable[[int], str]) -> int:
    """`value` itself if it is in the bounds. Raises ValueError that names the nearest bound, written by `text`."""
    if value < low:
        raise ValueError(f"is too small; nearest: {text(low)}")
    if value > high:
        raise ValueError(f"is too large; nearest: {text(high)}")
    return value


def duration_text(value: int) -> str:
    """Seconds as `seconds` reads them, in the largest unit that keeps the number whole."""
    return _text(value, SECONDS)


def memory_text(value: int) -> str:
    """MiB as `mebibytes` reads them, in the largest unit that keeps the number whole."""
    return _text(value, MEBIBYTES)


def vcpu_text(value: float) -> str:
    """`0.5 vCPU`, `4 vCPU`."""
    return f"{value:g} vCPU"


def fargate_vcpu(value: float) -> float:
    """`value` itself if Fargate offers that many vCPUs. Raises ValueError that names the nearest."""
    if value in FARGATE_MEMORY:
        return float(value)
    near = min(FARGATE_MEMORY, key=lambda offered: abs(offered - value))
    raise ValueError(f"is not offered by Fargate; nearest: {near:g} ({', '.join(f'{v:g}' for v in FARGATE_MEMORY)})")


def check_fargate_memory(vcpu: float, memory: int) -> None:
    """Raises ValueError that names the nearest sizes unless Fargate offers `memory` MiB with `vcpu` vCPUs."""
    offered = FARGATE_MEMORY[vcpu]
    if memory in offered:
        return
    near = [(vcpu, min(offered, key=lambda size: abs(size - memory)))]
    others = [other for other, sizes in FARGATE_MEMORY.items() if memory in sizes]
    if others:
        near.append((min(others, key=lambda other: abs(other - vcpu)), memory))
    nearest = " or ".join(f"{vcpu_text(v)} with {memory_text(m)}" for v, m in near)
    raise ValueError(
        f"is not offered by Fargate with {vcpu_text(vcpu)}; nearest: {nearest} ({vcpu_text(vcpu)}: {_range(offered)})"
    )


def _range(sizes: tuple[int, ...]) -> str:
    if len(sizes) <= 3:
        return ", ".join(memory_text(size) for size in sizes)
    step = sizes[1] - sizes[0]
    return f"{memory_text(sizes[0])} to {memory_text(sizes[-1])} in steps of {memory_text(step)}"


def _whole(text: object, units: dict[str, int], what: str, examples: str, whole: str) -> int:
    if isinstance(text, int | float) and not isinstance(text, bool):
        raise ValueError(f"is {what} without a unit; write for example {examples}")
    match = _QUANTITY.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f"is not {what}; write for example {examples}")
    number, unit = match.groups()
    if unit not in units:
        raise ValueError(f"has an unknown unit; {_meant(number, unit, units) or f'write for example {examples}'}")
    value = Fraction(number) * units[unit]
    if value.denominator != 1:
        raise ValueError(f"does not come to {whole}")
    return int(value)


def _meant(number: str, unit: str, units: dict[str, int]) -> str:
    meant = [right for right in units if unit.lower() == right.lower() or unit.lower() in _OTHER_SPELLINGS[right]]
    return f"nearest: '{number} {meant[0]}'" if meant else ""


def _text(value: int, units: dict[str, int]) -> str:
    unit = max((unit for unit, size in units.items() if value % size == 0), key=lambda unit: units[unit])
    return f"{value // units[unit]} {unit}"
