"""`spot-platform-compatible`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from policies.model import UNKNOWN, Config, Finding, Resource, Severity, Stack, StackRule, Unknown, refuse, unsettled
from policies.rules.baseline.containers import JOB_DEFINITION, TASK_DEFINITION, containers
from policies.rules.batch.environments import ENVIRONMENT
from policies.rules.spot import ecs_service, effective, scheduled_task
from policies.rules.spot.cluster_default import PROPERTY, PROVIDERS
from policies.rules.spot.strategy import SPOT
from policies.values import as_list

# The least platform version by architecture. Source: CapacityProviderStrategyItem, Amazon ECS API reference.
LEAST = {"X86_64": (1, 3, 0), "ARM64": (1, 4, 0)}
VERSION = re.compile(r"(\d{1,4})\.(\d{1,4})\.(\d{1,4})")
# Type → where it holds the parameters of a task, what it calls the definition there.
USERS: dict[str, tuple[tuple[str, ...], str]] = {
    ecs_service.SERVICE: ((), "taskDefinition"),
    ecs_service.TASK_SET: ((), "taskDefinition"),
    **{type_: (holder, "taskDefinitionArn") for type_, holder in scheduled_task.HOLDERS.items()},
}


def check(resource: Resource, stack: Stack, _config: Config) -> Iterable[Finding]:
    if resource.type == JOB_DEFINITION:
        yield from _job(resource, stack)
        return
    on_spot = _on_spot(resource, stack)
    if on_spot is UNKNOWN and any(_task(resource, stack)):
        yield unsettled(resource, f"whether it runs on {SPOT}, which may not be fit for it")
    elif on_spot is True:
        yield from _task(resource, stack)


def _task(resource: Resource, stack: Stack) -> Iterable[Finding]:
    holder, name = USERS[resource.type]
    definition = _definition(resource, stack, (*holder, name))
    if isinstance(definition, Unknown):
        yield unsettled(resource, "the task definition that it runs on Spot")
        return
    platform = definition.given("runtimePlatform") if definition else None
    version = resource.get(*holder, "platformVersion") if holder else resource.given("platformVersion")
    yield from _judge(resource, platform, version)


def _on_spot(resource: Resource, stack: Stack) -> bool | Unknown:
    """Whether some of its tasks run on Fargate Spot."""
    holder = USERS[resource.type][0]
    if not holder:
        launch_type, strategies = (resource.given(key) for key in ("launchType", "capacityProviderStrategies"))
    else:
        if not scheduled_task.runs_tasks(resource):
            return False
        launch_type, strategies = (resource.get(*holder, key) for key in ("launchType", "capacityProviderStrategies"))
    if launch_type not in (None, "", UNKNOWN):
        return False
    given = [strategies] if as_list(strategies) else [
        one.get(PROPERTY) for one in stack.of_type(PROVIDERS) if _may_be_default(one, resource, stack)
    ]  # fmt: skip
    providers = [_provider(item) for items in given for item in as_list(items)]
    return SPOT in providers or (UNKNOWN if UNKNOWN in (launch_type, *providers) else False)


def _may_be_default(providers: Resource, resource: Resource, stack: Stack) -> bool:
    """Whether these are the capacity providers of the cluster that the workload runs on, or may be."""
    if resource.type not in effective.CLUSTERS:
        return True
    meant: list[str] = []
    for one, path in ((resource, effective.CLUSTERS[resource.type]), (providers, ("clusterName",))):
        cluster = effective.cluster_of(stack, one, path)
        if isinstance(cluster, Unknown):
            return True
        meant.append(cluster.urn if cluster else str(one.get(*path)).rsplit("/", 1)[-1])
    return meant[0] == meant[1]


def _provider(item: Any) -> Any:
    return item.get("capacityProvider") if isinstance(item, Mapping) else item


def _definition(resource: Resource, stack: Stack, path: tuple[str, ...]) -> Resource | Unknown | None:
    """The task definition that it names; None if it is not in the stack, UNKNOWN if that is open."""
    definitions = stack.of_type(TASK_DEFINITION)
    reference = resource.get(*path)
    if reference is UNKNOWN:
        linked = [one for one in definitions if one.urn in resource.dependencies.get(path[0], frozenset())]
        return linked[0] if len(linked) == 1 else UNKNOWN
    family = str(reference).rsplit("/", 1)[-1].partition(":")[0]
    found = [one for one in definitions if reference in (one.get("arn"), one.get("id")) or one.get("family") == family]
    return found[0] if found else None


def _job(resource: Resource, stack: Stack) -> Iterable[Finding]:
    """A job that no Spot environment can run blocks a queue of these alone; beside others they are skipped."""
    capabilities = as_list(resource.get("platformCapabilities"))
    kinds = [environment.get("computeResources", "type") for environment in stack.of_type(ENVIRONMENT)]
    fargate = {str(kind).upper() for kind in kinds if kind is not UNKNOWN} & {"FARGATE", SPOT}
    if "FARGATE" not in capabilities or "FARGATE" in fargate:
        return
    if UNKNOWN in kinds:
        yield unsettled(resource, "whether its jobs run on Spot alone")
        return
    if not fargate:
        return
    for container in containers(resource):
        version = container.get("fargatePlatformConfiguration", "platformVersion")
        yield from _judge(resource, container.get("runtimePlatform"), version)


def _judge(resource: Resource, platform: Any, version: Any) -> Iterable[Finding]:
    values = platform if isinstance(platform, Mapping) else {}
    system, architecture = values.get("operatingSystemFamily"), values.get("cpuArchitecture")
    if UNKNOWN in (platform, system, architecture, version):
        yield unsettled(resource, "system, architecture and platform version of what it runs on Spot")
        return
    if str(system).upper().startswith("WINDOWS"):
        yield refuse(resource, f"runs Windows on {SPOT}, which has Linux only. Take FARGATE for it.")
        return
    least = LEAST["ARM64" if str(architecture).upper() == "ARM64" else "X86_64"]
    numbers = VERSION.fullmatch(version) if isinstance(version, str) else None
    if numbers and tuple(map(int, numbers.groups())) < least:
        yield refuse(
            resource,
            f"asks for a platform version that {SPOT} does not have for its architecture. Leave platformVersion out, "
            f"or take {'.'.join(map(str, least))} or later.",
        )


RULE = StackRule(
    id="spot-platform-compatible",
    theme="spot",
    description="What is to run on Fargate Spot is what Fargate Spot can run: Linux, on a platform version that it has "
    "for the architecture.",
    why="Fargate Spot has no Windows, x86-64 from platform version 1.3.0 and ARM64 from 1.4.0 only. ECS refuses the "
    "task when it is started, and a job waits at the head of its queue and holds up all behind it.",
    steps="Leave `platform_version` out, and run Windows on FARGATE.",
    unknown="A task definition that is unknown at preview is found by the property's dependency on it; otherwise the "
    "rule advises, as it does when system or architecture are unknown, and settles it at update.",
    severity=Severity.MEDIUM,
    types=frozenset({*USERS, JOB_DEFINITION}),
    check=check,
)
