"""The ECS cluster, with Fargate Spot as its default."""

from __future__ import annotations

from typing import NamedTuple

import pulumi
import pulumi_aws as aws
from pulumi_aws.ecs import ClusterCapacityProvidersDefaultCapacityProviderStrategyArgs as Strategy

from components.site import Site


class Share(NamedTuple):
    """What a capacity provider gets of a service's tasks: `weight` of those beyond every base, and its own base."""

    provider: str
    weight: int
    base: int


def capacity(spot_share: int, on_demand_base: int) -> list[Share]:
    """The strategy that puts `spot_share` percent of the tasks beyond the first `on_demand_base` ones on Spot."""
    strategy = []  # a provider that gets nothing is left out
    if spot_share:
        strategy.append(Share("FARGATE_SPOT", spot_share, 0))
    if spot_share < 100 or on_demand_base:
        strategy.append(Share("FARGATE", 100 - spot_share, on_demand_base))
    return strategy


class Cluster(pulumi.ComponentResource):
    """A cluster of FARGATE and FARGATE_SPOT; tasks that name no capacity follow the stack's Spot share.

    single_task: the provider for a task that is asked for by itself, of which no share can be on demand.
    """

    def __init__(
        self,
        name: str,
        site: Site,
        *,
        spot_share: int,
        on_demand_base: int,
        opts: pulumi.ResourceOptions | None = None,
    ):
        """spot_share: percent of tasks on Spot, beyond the first `on_demand_base` ones of a service."""
        self.cluster_name = site.name(name)
        self.arn = site.arn("ecs", f"cluster/{self.cluster_name}")
        self.single_task = "FARGATE_SPOT" if spot_share else "FARGATE"
        super().__init__(
            "serverless-batch:cluster:Cluster",
            name,
            {"clusterName": self.cluster_name, "spotShare": spot_share, "onDemandBase": on_demand_base},
            opts,
        )
        child = pulumi.ResourceOptions(parent=self)
        cluster = aws.ecs.Cluster(
            name,
            name=self.cluster_name,
            # Task metrics cost more than small tasks do; queues, functions and the workers' own metrics tell enough.
            settings=[{"name": "containerInsights", "value": "disabled"}],
            opts=child,
        )
        aws.ecs.ClusterCapacityProviders(
            name,
            cluster_name=cluster.name,
            capacity_providers=["FARGATE", "FARGATE_SPOT"],
            default_capacity_provider_strategies=[
                Strategy(capacity_provider=share.provider, weight=share.weight, base=share.base)
                for share in capacity(spot_share, on_demand_base)
            ],
            opts=child,
        )
        self.id: pulumi.Output[str] = cluster.id
        self.register_outputs({"clusterName": self.cluster_name, "arn": self.arn})
