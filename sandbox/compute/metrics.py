"""CloudWatch's metrics: each minute of the clock what queues and functions did, and what logs say in EMF.

They are there at the minute's end; SQS's own may be late on AWS, by up to 15 minutes for a queue that was inactive.
"""

from __future__ import annotations

import json
import logging
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox.clock import Clock
from sandbox.compute.functions import Functions
from sandbox.compute.metric_math import Series
from sandbox.compute.queues import Queues

if TYPE_CHECKING:
    from sandbox.cloud import Cloud

MINUTE = 60
KEPT_MINUTES = 24 * 60

Key = tuple[str, str, frozenset[tuple[str, str]]]

logger = logging.getLogger(__name__)


@dataclass
class Point:
    """The values of one metric in one minute."""

    count: int = 0
    total: float = 0
    least: float = float("inf")
    most: float = float("-inf")

    def add(self, value: float) -> None:
        self.count += 1
        self.total += value
        self.least, self.most = min(self.least, value), max(self.most, value)

    def statistic(self, name: str) -> float:
        match name:
            case "Average":
                return self.total / self.count
            case "Sum":
                return self.total
            case "Minimum":
                return self.least
            case "Maximum":
                return self.most
            case "SampleCount":
                return self.count
        raise NotImplementedError(f"the statistic {name}")


class Metrics:
    """Data points by metric and minute."""

    def __init__(self, cloud: Cloud, clock: Clock, functions: Functions, queues: Queues):
        self._clock, self._functions, self._queues = clock, functions, queues
        self._points: dict[Key, dict[int, Point]] = {}
        self._lock = threading.Lock()
        self._logs = Logs(cloud.folder / "logs")
        self._seen: Counter[tuple[str, str]] = Counter()

    def put(self, namespace: str, name: str, dimensions: Mapping[str, str], value: float, at: float) -> None:
        """One value, in the minute of the instant `at`."""
        minute = int(at // MINUTE) * MINUTE
        with self._lock:
            points = self._points.setdefault((namespace, name, frozenset(dimensions.items())), {})
            points.setdefault(minute, Point()).add(value)
            for old in [known for known in points if known <= minute - KEPT_MINUTES * MINUTE]:
                del points[old]

    def series(
        self,
        namespace: str,
        name: str,
        dimensions: Mapping[str, str],
        stat: str,
        end: float,
        period: int,
        count: int,
    ) -> Series:
        """The statistic of the last `count` periods of `period` seconds before `end`, the oldest first."""
        with self._lock:
            points = self._points.get((namespace, name, frozenset(dimensions.items())), {})
            end = int(end // MINUTE) * MINUTE
            starts = range(end - count * period, end, period)
            return [_merged([points[m] for m in range(s, s + period, MINUTE) if m in points], stat) for s in starts]

    def collect(self) -> None:
        """Make the data points of the minute that ends now."""
        at = self._clock.now() - MINUTE
        for queue, values in self._queues.measure():
            for name, value in values.items():
                self.put("AWS/SQS", name, {"QueueName": queue}, value, at)
        for name in self._functions.names():
            self._count("Invocations", name, self._functions.invocations[name], at)
            self._count("Errors", name, self._functions.errors[name], at)
        for line in self._logs.new_lines():
            for namespace, name, dimensions, value in embedded(line):
                self.put(namespace, name, dimensions, value, at)

    def _count(self, metric: str, function: str, total: int, at: float) -> None:
        """Since the last minute; a function that was not invoked has no data points."""
        new = total - self._seen[(metric, function)]
        self._seen[(metric, function)] = total
        if new or (metric == "Errors" and self._seen[("Invocations", function)]):
            self.put("AWS/Lambda", metric, {"FunctionName": function}, new, at)


class Logs:
    """Log files that grow, one of a function or a worker each."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._read: dict[Path, int] = {}

    def new_lines(self) -> Iterator[str]:
        """Whole lines that have been written since the last call."""
        for file in sorted(self._folder.glob("*.log")):
            with file.open("rb") as stream:
                stream.seek(self._read.get(file, 0))
                content = stream.read()
            whole = content[: content.rfind(b"\n") + 1]
            self._read[file] = self._read.get(file, 0) + len(whole)
            yield from whole.decode(errors="replace").splitlines()


def embedded(line: str) -> Iterator[tuple[str, str, dict[str, str], float]]:
    """(namespace, metric, dimensions, value) of a line in CloudWatch's embedded metric format; nothing of another."""
    if '"_aws"' not in line or not line.startswith("{"):
        return
    try:
        document: dict[str, Any] = json.loads(line)
        for directive in document["_aws"]["CloudWatchMetrics"]:
            for names in directive["Dimensions"]:
                dimensions = {name: str(document[name]) for name in names}
                for metric in directive["Metrics"]:
                    values = document[metric["Name"]]
                    for value in values if isinstance(values, list) else [values]:
                        yield directive["Namespace"], metric["Name"], dimensions, float(value)
    except (ValueError, KeyError, TypeError) as error:
        logger.warning("a line in the embedded metric format is wrong (%s): %s", error, line[:500])


def _merged(points: list[Point], stat: str) -> float | None:
    if not points:
        return None
    whole = Point(
        sum(point.count for point in points),
        sum(point.total for point in points),
        min(point.least for point in points),
        max(point.most for point in points),
    )
    return whole.statistic(stat)
