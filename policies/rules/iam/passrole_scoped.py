"""`iam-passrole-scoped`."""

from __future__ import annotations

from collections.abc import Iterable

from policies.model import UNKNOWN, Config, Finding, Resource, ResourceRule, Severity, refuse, unsettled
from policies.rules.iam.actions import Reach, glob, reach
from policies.rules.iam.conditions import narrows
from policies.rules.iam.statements import HOLDERS, UNKNOWN_TEXT, Statement, allowing, open_questions, permissions

PASS_ROLE = "iam:passrole"
KEY = "iam:passedtoservice"


def check(resource: Resource, _config: Config) -> Iterable[Finding]:
    documents = permissions(resource)
    yield from open_questions(resource, documents)
    for statement in allowing(documents):
        if not _passes_roles(statement):
            continue
        scoped = narrows(statement.condition, KEY.__eq__, _is_one_service)
        if scoped is UNKNOWN:
            yield unsettled(resource, f"the condition of {statement.place}")
        elif not scoped:
            yield refuse(
                resource,
                f"may hand roles to any service: {statement.place} allows iam:PassRole without saying to whom. Add the "
                'Condition {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}, with the service that '
                "takes the role.",
            )


def _is_one_service(name: str) -> bool:
    """Whether a wildcard stands at most after it, where the names in China go on."""
    return not {"*", "?"} & set(name.partition(".amazonaws.com")[0])


def _passes_roles(statement: Statement) -> bool:
    """What is too wide is the business of other rules; so is a Resource *."""
    return any(
        action is not UNKNOWN and reach(str(action)) is Reach.NAMED and glob(str(action).lower(), PASS_ROLE)
        for action in statement.actions
    )


RULE = ResourceRule(
    id="iam-passrole-scoped",
    theme="iam",
    description="Whoever may pass a role may pass it to named services only.",
    why="Passing a strong role to a service that runs one's own code is the usual way from a small role to a large "
    "one.",
    steps="Add the condition iam:PassedToService with the service, and name the roles in Resource.",
    unknown=UNKNOWN_TEXT + " A condition with an unknown value is advised of as well.",
    severity=Severity.HIGH,
    types=HOLDERS,
    check=check,
)
