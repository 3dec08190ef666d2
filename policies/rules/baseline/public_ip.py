"""`no-public-ip`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from policies.model import UNKNOWN, Config, Finding, Resource, ResourceRule, Severity, refuse, unsettled
from policies.rules.baseline.containers import JOB_DEFINITION, containers
from policies.rules.baseline.run_task import tasks
from policies.rules.dlq.states import MACHINE, MACHINE_COMPONENT
from policies.values import as_list, parse_json

TEMPLATE, INSTANCE = "aws:ec2/launchTemplate:LaunchTemplate", "aws:ec2/instance:Instance"
# Type → the way to what says whether it gets an address.
WAYS = {
    "aws:ecs/service:Service": ("networkConfiguration", "assignPublicIp"),
    "aws:ecs/taskSet:TaskSet": ("networkConfiguration", "assignPublicIp"),
    "aws:cloudwatch/eventTarget:EventTarget": ("ecsTarget", "networkConfiguration", "assignPublicIp"),
    "aws:scheduler/schedule:Schedule": ("target", "ecsParameters", "networkConfiguration", "assignPublicIp"),
    "aws:pipes/pipe:Pipe": (
        "targetParameters", "ecsTaskParameters", "networkConfiguration", "awsVpcConfiguration", "assignPublicIp",
    ),
    INSTANCE: ("associatePublicIpAddress",),
}  # fmt: skip


def check(resource: Resource, config: Config) -> Iterable[Finding]:
    if not config["private"]:
        return
    values = list(_values(resource))
    if any(str(value).upper() in ("TRUE", "ENABLED") for value in values):
        yield refuse(
            resource,
            "gets a public address, and none may in this stack. Set assignPublicIp to false, or to DISABLED in JSON.",
        )
    elif UNKNOWN in values:
        yield unsettled(resource, "whether it gets a public address")


def _values(resource: Resource) -> Iterator[Any]:
    if resource.type in WAYS:
        yield resource.get(*WAYS[resource.type])
    elif resource.type == JOB_DEFINITION:
        yield from (container.get("networkConfiguration", "assignPublicIp") for container in containers(resource))
    elif resource.type == TEMPLATE:
        interfaces = as_list(resource.get("networkInterfaces"))
        yield from (one.get("associatePublicIpAddress") if isinstance(one, Mapping) else one for one in interfaces)
    else:
        definition = parse_json(resource.get("definition"))
        if definition is UNKNOWN and resource.parent_type != MACHINE_COMPONENT:
            yield UNKNOWN
        elif isinstance(definition, Mapping):
            for _, arguments in tasks(definition):
                found = Resource(resource.urn, "", "", arguments if isinstance(arguments, Mapping) else {})
                yield found.get("NetworkConfiguration", "AwsvpcConfiguration", "AssignPublicIp")


RULE = ResourceRule(
    id="no-public-ip",
    theme="baseline",
    description="Where the stack's network is private, no task, job or instance gets a public address.",
    why="An address makes it reachable from everywhere, with a security group as the only thing between, and costs "
    "money by the hour.",
    steps="Set `assign_public_ip` of the network configuration to False, and `associate_public_ip_address` of launch "
    "templates and instances.",
    unknown="Advises at preview when it is unknown; settled at update.",
    references=("FSBP ECS.2", "FSBP ECS.16", "FSBP EC2.9", "FSBP EC2.25", "checkov CKV_AWS_88", "checkov CKV_AWS_333"),
    severity=Severity.MEDIUM,
    types=frozenset({*WAYS, JOB_DEFINITION, TEMPLATE, MACHINE, MACHINE_COMPONENT}),
    parameters={
        "private": {
            "type": "boolean", "default": False, "description": "Whether the stack's network is a private one."
        },
    },
    check=check,
)  # fmt: skip
