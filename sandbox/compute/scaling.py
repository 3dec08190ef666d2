"""Application Auto Scaling: target tracking policies of ECS services.

Out after three minutes above the target, in after fifteen minutes below nine tenths of it, both proportionally; a
minute without data scales nothing. During a cooldown nothing happens in its direction.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sandbox.clock import Clock
from sandbox.compute.metrics import MINUTE, Metrics
from sandbox.compute.queries import Queries, several

if TYPE_CHECKING:
    from sandbox.cloud import Cloud

OUT_DATAPOINTS, IN_DATAPOINTS = 3, 15  # Source: Application Auto Scaling user guide, target tracking
IN_SHARE = 0.9  # of the target, below which a service scales in

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Target:
    """Bounds of a service's number of tasks."""

    cluster: str
    service: str
    least: int
    most: int


@dataclass
class Policy:
    """target: of the metric. Cooldowns in seconds. last_out, last_in: instants of the clock."""

    name: str
    resource: str
    queries: Queries
    target: float
    cooldown_out: float
    cooldown_in: float
    scales_in: bool
    last_out: float = -math.inf
    last_in: float = -math.inf


@dataclass(frozen=True)
class Activity:
    """A change that a policy made. at: instant of the clock."""

    at: float
    policy: str
    service: str
    before: int
    after: int
    metric: float


@dataclass
class Scaling:
    """Evaluates every policy each minute."""

    cloud: Cloud
    clock: Clock
    metrics: Metrics
    activities: list[Activity] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._targets: dict[str, Target] = {}
        self._policies: list[Policy] = []

    def add_target(self, inputs: dict[str, Any]) -> None:
        """Raises NotImplementedError for what is no number of tasks."""
        _check(inputs)
        _, cluster, service = inputs["resourceId"].split("/")
        self._targets[inputs["resourceId"]] = Target(
            cluster, service, int(inputs["minCapacity"]), int(inputs["maxCapacity"])
        )

    def add_policy(self, name: str, inputs: dict[str, Any]) -> None:
        """Raises NotImplementedError for other policies than target tracking of metrics of one's own."""
        _check(inputs)
        configuration = inputs.get("targetTrackingScalingPolicyConfiguration") or {}
        metric = configuration.get("customizedMetricSpecification")
        if inputs.get("policyType") != "TargetTrackingScaling" or not metric:
            raise NotImplementedError(f"policy {name}: only target tracking of a customized metric")
        queries = metric.get("metrics") or [{"id": "m", "metricStat": {"metric": metric, "stat": metric["statistic"]}}]
        self._policies.append(
            Policy(
                name,
                inputs["resourceId"],
                several(queries),
                float(configuration["targetValue"]),
                float(configuration.get("scaleOutCooldown") or 0),
                float(configuration.get("scaleInCooldown") or 0),
                not configuration.get("disableScaleIn", False),
            )
        )

    def evaluate(self) -> None:
        for policy in self._policies:
            try:
                self._evaluate(policy)
            except Exception:  # the others are evaluated all the same
                logger.exception("%s: not evaluated", policy.name)

    def _evaluate(self, policy: Policy) -> None:
        now, target = self.clock.now(), self._targets[policy.resource]
        values = policy.queries.series(self.metrics, now, MINUTE, IN_DATAPOINTS)
        latest = values[-1]
        if latest is None:
            return
        above = all(value is not None and value > policy.target for value in values[-OUT_DATAPOINTS:])
        below = all(value is not None and value < policy.target * IN_SHARE for value in values)
        may_out = now >= policy.last_out + policy.cooldown_out
        # A scale-out also puts off the next scale-in.
        may_in = policy.scales_in and now >= max(policy.last_in, policy.last_out) + policy.cooldown_in
        if above and may_out and self._change(policy, target, latest, out=True):
            policy.last_out = now
        elif below and may_in and self._change(policy, target, latest, out=False):
            policy.last_in = now

    def _change(self, policy: Policy, target: Target, metric: float, *, out: bool) -> bool:
        """Whether the service got another number of tasks."""
        ecs = self.cloud.client("ecs")
        [service] = ecs.describe_services(cluster=target.cluster, services=[target.service])["services"]
        before = service["desiredCount"]
        wanted = math.ceil(before * metric / policy.target)
        after = max(target.least, min(target.most, wanted))
        if after == before or (after > before) != out:
            return False
        ecs.update_service(cluster=target.cluster, service=target.service, desiredCount=after)
        self.activities.append(Activity(self.clock.now(), policy.name, target.service, before, after, metric))
        logger.info("%s: %s from %d to %d tasks, metric %g", policy.name, target.service, before, after, metric)
        return True


def _check(inputs: dict[str, Any]) -> None:
    if (inputs["serviceNamespace"], inputs["scalableDimension"]) != ("ecs", "ecs:service:DesiredCount"):
        raise NotImplementedError(f"{inputs['resourceId']}: only the number of an ECS service's tasks is scaled")
