"""`spot-sfn-runtask`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from policies.model import UNKNOWN, Config, Finding, Resource, ResourceRule, Severity, refuse, unsettled
from policies.rules.baseline.run_task import tasks
from policies.rules.dlq.states import MACHINE, MACHINE_COMPONENT
from policies.rules.spot.strategy import ELSEWHERE, PARAMETERS, SPOT, judge
from policies.values import as_list, parse_json

AT_RUN_TIME = "chooses the capacity of its state {} at run time, so nothing shows that it is Spot."


def check(resource: Resource, config: Config) -> Iterable[Finding]:
    definition = resource.get("definition")
    document = parse_json(definition)
    if definition is UNKNOWN:
        if resource.parent_type != MACHINE_COMPONENT:
            yield unsettled(resource, "whether its states run tasks on Spot")
    elif isinstance(document, Mapping):
        for name, arguments in tasks(document):
            yield from _judge(resource, f"'{name}'", arguments, config)


def _judge(resource: Resource, state: str, arguments: Any, config: Config) -> Iterable[Finding]:
    if arguments is UNKNOWN:
        yield unsettled(resource, f"whether its state {state} runs on Spot")
        return
    if isinstance(arguments, str):
        yield refuse(resource, AT_RUN_TIME.format(state))
        return
    given = arguments if isinstance(arguments, Mapping) else {}
    launch_type, strategy = given.get("LaunchType"), given.get("CapacityProviderStrategy")
    if launch_type is UNKNOWN:
        yield unsettled(resource, f"the LaunchType of its state {state}")
    elif launch_type not in (None, "", ELSEWHERE) or "LaunchType.$" in given:
        yield refuse(
            resource,
            f"gives its state {state} a LaunchType, which is on-demand capacity. Leave it out and give "
            f"CapacityProviderStrategy with {SPOT} instead.",
        )
    elif isinstance(strategy, str) or "CapacityProviderStrategy.$" in given:
        yield refuse(resource, AT_RUN_TIME.format(state))
    elif strategy is UNKNOWN or as_list(strategy):
        items = strategy if strategy is UNKNOWN else [_as_property(one) for one in as_list(strategy)]
        yield from judge(resource, f"CapacityProviderStrategy (state {state})", items, config)
    elif launch_type != ELSEWHERE:
        yield refuse(
            resource,
            f"names no capacity in its state {state}. The cluster's default would count, and each call is a request of "
            f"its own: a base on demand takes every single task. Give CapacityProviderStrategy with {SPOT}.",
        )


def _as_property(item: Any) -> Any:
    """As resources write it: CapacityProvider → capacityProvider."""
    if not isinstance(item, Mapping):
        return item
    return {str(key)[:1].lower() + str(key)[1:]: value for key, value in item.items()}


RULE = ResourceRule(
    id="spot-sfn-runtask",
    theme="spot",
    description="A state machine that runs ECS tasks runs them on Fargate Spot, on demand only as far as the stack "
    "allows.",
    why="What Spot takes back a Retry of the state runs again. Where a state names no capacity, the cluster's default "
    "counts for each task by itself, so that its on-demand base takes all of them.",
    steps="In `definition`, give the Parameters (or Arguments) of each ecs:runTask state CapacityProviderStrategy with "
    "FARGATE_SPOT and leave LaunchType out.",
    unknown="A definition that is unknown at preview is advised of and settled at update. That of a machine below a "
    f"{MACHINE_COMPONENT} is read from the definition that it hands to the engine.",
    severity=Severity.MEDIUM,
    types=frozenset({MACHINE, MACHINE_COMPONENT}),
    parameters=PARAMETERS,
    check=check,
)
