"""What share of its tasks an ECS capacity provider strategy puts on Spot."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from policies.model import UNKNOWN, Config, Finding, Resource, refuse, unsettled
from policies.values import as_list, number

SPOT = "FARGATE_SPOT"
ELSEWHERE = "EXTERNAL"  # ECS Anywhere: the customer's own machines, neither Spot nor on demand
OWN = (
    " A capacity provider of instances counts as on demand, as its name does not show whether they are on Spot; where "
    "they are, write an exemption that says so."
)
LAUNCH_TYPES = ("EC2", "FARGATE", "MANAGED_INSTANCES")

MIN_SHARE = {
    "type": "number",
    "minimum": 0,
    "maximum": 100,
    "default": 50,
    "description": "Least share of tasks on Spot, in percent.",
}
MAX_BASE = {
    "type": "integer",
    "minimum": 0,
    "default": 0,
    "description": "Most tasks that may run on demand before the share counts (`base`).",
}
PARAMETERS = {"minShare": MIN_SHARE, "maxOnDemandBase": MAX_BASE}


@dataclass(frozen=True)
class Capacity:
    """How ECS is told where to run tasks. holder: "", or "ecsTarget." - what stands before the properties' names."""

    launch_type: Any
    strategies: Any
    holder: str = ""

    @property
    def chosen(self) -> bool:
        """Whether the workload chooses its capacity itself; if not, the cluster's default strategy counts."""
        return any(value is UNKNOWN or value not in (None, "", []) for value in (self.launch_type, self.strategies))


def own_choice(resource: Resource, capacity: Capacity, config: Config) -> Iterable[Finding]:
    """Judges what a workload says itself about its capacity."""
    launch_type = capacity.launch_type
    if launch_type is UNKNOWN:
        yield unsettled(resource, f"its {capacity.holder}launchType")
    elif launch_type not in (None, "", ELSEWHERE):
        named = f" {launch_type}" if launch_type in LAUNCH_TYPES else ""
        yield refuse(
            resource,
            f"asks for the launch type{named}, which is on-demand capacity. Leave {capacity.holder}launchType out and "
            f"give {capacity.holder}capacityProviderStrategies with {SPOT} instead.",
        )
    if capacity.strategies is UNKNOWN or as_list(capacity.strategies):
        yield from judge(resource, f"{capacity.holder}capacityProviderStrategies", capacity.strategies, config)


def judge(resource: Resource, name: str, strategies: Any, config: Config) -> Iterable[Finding]:
    """Judges a capacity provider strategy that is there. name: the property, for people."""
    items = [strategies] if strategies is UNKNOWN else as_list(strategies)
    if not all(item is UNKNOWN or isinstance(item, Mapping) for item in items):
        yield refuse(resource, f"has {name} that is no list of capacity providers with weights.")
        return
    if any(_unknown(item) for item in items):
        yield unsettled(resource, f"the Spot share in its {name}")
        return
    weights = [(item.get("capacityProvider") == SPOT, _count(item, "weight"), _count(item, "base")) for item in items]
    if any(weight is None or base is None for _, weight, base in weights):
        yield refuse(resource, f"has {name} with a weight or a base that is no number of tasks.")
        return
    share = _share([(spot, weight or 0) for spot, weight, _ in weights])
    if share < config["minShare"]:
        yield refuse(
            resource,
            f"puts {share:.3g} % of its tasks on Spot, and at least {config['minShare']:g} % must be. "
            f"Raise the weight of {SPOT} in {name}, or lower that of the others."
            + ("" if all(item.get("capacityProvider") in ("FARGATE", SPOT) for item in items) else OWN),
        )
    on_demand = sum(base or 0 for spot, _, base in weights if not spot)
    if on_demand > config["maxOnDemandBase"]:
        yield refuse(
            resource,
            f"keeps its first {on_demand:g} tasks on demand, and at most {config['maxOnDemandBase']:g} may be. "
            f"Lower the base in {name}.",
        )


def _unknown(item: Any) -> bool:
    return item is UNKNOWN or any(item.get(key) is UNKNOWN for key in ("capacityProvider", "weight", "base"))


def _count(item: Mapping[str, Any], key: str) -> float | None:
    value = number(item.get(key, 0) if item.get(key) is not None else 0)
    return None if value is None or value < 0 else value


def _share(weights: list[tuple[bool, float]]) -> float:
    """Percent of the tasks beyond the base that run on Spot."""
    total = sum(weight for _, weight in weights)
    if not total:  # ECS takes this only for a single provider, which then gets everything
        return 100 if all(spot for spot, _ in weights) else 0
    return 100 * sum(weight for spot, weight in weights if spot) / total
