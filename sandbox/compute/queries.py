"""What an alarm or a scaling policy asks of the metrics: statistics and expressions over them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.compute.metric_math import MathError, Series, evaluate, names
from sandbox.compute.metrics import Metrics


@dataclass(frozen=True)
class Statistic:
    """A statistic of one metric. stat: "Average", "Sum", "Minimum", "Maximum" or "SampleCount"."""

    namespace: str
    name: str
    dimensions: Mapping[str, str]
    stat: str

    def series(self, metrics: Metrics, end: float, period: int, count: int) -> Series:
        return metrics.series(self.namespace, self.name, self.dimensions, self.stat, end, period, count)


@dataclass(frozen=True)
class Queries:
    """statistics: by id. expressions: by id, over statistics and other expressions. returned: id of what counts."""

    statistics: Mapping[str, Statistic]
    expressions: Mapping[str, str]
    returned: str

    def series(self, metrics: Metrics, end: float, period: int, count: int) -> Series:
        """Values of the last `count` periods of `period` seconds before `end`, the oldest first; raises MathError."""
        known = {key: statistic.series(metrics, end, period, count) for key, statistic in self.statistics.items()}
        return self._resolved(known, count)[self.returned]

    def check(self) -> None:
        """Raises MathError if the expressions make no sense."""
        self._resolved({key: [None] for key in self.statistics}, 1)

    def _resolved(self, known: dict[str, Series], count: int) -> dict[str, Series]:
        """The expressions, too: each once what it refers to is known."""
        left = dict(self.expressions)
        while left:
            ready = [key for key, text in left.items() if not names(text) & left.keys()]
            if not ready:
                raise MathError(f"{', '.join(sorted(left))} refer to each other")
            for key in ready:
                value = evaluate(left.pop(key), known)
                known[key] = (value or [None] * count) if isinstance(value, list) else [value] * count
        return known


def one(namespace: str, name: str, dimensions: Mapping[str, str], stat: str) -> Queries:
    """A single statistic."""
    return Queries({"m": Statistic(namespace, name, dimensions, stat)}, {}, "m")


def several(items: Iterable[Mapping[str, Any]]) -> Queries:
    """Metric queries of a resource's inputs: an alarm's or, with `metricStat`, a scaling policy's.

    Raises MathError if they make no sense, as CloudWatch does when they are declared.
    """
    statistics: dict[str, Statistic] = {}
    expressions: dict[str, str] = {}
    returned = []
    for item in items:
        if item.get("expression"):
            expressions[item["id"]] = item["expression"]
        else:
            statistics[item["id"]] = _statistic(item)
        if item.get("returnData", True):
            returned.append(item["id"])
    if len(returned) != 1:
        raise MathError(f"exactly one query returns data, not {len(returned)}")
    queries = Queries(statistics, expressions, returned[0])
    queries.check()
    return queries


def _statistic(item: Mapping[str, Any]) -> Statistic:
    holder = item.get("metricStat") or item["metric"]
    metric = holder.get("metric", holder)
    dimensions = metric.get("dimensions") or {}
    if not isinstance(dimensions, Mapping):
        dimensions = {dimension["name"]: dimension["value"] for dimension in dimensions}
    return Statistic(metric["namespace"], metric["metricName"], dimensions, holder["stat"])
