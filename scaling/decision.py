"""How many tasks a backlog is worth. Pure functions: who calls them reads the clock, the queue and the service."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """
    target: messages that one task may have waiting, more than 0. minimum, maximum: tasks.
    cooldown_in: seconds for which a queue must have been empty before its service scales in.
    """

    target: float
    minimum: int
    maximum: int
    cooldown_in: int


def tasks_wanted(backlog: int, bounds: Bounds, groups: int | None = None) -> int:
    """Tasks for so many messages.

    groups: of a FIFO queue, at most so many message groups are active. Each is served by one task at a time, so more
    tasks than groups would stand idle; but whatever waits has a group, even if nobody has counted it.
    """
    most = bounds.maximum if groups is None else min(bounds.maximum, max(groups, 1))
    return max(bounds.minimum, min(math.ceil(backlog / bounds.target), most))


def next_desired(
    desired: int, backlog: int, bounds: Bounds, *, groups: int | None = None, empty_seconds: float | None = None
) -> int:
    """The service's next desired count: more when there is work for more, the minimum once the queue has been empty
    for the cooldown, and otherwise what it is. Between the bounds, scaling in is not ours: a task in between may be
    busy.

    backlog: messages visible, in flight and delayed. empty_seconds: for how long it has been 0, None if it is not.
    """
    wanted = tasks_wanted(backlog, bounds, groups)
    if wanted >= desired:
        return wanted
    drained = backlog == 0 and empty_seconds is not None and empty_seconds >= bounds.cooldown_in
    return bounds.minimum if drained else desired


def backlog_per_task(backlog: int, running: int) -> float:
    """With no task, the whole backlog: a quotient that vanished with the last task would never wake anything."""
    return backlog / max(running, 1)


def is_stalled(desired: int, running: int, backlog: int) -> bool:
    """Whether messages wait, tasks should be running, and none is."""
    return backlog > 0 and desired > 0 and running == 0
