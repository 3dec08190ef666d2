"""What a queue's task tells about itself: counts, durations and memory as CloudWatch metrics, now and then."""

from __future__ import annotations

from collections import Counter

from aws_lambda_powertools.metrics import MetricUnit

from workers.runtime import telemetry
from workers.runtime.settings import Settings

EVERY_SECONDS = 10.0
MAX_DURATIONS = 99  # a line of metrics takes fewer than 100 values of one


class Report:
    """Gathers what happens and writes it as one line of metrics. `now` is the clock of time.monotonic().

    Counts: Processed; Repeated (dropped, since their work had been done before); Failed (runs that failed);
    ApplicationErrors (those among them that are the worker's own); DeadLettered; Returned (given back to the queue
    with no failure counted); Recycled (processes replaced for their memory or age).
    """

    def __init__(self, settings: Settings, now: float):
        self._settings = settings
        self._counts: Counter[str] = Counter()
        self._durations: list[float] = []
        self._backlog: int | None = None
        self._memory: dict[object, int] = {}
        self._since = now

    def count(self, counts: Counter[str]) -> None:
        for name, count in counts.items():
            self._counts[name] += count

    def ran(self, seconds: float) -> None:
        """handle() took so long for a message."""
        self._durations.append(seconds)

    def backlog(self, messages: int) -> None:
        self._backlog = messages

    def memory(self, process: object, peak_mb: int) -> None:
        """Most memory that a process of the worker has held."""
        self._memory[process] = peak_mb

    def gone(self, process: object) -> None:
        self._memory.pop(process, None)

    def due_at(self) -> float | None:
        """When the next line should be written; None as long as there is nothing to tell."""
        return self._since + EVERY_SECONDS if self._counts or self._durations else None

    def write(self, now: float) -> None:
        self._since = now
        if not self._counts and not self._durations:
            return
        found = telemetry.metrics(self._settings)
        for name, count in self._counts.items():
            found.add_metric(name, MetricUnit.Count, count)
        for seconds in _spread(self._durations):
            found.add_metric("Duration", MetricUnit.Seconds, round(seconds, 6))
        if self._backlog is not None:
            found.add_metric("BacklogAtReceive", MetricUnit.Count, self._backlog)
        peak = sum(self._memory.values()) + telemetry.process_memory()["peak"]
        found.add_metric("PeakMemory", MetricUnit.Megabytes, peak)
        found.flush_metrics()
        self._counts.clear()
        self._durations.clear()
        self._backlog = None


def _spread(durations: list[float]) -> list[float]:
    """At most 99 of them, smallest and largest included, from which the same percentiles follow."""
    ordered = sorted(durations)
    if len(ordered) <= MAX_DURATIONS:
        return ordered
    step = (len(ordered) - 1) / (MAX_DURATIONS - 1)
    return [ordered[round(number * step)] for number in range(MAX_DURATIONS)]
