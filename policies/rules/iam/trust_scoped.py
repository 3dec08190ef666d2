"""`iam-trust-scoped`."""

from __future__ import annotations

from collections.abc import Iterable

from policies.model import UNKNOWN, Config, Finding, Resource, ResourceRule, Severity, refuse, unsettled
from policies.rules.iam.actions import Reach, reach
from policies.rules.iam.conditions import any_true, asks_who, named, narrows
from policies.rules.iam.principals import anybody
from policies.rules.iam.statements import ROLE, ROLE_COMPONENT, UNKNOWN_TEXT, Statement, allowing, open_questions, trust


def check(resource: Resource, _config: Config) -> Iterable[Finding]:
    documents = trust(resource)
    yield from open_questions(resource, documents)
    for document in documents:
        yield from (refuse(resource, f"{problem}.") for problem in document.problems)
    for statement in allowing(documents):
        yield from _judge(resource, statement)


def _judge(resource: Resource, statement: Statement) -> Iterable[Finding]:
    if statement.excluding:
        yield refuse(
            resource,
            f"may be assumed by everybody who is not excluded: {statement.place} has "
            f"{' and '.join(statement.excluding)}. Name who may assume it.",
        )
    if any(action is not UNKNOWN and reach(str(action)) is not Reach.NAMED for action in statement.actions):
        yield refuse(
            resource,
            f"allows more than being assumed: {statement.place} has an action with a wildcard. Write sts:AssumeRole.",
        )
    public = anybody(statement.principal)
    if public is False:
        return
    condition = statement.condition
    narrow = any_true([asks_who(condition), narrows(condition, "sts:externalid".__eq__, named)])
    if narrow is UNKNOWN or (public is UNKNOWN and not narrow):
        yield unsettled(resource, f"who may assume it by {statement.place}")
    elif not narrow:
        yield refuse(
            resource,
            f"may be assumed by anybody in the world: {statement.place} has the Principal *. Name the service or the "
            "role that assumes it.",
        )


RULE = ResourceRule(
    id="iam-trust-scoped",
    theme="iam",
    description="A role says by name who may assume it.",
    why="A role that anybody may assume gives its permissions to the world.",
    steps='Write a Principal such as {"Service": "ecs-tasks.amazonaws.com"} and the action sts:AssumeRole.',
    unknown=UNKNOWN_TEXT + " So is an unknown Principal.",
    severity=Severity.CRITICAL,
    types=frozenset({ROLE, ROLE_COMPONENT}),
    references=("checkov CKV_AWS_60", "checkov CKV_AWS_61"),
    check=check,
)
