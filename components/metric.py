"""A metric of CloudWatch, as alarms and scaling policies take it in an expression."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Metric:
    """Named with all its dimensions; without one of them it would be another metric, and most likely none."""

    namespace: str
    name: str
    dimensions: Mapping[str, str]
    statistic: str = "Maximum"

    def watched(self, key: str, period: int) -> dict[str, Any]:
        """As an alarm's expression takes it, under `key`. period: seconds."""
        return {
            "id": key,
            "metric": {
                "namespace": self.namespace,
                "metric_name": self.name,
                "dimensions": dict(self.dimensions),
                "stat": self.statistic,
                "period": period,
            },
            "return_data": False,
        }

    def tracked(self, key: str) -> dict[str, Any]:
        """As a target tracking policy's expression takes it, under `key`."""
        dimensions = [{"name": name, "value": self.dimensions[name]} for name in sorted(self.dimensions)]
        return {
            "id": key,
            "metric_stat": {
                "metric": {"namespace": self.namespace, "metric_name": self.name, "dimensions": dimensions},
                "stat": self.statistic,
            },
            "return_data": False,
        }
