"""`iam-role-separation`."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Sequence

from policies.model import UNKNOWN, Config, Finding, Resource, Severity, Stack, StackRule, refuse, unsettled
from policies.rules.iam.workloads import WORKLOADS, Workload, Workloads

SHOWN = 3  # names in a message; the others are counted


def check(resource: Resource, stack: Stack, config: Config) -> Iterable[Finding]:
    workloads = stack.once(Workloads)
    workload = workloads.by_urn[resource.urn]
    if UNKNOWN in workload.own or (UNKNOWN in workload.starting and workload.own):
        yield unsettled(resource, "with which role it runs")
    for role in sorted(one for one in workload.own if isinstance(one, str)):
        if any(fnmatch.fnmatchcase(workloads.role_name(role), pattern) for pattern in config["sharedRoles"]):
            continue
        if role in workload.starting:
            yield refuse(
                resource,
                "runs with the role that it is started with: its code may read every secret that it is started with "
                "and pull every image. Give it a task role of its own, beside executionRoleArn.",
            )
        elif started := _others(workload, workloads.started.get(role, ())):
            yield refuse(
                resource,
                f"runs with the role that {_list(started)} is started with: its code may read the secrets and pull the "
                "images of the other. Give it a role of its own.",
            )
        if running := _others(workload, workloads.running[role]):
            yield refuse(
                resource,
                f"shares its role with {_list(running)}: what one of them may do, each may. Give each a role of its "
                "own with what it needs.",
            )


def _others(workload: Workload, candidates: Iterable[Workload]) -> list[str]:
    return sorted({str(one.resource) for one in candidates if one.name != workload.name})


def _list(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{', '.join(names[:SHOWN])}{more}"


RULE = StackRule(
    id="iam-role-separation",
    theme="iam",
    description="Every workload runs with a role of its own, which is not the one that starts it.",
    why="A role that several workloads share may do what any of them needs, so whoever takes over the smallest has the "
    "permissions of all. The role that ECS starts a task with may read its secrets and pull its image, which the code "
    "need not.",
    steps="Declare an `aws.iam.Role` for each function, task definition, job definition, state machine, build project "
    "and service account, and set `task_role_arn` and `execution_role_arn` to two different ones. Roles that only "
    "start tasks may be shared.",
    unknown="A role that is unknown at preview is found by the property's dependency on exactly one role; otherwise "
    "the rule advises, and settles it at update. A job definition whose document is unknown as a whole is advised of.",
    severity=Severity.MEDIUM,
    types=WORKLOADS,
    references=("checkov CKV_AWS_249",),
    parameters={
        "sharedRoles": {
            "type": "array",
            "items": {"type": "string"},
            "default": [],
            "description": "Names of roles that several workloads may run with; * and ? are wildcards.",
        }
    },
    check=check,
)
