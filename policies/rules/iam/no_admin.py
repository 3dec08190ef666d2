"""`iam-no-admin`."""

from __future__ import annotations

from collections.abc import Iterable

from policies.model import UNKNOWN, Config, Finding, Resource, ResourceRule, Severity, refuse
from policies.rules.iam.actions import Reach, reach
from policies.rules.iam.statements import (
    ATTACHMENTS,
    HOLDERS,
    UNKNOWN_TEXT,
    allowing,
    attached,
    open_questions,
    permissions,
)

# Policies made by AWS whose holder is an administrator, or can make itself one.
ADMIN = frozenset({
    "AdministratorAccess", "AdministratorAccess-Amplify", "AdministratorAccess-AWSElasticBeanstalk",
    "PowerUserAccess", "IAMFullAccess", "SystemAdministrator", "DatabaseAdministrator", "NetworkAdministrator",
})  # fmt: skip


def check(resource: Resource, _config: Config) -> Iterable[Finding]:
    for name in attached(resource):
        if name in ADMIN:
            yield refuse(resource, f"attaches {name}, which makes an administrator. Allow the actions that are used.")
    if resource.type not in HOLDERS:
        return
    documents = permissions(resource)
    yield from open_questions(resource, documents)
    for document in documents:
        # What cannot be read cannot be shown to be less than everything.
        yield from (refuse(resource, f"{problem}.") for problem in document.problems)
    for statement in allowing(documents):
        if any(action is not UNKNOWN and reach(str(action)) is Reach.EVERYTHING for action in statement.actions):
            yield refuse(
                resource,
                f"may do everything in AWS: {statement.place} allows the action *. Name the actions that are used.",
            )


RULE = ResourceRule(
    id="iam-no-admin",
    theme="iam",
    description="Nobody in the stack may do everything in AWS.",
    why="Whoever takes over a task or function with such a role owns the account.",
    steps="Name the actions that the workload uses, on the resources that it uses. Write a policy document that can be "
    "read: one that cannot is refused too.",
    unknown=UNKNOWN_TEXT,
    severity=Severity.CRITICAL,
    types=HOLDERS | ATTACHMENTS.keys(),
    references=(
        "FSBP IAM.1",
        "CIS AWS Foundations 3.0.0 1.16",
        "checkov CKV_AWS_62",
        "checkov CKV_AWS_63",
        "checkov CKV_AWS_274",
    ),
    check=check,
)
