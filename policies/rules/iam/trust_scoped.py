"""`iam-trust-scoped`."""

from __future__ import annotations

from collections.abc import Iterable

from policies.model import UNKNOWN, Config, Finding, Resource, ResourceRule, Severity, refuse, unsettled
from policies.rules.iam.actions import Reach, reach
from policies.rules.iam.conditions import any_true, asks_who, narrows, pinned_arn, pinned_id
from policies.rules.iam.principals import anybody, of_kind
from policies.rules.iam.statements import ROLE, ROLE_COMPONENT, UNKNOWN_TEXT, Statement, allowing, open_questions, trust

# They say for whom they assume a role. Lambda, EC2 and API Gateway are not known to. Source: "Cross-service confused
# deputy prevention" in the guide of each.
SAY_FOR_WHOM = ("codebuild", "codepipeline", "ecs-tasks", "events", "pipes", "pods.eks", "scheduler", "states")
IDS = frozenset({"aws:sourceaccount", "aws:sourceorgid", "aws:sourceorgpaths"})


def check(resource: Resource, config: Config) -> Iterable[Finding]:
    documents = trust(resource)
    yield from open_questions(resource, documents)
    for document in documents:
        yield from (refuse(resource, f"{problem}.") for problem in document.problems)
    for statement in allowing(documents):
        yield from _judge(resource, statement)
        yield from _judge_services(resource, statement, config)


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
    narrow = asks_who(condition)
    if narrow is UNKNOWN or (public is UNKNOWN and not narrow):
        yield unsettled(resource, f"who may assume it by {statement.place}")
    elif not narrow:
        yield refuse(
            resource,
            f"may be assumed by anybody in the world: {statement.place} has the Principal *. Name the service or the "
            "role that assumes it.",
        )


def _judge_services(resource: Resource, statement: Statement, config: Config) -> Iterable[Finding]:
    services = [one for one in of_kind(statement.principal, "service") if one in config["services"]]
    condition = statement.condition
    limited = any_true([
        narrows(condition, "aws:sourcearn".__eq__, pinned_arn), narrows(condition, IDS.__contains__, pinned_id),
    ])  # fmt: skip
    if services and limited is UNKNOWN:
        yield unsettled(resource, f"for whom {services[0]} may assume it by {statement.place}")
    elif services and not limited:
        yield refuse(
            resource,
            f"may be assumed by {services[0]} on behalf of any account: {statement.place} does not say whose. Add the "
            "Condition StringEquals aws:SourceAccount with this account, or ArnLike aws:SourceArn.",
        )


RULE = ResourceRule(
    id="iam-trust-scoped",
    theme="iam",
    description="A role says by name who may assume it, and a service for whom.",
    why="A role that anybody may assume gives its permissions to the world. A service works for every account of AWS: "
    "without a condition another account may have it use this role for its own ends (the confused deputy).",
    steps='Write a Principal such as {"Service": "ecs-tasks.amazonaws.com"}, the action sts:AssumeRole and the '
    'Condition {"StringEquals": {"aws:SourceAccount": <the account>}}.',
    unknown=UNKNOWN_TEXT + " So is an unknown Principal, and an unknown account of a service's Condition.",
    severity=Severity.CRITICAL,
    types=frozenset({ROLE, ROLE_COMPONENT}),
    references=("checkov CKV_AWS_60", "checkov CKV_AWS_61"),
    parameters={
        "services": {
            "type": "array",
            "items": {"type": "string", "pattern": r"\.amazonaws\.com"},
            "default": [f"{name}.amazonaws.com" for name in SAY_FOR_WHOM],
            "description": "Services that have to be limited to an account, an ARN or an organisation.",
        }
    },
    check=check,
)
