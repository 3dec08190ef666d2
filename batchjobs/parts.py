"""Which parts of an array a job is for, as its variables ARRAY_INDEXES and ARRAY_SIZE say it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

LONGEST = 3000  # characters of a list; all of a task's overrides may have 8 KB together


def size_of(job: Mapping[str, Any], variables: Mapping[str, str]) -> int:
    """Of the array that the job is, or is some parts of; 1 for none. job: of DescribeJobs."""
    return int(variables.get("ARRAY_SIZE") or job.get("arrayProperties", {}).get("size") or 1)


def parts_of(job: Mapping[str, Any], variables: Mapping[str, str]) -> list[int] | None:
    """The parts that the job runs, in order; None if it is no array and no part of one."""
    if "ARRAY_INDEXES" in variables:
        return read(variables["ARRAY_INDEXES"])
    size = job.get("arrayProperties", {}).get("size")
    return list(range(size)) if size else None


def part_of(job: Mapping[str, Any], variables: Mapping[str, str]) -> int | None:
    """Which part of an array a job of one container runs; None if it is no part of one."""
    position = job.get("arrayProperties", {}).get("index")
    if "ARRAY_INDEXES" in variables:
        return read(variables["ARRAY_INDEXES"])[position or 0]
    return position


def read(text: str) -> list[int]:
    """`0-4,7` → [0, 1, 2, 3, 4, 7]."""
    found: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found


def write(parts: Sequence[int]) -> str:
    """[0, 1, 2, 3, 4, 7] → `0-4,7`. parts: ascending."""
    ranges: list[list[int]] = []
    for part in parts:
        if ranges and part == ranges[-1][1] + 1:
            ranges[-1][1] = part
        else:
            ranges.append([part, part])
    return ",".join(f"{first}-{last}" if first != last else str(first) for first, last in ranges)
