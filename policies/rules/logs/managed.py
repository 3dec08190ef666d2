"""`log-group-managed`."""

from __future__ import annotations

from collections.abc import Iterable

from policies.model import UNKNOWN, Config, Finding, Resource, Severity, Stack, StackRule, refuse, unsettled
from policies.rules.logs.groups import READERS, Groups, group_name


def check(resource: Resource, stack: Stack, _config: Config) -> Iterable[Finding]:
    groups = stack.once(Groups)
    told = set[object]()
    for target in READERS[resource.type](resource):
        declared = groups.declares(target, resource)
        if declared is True or target.group in told:
            continue
        told.add(target.group)
        if declared is UNKNOWN:
            yield unsettled(resource, "whether the log group that it writes to is declared in this stack")
        else:
            yield refuse(
                resource,
                f"writes to the log group {group_name(str(target.group))}, which this stack does not declare: AWS or "
                "whoever comes first makes it, keeps its events for ever, and leaves it behind. Declare an "
                "aws.cloudwatch.LogGroup of this name, with a retention.",
            )


RULE = StackRule(
    id="log-group-managed",
    theme="logs",
    description="Every log group that a stack writes to is declared in it.",
    why="AWS makes a group that is missing at the first event: without a retention, without a key, without tags, and "
    "no destroy takes it away. Rules about groups see only those that are declared.",
    steps="Declare an `aws.cloudwatch.LogGroup` of the name that the resource writes to, such as `/aws/lambda/NAME`, "
    "and let the resource depend on it so that it is there first.",
    unknown="A group that is unknown at preview is proven by the property's dependency on a group of the stack, or by "
    "a group's name that is made of the resource's. Otherwise the rule advises, and settles it at update.",
    severity=Severity.MEDIUM,
    types=frozenset(READERS),
    check=check,
)
