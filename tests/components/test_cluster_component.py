from __future__ import annotations

import pytest
from component_support import SITE, Declared, declared

from components.cluster import Cluster

PROVIDERS = "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders"
SPOT, ON_DEMAND = "FARGATE_SPOT", "FARGATE"


def cluster(share: int, base: int) -> Declared:
    return declared(lambda: Cluster("tasks", SITE, spot_share=share, on_demand_base=base))


@pytest.mark.parametrize(
    ("share", "base", "strategy"),
    [
        (100, 0, [(SPOT, 100, 0)]),
        (70, 0, [(SPOT, 70, 0), (ON_DEMAND, 30, 0)]),
        (70, 1, [(SPOT, 70, 0), (ON_DEMAND, 30, 1)]),
        (100, 2, [(SPOT, 100, 0), (ON_DEMAND, 0, 2)]),
        (0, 0, [(ON_DEMAND, 100, 0)]),
        (0, 3, [(ON_DEMAND, 100, 3)]),
    ],
)
def test_the_default_strategy_follows_the_spot_share_and_the_on_demand_base(
    share: int, base: int, strategy: list[tuple[str, int, int]]
) -> None:
    inputs = cluster(share, base).inputs(PROVIDERS)
    assert inputs["capacityProviders"] == [ON_DEMAND, SPOT]
    found = [(s["capacityProvider"], s["weight"], s["base"]) for s in inputs["defaultCapacityProviderStrategies"]]
    assert found == strategy


def test_the_cluster_has_a_known_name_and_no_paid_task_metrics() -> None:
    found = cluster(100, 0)
    made = found.one("aws:ecs/cluster:Cluster")
    assert made.inputs["name"] == "serverless-batch-test-tasks"
    assert made.inputs["settings"] == [{"name": "containerInsights", "value": "disabled"}]
    assert found.inputs(PROVIDERS)["clusterName"] == made.inputs["name"]
    component = found.inputs("serverless-batch:cluster:Cluster")
    assert (component["clusterName"], component["spotShare"]) == (made.inputs["name"], 100)


@pytest.mark.parametrize(("share", "provider"), [(100, SPOT), (1, SPOT), (0, ON_DEMAND)])
def test_a_task_asked_for_by_itself_is_on_spot_unless_the_stack_has_none(share: int, provider: str) -> None:
    made: list[Cluster] = []
    declared(lambda: made.append(Cluster("tasks", SITE, spot_share=share, on_demand_base=1)))
    assert made[0].single_task == provider


def test_the_arn_for_permissions_is_the_clusters() -> None:
    made: list[Cluster] = []
    found = declared(lambda: made.append(Cluster("tasks", SITE, spot_share=100, on_demand_base=0)))
    assert made[0].arn == found.one("aws:ecs/cluster:Cluster").outputs["arn"]
