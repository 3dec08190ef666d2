"""`resource-policy-not-public`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from policies.model import UNKNOWN, Config, Finding, Resource, ResourceRule, Severity, refuse, unsettled
from policies.rules.iam.actions import means
from policies.rules.iam.arns import reaches
from policies.rules.iam.conditions import Answer, any_true, asks_who, narrows, spares_only_named
from policies.rules.iam.principals import anybody, of_kind
from policies.rules.iam.resource_policies import DOCUMENTS, LAMBDA_PERMISSION, STATEMENTS, policy
from policies.rules.iam.statements import Statement

FUNCTION_URL = "aws:lambda/functionUrl:FunctionUrl"
MOST_DENIALS = 100  # that are looked at; a policy that AWS accepts has seldom room for more
# Statements that deny to everybody, and whether they let through only who is named.
Perimeter = Sequence[tuple[Statement, Answer]]
HOW = (
    "Name accounts, roles or services as the Principal, or add a condition on who asks: aws:PrincipalOrgID, "
    "aws:SourceArn, aws:SourceAccount, aws:SourceVpce."
)


def check(resource: Resource, _config: Config) -> Iterable[Finding]:
    if resource.type == FUNCTION_URL:
        yield from _judge_url(resource)
        return
    document = policy(resource)
    if document is None:
        return
    yield from (unsettled(resource, part) for part in document.unknown)
    yield from (refuse(resource, f"{problem}.") for problem in document.problems)
    denials = [one for one in document.statements if not one.allows and anybody(one.principal) is True]
    perimeter = [(one, spares_only_named(one.condition)) for one in denials[:MOST_DENIALS]]
    for statement in document.statements:
        if statement.allows:
            yield from _judge(resource, statement, perimeter)


def _judge(resource: Resource, statement: Statement, perimeter: Perimeter) -> Iterable[Finding]:
    public = True if "NotPrincipal" in statement.excluding else anybody(statement.principal)
    if public is False:
        if resource.type == LAMBDA_PERMISSION and of_kind(statement.principal, "service"):
            yield from _judge_service(resource, statement)
        return
    closed = any_true(
        [asks_who(statement.condition), *(spares for denial, spares in perimeter if _denies(denial, statement))]
    )
    if closed is True:
        return
    if UNKNOWN in (closed, public):
        yield unsettled(resource, f"who is allowed by {statement.place}")
    else:
        who = "the Principal *" if not statement.excluding else " and ".join(statement.excluding)
        yield refuse(resource, f"is open to everybody in the world: {statement.place} allows {who}. {HOW}")


def _judge_service(resource: Resource, statement: Statement) -> Iterable[Finding]:
    # What is unknown is made of another resource, so it was given.
    given = any(resource.get(name) is UNKNOWN for name in STATEMENTS[resource.type])
    token = narrows(statement.condition, "lambda:eventsourcetoken".__eq__, bool)
    if not given and token is not True and asks_who(statement.condition) is not True:
        yield refuse(
            resource,
            "lets a service of AWS invoke the function for anybody's resources, of any account. Say for which: set "
            "source_arn to the ARN of what invokes it, or source_account.",
        )


def _judge_url(resource: Resource) -> Iterable[Finding]:
    """The provider writes into the function's policy that everybody may call a URL without authorisation."""
    kind = resource.get("authorizationType")
    if kind is UNKNOWN:
        yield unsettled(resource, "who may call it")
    elif kind != "AWS_IAM":
        yield refuse(
            resource,
            "is open to everybody in the world: whoever has the URL calls the function. Set authorizationType to "
            "AWS_IAM, or put an API in front that asks who calls.",
        )


def _denies(denial: Statement, statement: Statement) -> bool:
    """Whether it denies all that the other allows."""
    if {"NotAction", "NotResource"} & set(statement.excluding):
        return False
    return all(any(_covers(one, action) for one in denial.actions) for action in statement.actions) and all(
        any(_reaches(one, arn) for one in denial.resources) for arn in statement.resources
    )


def _covers(wide: object, action: object) -> bool:
    return isinstance(wide, str) and isinstance(action, str) and means(wide, action.lower())


def _reaches(wide: object, arn: object) -> bool:
    return isinstance(wide, str) and (wide == "*" or (isinstance(arn, str) and reaches(wide, arn)))


RULE = ResourceRule(
    id="resource-policy-not-public",
    theme="iam",
    description="No resource's own policy allows everybody in the world.",
    why="Queues, topics, buckets, images, functions, keys and secrets with the Principal * can be used from any "
    "account, and many of them without one. Whoever finds the name may read, send or delete.",
    steps="Write in the policy the accounts, roles or services as `Principal`. Where * cannot be avoided, add a "
    "condition on aws:PrincipalOrgID, aws:SourceArn, aws:SourceAccount, aws:SourceVpce or aws:SourceIp, without "
    "wildcards in what counts. Set `source_arn` or `source_account` of an `aws.lambda_.Permission`, and "
    "`authorization_type` of an `aws.lambda_.FunctionUrl` to AWS_IAM. A website's bucket is read through CloudFront "
    "with origin access control, or needs an exemption.",
    unknown="A policy, a Principal or a condition that is unknown at preview is advised of and settled at update. The "
    "`source_arn` of a service's permission may be unknown: it was given.",
    severity=Severity.CRITICAL,
    types=frozenset({*DOCUMENTS, *STATEMENTS, FUNCTION_URL}),
    references=(
        "FSBP SQS.3", "FSBP SNS.4", "FSBP Lambda.1", "FSBP KMS.5", "FSBP S3.2", "FSBP S3.3",
        "checkov CKV_AWS_32", "checkov CKV_AWS_33", "checkov CKV_AWS_70", "checkov CKV_AWS_168", "checkov CKV_AWS_169",
        "checkov CKV_AWS_258", "checkov CKV_AWS_301", "checkov CKV_AWS_364", "checkov CKV_AWS_387",
    ),
    check=check,
)  # fmt: skip
