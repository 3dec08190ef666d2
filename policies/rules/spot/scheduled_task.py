"""`spot-scheduled-task`."""

from __future__ import annotations

from collections.abc import Iterable

from policies.model import UNKNOWN, Config, Finding, Resource, ResourceRule, Severity, unsettled
from policies.rules.spot.strategy import PARAMETERS, Capacity, own_choice

# Type → where it holds the parameters of an ECS task.
HOLDERS = {
    "aws:cloudwatch/eventTarget:EventTarget": ("ecsTarget",),
    "aws:scheduler/schedule:Schedule": ("target", "ecsParameters"),
    "aws:pipes/pipe:Pipe": ("targetParameters", "ecsTaskParameters"),
}


def check(resource: Resource, config: Config) -> Iterable[Finding]:
    holder = HOLDERS[resource.type]
    if resource.get(*holder) is UNKNOWN:
        yield unsettled(resource, f"whether it runs a task on Spot ({'.'.join(holder)})")
    else:
        yield from own_choice(resource, capacity(resource), config)


def runs_tasks(resource: Resource) -> bool:
    """Whether its target is an ECS task at all."""
    return resource.get(*HOLDERS[resource.type]) not in (None, UNKNOWN)


def capacity(resource: Resource) -> Capacity:
    holder = HOLDERS[resource.type]
    return Capacity(
        resource.get(*holder, "launchType"),
        resource.get(*holder, "capacityProviderStrategies"),
        ".".join(holder) + ".",
    )


RULE = ResourceRule(
    id="spot-scheduled-task",
    theme="spot",
    description="A rule, schedule or pipe that starts an ECS task starts it on Fargate Spot, on demand only as far as "
    "the stack allows.",
    why="A scheduled task can be started again when Spot reclaims it, so on-demand capacity is money spent for no "
    "benefit.",
    steps="Leave `launch_type` out and set `capacity_provider_strategies` of the ECS target with FARGATE_SPOT.",
    unknown="Advises at preview when the launch type, a provider, a weight or a base is unknown; settled at update.",
    severity=Severity.MEDIUM,
    types=frozenset(HOLDERS),
    parameters=PARAMETERS,
    check=check,
)
