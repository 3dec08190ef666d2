"""How a Job's status lists indexes."""

from __future__ import annotations

from collections.abc import Iterable


def indexes_text(indexes: Iterable[int]) -> str:
    """`1,3-5,7`. Source: Kubernetes API reference, JobStatus, completedIndexes."""
    runs: list[list[int]] = []
    for index in sorted(indexes):
        if runs and runs[-1][1] == index - 1:
            runs[-1][1] = index
        else:
            runs.append([index, index])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)
