"""`spot-ecs-cluster-default`."""

from __future__ import annotations

from collections.abc import Iterable

from policies.model import UNKNOWN, Config, Finding, Resource, ResourceRule, Severity, refuse
from policies.rules.spot.strategy import PARAMETERS, SPOT, judge
from policies.values import as_list

PROVIDERS = "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders"
CLUSTER = "aws:ecs/cluster:Cluster"  # carried the strategy itself up to version 5 of the provider
PROPERTY = "defaultCapacityProviderStrategies"


def check(resource: Resource, config: Config) -> Iterable[Finding]:
    strategies = resource.get(PROPERTY)
    if strategies is UNKNOWN or as_list(strategies):
        yield from judge(resource, PROPERTY, strategies, config)
    elif resource.type == PROVIDERS:
        yield refuse(
            resource,
            f"gives its cluster no default strategy, so a task that names no capacity runs on demand. Set {PROPERTY} "
            f"with {SPOT}.",
        )


RULE = ResourceRule(
    id="spot-ecs-cluster-default",
    theme="spot",
    description="An ECS cluster's default strategy runs tasks on Fargate Spot, on demand only as far as the stack "
    "allows.",
    why="Whatever is started without naming its capacity, a task started by hand too, follows the cluster's default.",
    steps="Set `default_capacity_provider_strategies` of `aws.ecs.ClusterCapacityProviders` with FARGATE_SPOT weighted "
    "at least as the stack asks.",
    unknown="Advises at preview when a provider, a weight or a base is unknown; settled at update.",
    severity=Severity.MEDIUM,
    types=frozenset({PROVIDERS, CLUSTER}),
    parameters=PARAMETERS,
    check=check,
)
