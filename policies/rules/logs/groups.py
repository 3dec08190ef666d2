"""Where the resources of a stack send their logs, and the log groups that it declares."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from policies.model import UNKNOWN, Resource, Stack, Unknown
from policies.rules.baseline.containers import JOB_DEFINITION, PROPERTIES, TASK_DEFINITION, containers
from policies.rules.logs.retention import GROUP
from policies.values import as_list


class Target(NamedTuple):
    """A log group by its name, its ARN or a value that is unknown, which is found in a property."""

    group: str | Unknown
    property_name: str


def _named(resource: Resource, prefix: str, suffix: str = "") -> Iterator[Target]:
    """The group that AWS makes for a resource of this name."""
    name = resource.get("name")
    if name is UNKNOWN:
        yield Target(UNKNOWN, "name")
    elif isinstance(name, str) and name:
        yield Target(f"{prefix}{name}{suffix}", "name")


def _at(*path: str) -> Callable[[Resource], Iterator[Target]]:
    """The ARN or name at a path; nothing said is no log."""

    def read(resource: Resource) -> Iterator[Target]:
        value = resource.given(path[0])
        for key in path[1:]:
            value = value.get(key) if isinstance(value, Mapping) else value
        if isinstance(value, Unknown) or (isinstance(value, str) and value):
            yield Target(value, path[0])

    return read


def _function(resource: Resource) -> Iterator[Target]:
    config = resource.given("loggingConfig")
    own = list(_at("loggingConfig", "logGroup")(resource)) if config is not None else []
    yield from own or _named(resource, "/aws/lambda/")


def _containers(resource: Resource) -> Iterator[Target]:
    names = list(PROPERTIES[resource.type])
    yield from (Target(UNKNOWN, name) for name in names if resource.given(name) is UNKNOWN)
    for container in containers(resource):
        group = container.get("logConfiguration", "options", "awslogs-group")
        known = container.body is not UNKNOWN and container.get("logConfiguration", "logDriver") == "awslogs"
        if known and (isinstance(group, Unknown) or (isinstance(group, str) and group)):
            yield Target(group, names[0])


def _project(resource: Resource) -> Iterator[Target]:
    config = resource.given("logsConfig")
    status = resource.get("logsConfig", "cloudwatchLogs", "status") if config is not None else None
    if status == "DISABLED":
        return
    own = list(_at("logsConfig", "cloudwatchLogs", "groupName")(resource)) if config is not None else []
    yield from own or _named(resource, "/aws/codebuild/")


def _machine(resource: Resource) -> Iterator[Target]:
    if resource.get("loggingConfiguration", "level") != "OFF":
        yield from _at("loggingConfiguration", "logDestination")(resource)


def _cluster(resource: Resource) -> Iterator[Target]:
    if as_list(resource.given("enabledClusterLogTypes")):
        yield from _named(resource, "/aws/eks/", "/cluster")


# Type → the groups that its resources write to.
READERS: dict[str, Callable[[Resource], Iterator[Target]]] = {
    "aws:lambda/function:Function": _function,
    TASK_DEFINITION: _containers,
    JOB_DEFINITION: _containers,
    "aws:codebuild/project:Project": _project,
    "aws:sfn/stateMachine:StateMachine": _machine,
    "aws:eks/cluster:Cluster": _cluster,
    "aws:apigateway/stage:Stage": _at("accessLogSettings", "destinationArn"),
    "aws:apigatewayv2/stage:Stage": _at("accessLogSettings", "destinationArn"),
    "aws:pipes/pipe:Pipe": _at("logConfiguration", "cloudwatchLogsLogDestination", "logGroupArn"),
    "aws:ec2/flowLog:FlowLog": _at("logDestination"),
    "aws:ecs/cluster:Cluster": _at(
        "configuration", "executeCommandConfiguration", "logConfiguration", "cloudWatchLogGroupName"
    ),
}


class Groups:
    """The log groups of a stack."""

    def __init__(self, stack: Stack):
        groups = stack.of_type(GROUP)
        self._names = {group.get("name") for group in groups if isinstance(group.get("name"), str)}
        self._urns = {group.urn for group in groups}
        self._unnamed = [group for group in groups if group.get("name") is UNKNOWN]

    def declares(self, target: Target, resource: Resource) -> bool | Unknown:
        """Whether a group of the stack is the one that a resource writes to."""
        linked = resource.dependencies.get(target.property_name, frozenset())
        if linked & self._urns and isinstance(target.group, Unknown):
            return True
        # A group whose name is made of the resource's, or of what that is made of, is its own.
        around = {resource.urn} | linked
        if any(around & group.dependencies.get("name", frozenset()) for group in self._unnamed):
            return True
        if isinstance(target.group, Unknown):
            return UNKNOWN
        name = group_name(target.group)
        if name is None or name in self._names:
            return True  # no group: a stream or a bucket
        return UNKNOWN if self._unnamed else False


def group_name(reference: str) -> str | None:
    """The name in a log group's ARN, or what is a name already; None for the ARN of something else."""
    if not reference.startswith("arn:"):
        return reference
    parts = reference.split(":")
    return parts[6] if len(parts) > 6 and parts[2] == "logs" and parts[5] == "log-group" else None
