"""`spot-eks-nodegroup`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from policies.model import UNKNOWN, Config, Finding, Resource, ResourceRule, Severity, refuse, unsettled
from policies.values import as_list, number

GROUP = "aws:eks/nodeGroup:NodeGroup"
POOLS = ("kubernetes:karpenter.sh/v1:NodePool", "kubernetes:karpenter.sh/v1beta1:NodePool")
LABEL, BATCH = "workload-type", "batch"
CAPACITY, TYPES = "karpenter.sh/capacity-type", "node.kubernetes.io/instance-type"
ON_DEMAND = "has nodes on demand for jobs, which can be run again when Spot takes a node back."


def check(resource: Resource, config: Config) -> Iterable[Finding]:
    at = ("labels",) if resource.type == GROUP else ("spec", "template", "metadata", "labels")
    label = resource.get(*at, LABEL)
    if label is UNKNOWN:
        yield unsettled(resource, "whether its nodes are for jobs")
    elif label == BATCH:
        yield from _group(resource, config) if resource.type == GROUP else _pool(resource, config)
    elif resource.get("capacityType") is UNKNOWN:
        yield unsettled(resource, "whether its nodes are on Spot")
    elif resource.get("capacityType") == "SPOT":
        yield from _types(resource, resource.get("instanceTypes"), config)


def _group(resource: Resource, config: Config) -> Iterable[Finding]:
    capacity = resource.get("capacityType")
    if capacity is UNKNOWN:
        yield unsettled(resource, "whether its nodes are on Spot")
    elif capacity != "SPOT":
        yield refuse(resource, f"{ON_DEMAND} Set capacity_type to SPOT.")
    yield from _types(resource, resource.get("instanceTypes"), config)
    least = resource.get("scalingConfig", "minSize")
    if least is UNKNOWN:
        yield unsettled(resource, "how many nodes it keeps")
    elif (number(least) or 0) > config["maxMinNodes"]:
        yield refuse(resource, f"keeps {number(least):g} nodes while no job runs. Set min_size to 0.")


def _pool(resource: Resource, config: Config) -> Iterable[Finding]:
    requirements = resource.get("spec", "template", "spec", "requirements")
    values: dict[Any, Any] = {}
    for one in as_list(requirements):
        if isinstance(one, Mapping) and isinstance(one.get("key"), str):
            values[one["key"]] = one.get("values")
    if requirements is UNKNOWN or UNKNOWN in as_list(requirements) or UNKNOWN in as_list(values.get(CAPACITY)):
        yield unsettled(resource, "whether its nodes are on Spot")
    elif as_list(values.get(CAPACITY)) != ["spot"]:
        yield refuse(resource, f"{ON_DEMAND} Require {CAPACITY} to be spot.")
    if TYPES in values:
        yield from _types(resource, values[TYPES], config)


def _types(resource: Resource, types: Any, config: Config) -> Iterable[Finding]:
    names = as_list(types)
    if UNKNOWN in names:
        yield unsettled(resource, "its instance types")
    elif len({str(name) for name in names}) < config["minTypes"]:
        yield refuse(
            resource,
            f"names fewer than {config['minTypes']:g} instance types. Name more, of one architecture: Spot may have "
            "no room for one of them.",
        )


RULE = ResourceRule(
    id="spot-eks-nodegroup",
    theme="spot",
    description="Nodes of a cluster that are for jobs are on Spot, and none while no job runs; a node group on Spot is "
    "of several instance types.",
    why="A Job goes on when Spot takes a node back, so on-demand nodes are money spent for no benefit, and nodes that "
    "wait are, too. With one instance type, jobs wait whenever Spot has no room for it.",
    steps="Set `capacity_type` of the `aws.eks.NodeGroup` to SPOT, at least three `instance_types`, and `min_size` to "
    "0. Nodes for jobs are those with the label workload-type: batch.",
    unknown="Advises at preview when label, capacity, types or size is unknown; settled at update.",
    severity=Severity.MEDIUM,
    types=frozenset({GROUP, *POOLS}),
    parameters={
        "minTypes": {
            "type": "integer", "minimum": 1, "default": 3, "description": "Fewest instance types of a node group."
        },
        "maxMinNodes": {
            "type": "integer", "minimum": 0, "default": 0, "description": "Most nodes that may wait for jobs."
        },
    },
    check=check,
)  # fmt: skip
