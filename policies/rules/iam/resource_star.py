"""`iam-resource-star`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from policies.model import UNKNOWN, Config, Finding, Resource, ResourceRule, Severity, refuse, unsettled
from policies.rules.iam.actions import LIST, Action, Reach, matching, reach
from policies.rules.iam.conditions import is_resource_key, named, narrows
from policies.rules.iam.statements import HOLDERS, UNKNOWN_TEXT, Statement, allowing, open_questions, permissions

SHOWN = 5  # names of actions in a message; the others are counted


def check(resource: Resource, _config: Config) -> Iterable[Finding]:
    documents = permissions(resource)
    yield from open_questions(resource, documents)
    for statement in allowing(documents):
        restrictable = _restrictable(statement)
        if not restrictable or "NotResource" in statement.excluding:
            continue
        narrow = narrows(statement.condition, is_resource_key, named)
        if wide := [str(each) for each in statement.resources if each is not UNKNOWN and covers_all(str(each))]:
            if narrow is UNKNOWN:
                yield unsettled(resource, f"the condition of {statement.place}")
            elif not narrow:
                more = f" and {len(restrictable) - SHOWN} more" if len(restrictable) > SHOWN else ""
                has = "the Resource *" if "*" in wide else "a Resource that is all there are in an ARN's form"
                yield refuse(
                    resource,
                    f"may do {', '.join(restrictable[:SHOWN])}{more} on every resource: {statement.place} has {has}. "
                    "Name the ARNs of the resources that are used.",
                )
        elif UNKNOWN in statement.resources and narrow is not True:
            yield unsettled(resource, f"a resource in {statement.place}")


def covers_all(arn: str) -> bool:
    """Whether a Resource means everything of its service: "*", "arn:aws:s3:::*", "arn:aws:sqs:eu-central-1:1:*"."""
    return not arn.split(":", 5)[-1].strip("*?/:")


def _restrictable(statement: Statement) -> list[str]:
    """Names of the statement's actions that a resource's ARN can restrict; what is too wide is another rule's."""
    named_actions = [str(a) for a in statement.actions if a is not UNKNOWN and reach(str(a)) is Reach.NAMED]
    return sorted({found.name for action in named_actions for found in _that_can_be(matching(action))})


def _that_can_be(actions: Sequence[Action]) -> Sequence[Action]:
    """Those of a wildcard's actions that can be restricted; none of a list of things as ec2:Describe* mostly is."""
    restrictable = [one for one in actions if one.restrictable]
    listing = all(one.level == LIST for one in restrictable)
    return [] if listing and len(restrictable) < len(actions) / 2 else restrictable


RULE = ResourceRule(
    id="iam-resource-star",
    theme="iam",
    description="An action that can be restricted to resources is allowed on named resources only.",
    why="With the Resource * a workload reaches every queue, table and bucket of the account, not just its own. Some "
    "actions accept nothing else, such as ecr:GetAuthorizationToken; they pass, and so does a wildcard such as "
    "ec2:Describe* that only lists and mostly means such actions.",
    steps="Name the ARNs. A condition on the resource's tags (aws:ResourceTag), on ecs:cluster, kms:ResourceAliases or "
    "iam:AWSServiceName counts as well.",
    unknown=UNKNOWN_TEXT + " A statement whose Resource is unknown is advised of, unless its condition narrows it.",
    severity=Severity.HIGH,
    types=HOLDERS,
    references=("checkov CKV_AWS_355", "checkov CKV_AWS_356"),
    check=check,
)
