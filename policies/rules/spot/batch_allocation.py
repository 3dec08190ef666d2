"""`spot-batch-allocation`."""

from __future__ import annotations

from collections.abc import Iterable

from policies.model import UNKNOWN, Config, Finding, Level, Resource, ResourceRule, Severity, refuse, unsettled
from policies.rules.batch.environments import ENVIRONMENT
from policies.values import as_list

# These look at how much room Spot has; the others at the price or at the size alone.
BY_CAPACITY = ("SPOT_PRICE_CAPACITY_OPTIMIZED", "SPOT_CAPACITY_OPTIMIZED")


def check(resource: Resource, config: Config) -> Iterable[Finding]:
    kind, strategy, types = (
        resource.get("computeResources", key) for key in ("type", "allocationStrategy", "instanceTypes")
    )
    if kind is UNKNOWN:
        yield unsettled(resource, "whether its instances are on Spot")
        return
    if str(kind).upper() != "SPOT":
        return
    if strategy is UNKNOWN:
        yield unsettled(resource, "how its instances are chosen")
    elif str(strategy).upper() not in BY_CAPACITY:
        yield refuse(
            resource,
            "chooses Spot instances by size and price alone, of which Spot soon takes some back. Set "
            f"computeResources.allocationStrategy to {BY_CAPACITY[0]}.",
        )
    names = as_list(types)
    if UNKNOWN in names:
        yield unsettled(resource, "its instance types")
    # A family, or "optimal", is many types.
    elif all("." in str(name) for name in names) and len({str(name) for name in names}) < config["minTypes"]:
        yield refuse(
            resource,
            f"names fewer than {config['minTypes']:g} instance types. Name more, or whole families, in "
            "computeResources.instanceTypes: Spot may have no room for one of them.",
        )


RULE = ResourceRule(
    id="spot-batch-allocation",
    theme="spot",
    level=Level.ADVISORY,
    description="A Batch environment on Spot chooses among several instance types those that Spot has most room for.",
    why="With BEST_FIT, which counts when nothing is said, jobs wait for the cheapest type even when Spot has no room "
    "for it, and run on what is taken back most often.",
    steps="Set `allocation_strategy` in `compute_resources` of the `aws.batch.ComputeEnvironment` to "
    "SPOT_PRICE_CAPACITY_OPTIMIZED, and name families such as m7g in `instance_types`.",
    unknown="Advises at preview when type, strategy or instance types are unknown; settled at update.",
    severity=Severity.LOW,
    types=frozenset({ENVIRONMENT}),
    parameters={
        "minTypes": {
            "type": "integer", "minimum": 1, "default": 3,
            "description": "Fewest instance types, where no family is named.",
        },
    },
    check=check,
)  # fmt: skip
