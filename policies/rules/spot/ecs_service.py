"""`spot-ecs-service`."""

from __future__ import annotations

from collections.abc import Iterable

from policies.model import Config, Finding, Resource, ResourceRule, Severity
from policies.rules.spot.strategy import PARAMETERS, Capacity, own_choice

SERVICE = "aws:ecs/service:Service"
TASK_SET = "aws:ecs/taskSet:TaskSet"


def check(resource: Resource, config: Config) -> Iterable[Finding]:
    yield from own_choice(resource, capacity(resource), config)


def capacity(resource: Resource) -> Capacity:
    return Capacity(resource.get("launchType"), resource.get("capacityProviderStrategies"))


RULE = ResourceRule(
    id="spot-ecs-service",
    theme="spot",
    description="An ECS service runs its tasks on Fargate Spot, on demand only as far as the stack allows.",
    why="Spot costs up to 70 % less. A worker that gives its work back when it is reclaimed loses nothing by it, so "
    "on-demand capacity is money spent for no benefit.",
    steps="Leave `launch_type` out and set `capacity_provider_strategies` with FARGATE_SPOT weighted at least as the "
    "stack asks.",
    unknown="Advises at preview when the launch type, a provider, a weight or a base is unknown; settled at update.",
    severity=Severity.MEDIUM,
    types=frozenset({SERVICE, TASK_SET}),
    parameters=PARAMETERS,
    check=check,
)
