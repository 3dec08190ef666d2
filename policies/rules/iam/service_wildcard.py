"""`iam-service-wildcard`."""

from __future__ import annotations

import re
from collections.abc import Iterable

from policies.model import UNKNOWN, Config, Finding, Resource, ResourceRule, Severity, refuse
from policies.rules.iam.actions import Reach, reach, shown
from policies.rules.iam.no_admin import ADMIN
from policies.rules.iam.statements import (
    ATTACHMENTS,
    HOLDERS,
    UNKNOWN_TEXT,
    allowing,
    attached,
    open_questions,
    permissions,
)

FULL_ACCESS = re.compile(r"[\w-]*FullAccess(Policy)?(_?V\d+)?", re.IGNORECASE)


def check(resource: Resource, _config: Config) -> Iterable[Finding]:
    for name in attached(resource):
        if FULL_ACCESS.fullmatch(name) and name not in ADMIN:
            yield refuse(resource, "attaches a FullAccess policy made by AWS. Allow the actions that are used.")
    if resource.type not in HOLDERS:
        return
    documents = permissions(resource)
    yield from open_questions(resource, documents)
    for statement in allowing(documents):
        for action in statement.actions:
            wide = None if action is UNKNOWN else reach(str(action))
            if wide is Reach.SERVICE:
                yield refuse(
                    resource,
                    f"may do everything in a service: {statement.place} allows {shown(str(action))}. Name the actions "
                    "that are used.",
                )
            elif wide is Reach.PERMISSIONS:
                yield refuse(
                    resource,
                    f"may change who may do what: {statement.place} allows {shown(str(action))}, and the wildcard "
                    "takes in actions that manage permissions. Name the actions that are used.",
                )


RULE = ResourceRule(
    id="iam-service-wildcard",
    theme="iam",
    description="No statement allows all of a service, or by a wildcard what manages permissions.",
    why="A wildcard allows more than the workload needs, deleting and sharing included, and it grows with each action "
    "that AWS adds.",
    steps='Name the actions. A wildcard at the end of a verb, as in "sqs:Get*", is accepted as long as it takes in no '
    "action that manages permissions.",
    unknown=UNKNOWN_TEXT,
    severity=Severity.HIGH,
    types=HOLDERS | ATTACHMENTS.keys(),
    references=("FSBP IAM.21", "cdk-nag AwsSolutions-IAM5"),
    check=check,
)
