import json
import time

import pytest
from policy_cases import findings, left_open, make, passes, policy, refused

from policies.model import UNKNOWN
from policies.rules.iam.actions import Reach, glob, matching, reach

ROLE = "aws:iam/role:Role"
ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"
COMPONENT = "serverless-batch:permissions:Role"
QUEUE = "arn:aws:sqs:eu-central-1:123456789012:jobs"
TRUST = policy({"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"})
PERMISSION_RULES = (
    "iam-no-admin", "iam-service-wildcard", "iam-resource-star", "iam-passrole-scoped", "iam-no-not-action"
)  # fmt: skip
RULES = (*PERMISSION_RULES, "iam-trust-scoped")


def allow(action, resource=QUEUE, **more):
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def documents(*statements):
    """The same statements in everything that holds some."""
    text, data = policy(*statements), {"Version": "2012-10-17", "Statement": list(statements)}
    return [
        make(ROLE_POLICY, policy=text),
        make(ROLE_POLICY, policy=data),
        make("aws:iam/policy:Policy", policy=text),
        make("aws:iam/userPolicy:UserPolicy", policy=text),
        make("aws:iam/groupPolicy:GroupPolicy", policy=text),
        make(ROLE, assumeRolePolicy=TRUST, inlinePolicies=[{"name": "a", "policy": text}]),
        make(COMPONENT, statements=list(statements), trust=json.loads(TRUST)["Statement"]),
    ]


def only(rule, *statements):
    """The message of the one rule that refuses these statements, wherever they stand; every other rule passes."""
    messages = set()
    for resource in documents(*statements):
        messages.add(refused(rule, resource).replace(str(resource), "it"))
        for other in set(RULES) - {rule}:
            passes(other, resource)
    return "\n".join(messages)


def test_named_actions_on_named_resources_pass_every_rule():
    for rule in RULES:
        passes(
            rule, *documents(allow(["sqs:SendMessage", "sqs:ReceiveMessage"]), allow("ecr:GetAuthorizationToken", "*"))
        )
        passes(rule, *documents(allow("sqs:Get*", [QUEUE]), {"Effect": "Deny", "NotAction": "*", "Resource": "*"}))
        passes(rule, *documents())


@pytest.mark.parametrize("action", ["*", "*:*", ["*", "*"], "**", "?*"])
@pytest.mark.parametrize("resource", ["*", QUEUE])
def test_every_action_makes_an_administrator(action, resource):
    assert "it may do everything in AWS: statement 1 of its policy allows" in only(
        "iam-no-admin", allow(action, resource)
    )


@pytest.mark.parametrize(
    "action",
    ["sqs:*", "SQS:*", "sqs:**", "sqs:?*", "s?s:*", "*:GetItem", "Execute-API:*n*", ["sqs:SendMessage", "sqs:*"]],
)
def test_every_action_of_a_service_is_refused(action):
    assert "may do everything in a service" in only("iam-service-wildcard", allow(action))


def test_every_action_of_a_service_that_the_data_does_not_know_is_refused_too():
    message = only("iam-service-wildcard", allow("brandnew:*"))
    assert "allows an action with a wildcard" in message


@pytest.mark.parametrize("action", ["sqs:*Permission", "s3:Put*", "s3:P*tBucket*", "IAM:pass*"])
def test_a_wildcard_that_takes_in_the_management_of_permissions_is_refused(action):
    assert "may change who may do what" in only("iam-service-wildcard", allow(action))


@pytest.mark.parametrize("action", ["sqs:Get*", "dynamodb:*Item", "sqs:?eceiveMessage", "logs:Create*"])
def test_a_wildcard_in_a_verb_is_accepted(action):
    passes("iam-service-wildcard", *documents(allow(action)))


@pytest.mark.parametrize(
    "star", ["*", "**", ["arn:aws:sqs:eu-central-1:123456789012:*", QUEUE], "arn:aws:sqs:*:*:*", "arn:aws:*", "arn:*"]
)
@pytest.mark.parametrize("action", ["sqs:SendMessage", "SQS:sendmessage", ["sqs:SendMess*"]])
def test_an_action_that_can_be_restricted_needs_a_resource(action, star):
    assert "may do sqs:SendMessage on every resource" in only("iam-resource-star", allow(action, star))


@pytest.mark.parametrize(
    "action", ["ecr:GetAuthorizationToken", "ec2:DescribeSubnets", "xray:PutTraceSegments", "cloudwatch:PutMetricData"]
)
def test_an_action_that_accepts_nothing_else_may_have_the_resource_star(action):
    passes("iam-resource-star", *documents(allow(action, "*")))


def test_many_actions_are_counted_and_not_all_told():
    message = only("iam-resource-star", allow(["dynamodb:*Item", "dynamodb:Query", "dynamodb:Scan"], "*"))
    assert "dynamodb:BatchGetItem, dynamodb:BatchWriteItem, dynamodb:ConditionCheckItem" in message
    assert "more on every resource" in message


@pytest.mark.parametrize(
    ("operator", "key", "value", "narrow"),
    [
        ("StringEquals", "aws:ResourceTag/project", "batch", True),
        ("stringlike", "AWS:resourcetag/project", ["batch-*"], True),
        ("ArnEquals", "ecs:cluster", "arn:aws:ecs:r:1:cluster/c", True),
        ("ForAnyValue:StringEquals", "sqs:ResourceTag/a", "b", True),
        ("StringLike", "aws:ResourceTag/project", "*", False),
        ("StringEquals", "aws:ResourceTag/project", [], False),
        ("StringEqualsIfExists", "aws:ResourceTag/project", "batch", False),
        ("StringNotEquals", "aws:ResourceTag/project", "batch", False),
        ("ForAllValues:StringEquals", "aws:ResourceTag/project", "batch", False),
        ("StringEquals", "aws:RequestedRegion", "eu-central-1", False),
    ],
)
def test_a_condition_on_the_resource_counts_as_its_name(operator, key, value, narrow):
    statement = allow("sqs:SendMessage", "*", Condition={operator: {key: value}})
    if narrow:
        passes("iam-resource-star", *documents(statement))
    else:
        only("iam-resource-star", statement)


PASS = "arn:aws:iam::123456789012:role/task"


@pytest.mark.parametrize("action", ["iam:PassRole", "IAM:passrole", ["ecs:RunTask", "iam:PassRole"]])
@pytest.mark.parametrize(
    "condition",
    [
        {},
        {"StringEquals": {"iam:PassedToService": []}},
        {"StringLike": {"iam:PassedToService": "*.amazonaws.com"}},
        {"StringEqualsIfExists": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}},
        {"StringEquals": {"aws:PrincipalTag/a": "b"}},
        "text",
    ],
)
def test_passing_a_role_needs_the_service_that_takes_it(action, condition):
    assert "may hand roles to any service" in only("iam-passrole-scoped", allow(action, PASS, Condition=condition))


def test_passing_a_role_to_a_named_service_passes():
    for value in ("ecs-tasks.amazonaws.com", ["ecs-tasks.amazonaws.com", "lambda.amazonaws.com"]):
        condition = {"StringEquals": {"IAM:passedtoservice": value}}
        passes("iam-passrole-scoped", *documents(allow("iam:PassRole", PASS, Condition=condition)))


@pytest.mark.parametrize("word", ["NotAction", "notaction"])
def test_allowing_by_exclusion_is_refused(word):
    only("iam-no-not-action", {"Effect": "Allow", word: "iam:*", "Resource": "*"})
    only("iam-no-not-action", {"Effect": "Allow", "Action": "sqs:SendMessage", "NotResource": QUEUE})


@pytest.mark.parametrize(
    "text", ["{", "", "null", "[]", "7", '"x"', "{}", '{"Statement": 7}', '{"Statement": [7]}', "[" * 5000]
)
def test_a_document_that_cannot_be_read_is_refused_once(text):
    for resource in (
        make(ROLE_POLICY, policy=text),
        make(ROLE, assumeRolePolicy=TRUST, inlinePolicies=[{"policy": text}]),
    ):
        refused("iam-no-admin", resource)
        for rule in set(RULES) - {"iam-no-admin"}:
            passes(rule, resource)


@pytest.mark.parametrize(
    "statement",
    [{"Effect": "Maybe", "Action": "a:b"}, {"Action": "a:b"}, {"Effect": "Allow"}, allow(7), allow("a:b", {"a": 1})],
)
def test_a_statement_that_cannot_be_read_is_refused_and_hides_no_other(statement):
    for resource in documents(statement, allow("sqs:*")):
        assert "has statement 1 of " in refused("iam-no-admin", resource)
        assert "statement 2 of" in refused("iam-service-wildcard", resource)


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("AdministratorAccess", "iam-no-admin"),
        ("job-function/SystemAdministrator", "iam-no-admin"),
        ("IAMFullAccess", "iam-no-admin"),
        ("AmazonS3FullAccess", "iam-service-wildcard"),
        ("AWSLambda_FullAccess", "iam-service-wildcard"),
        ("AmazonDynamoDBFullAccess_v2", "iam-service-wildcard"),
        ("service-role/AWSLambdaBasicExecutionRole", None),
    ],
)
@pytest.mark.parametrize("partition", ["aws", "aws-cn", "aws-us-gov"])
def test_policies_made_by_aws_are_judged_by_their_name(name, rule, partition):
    arn = f"arn:{partition}:iam::aws:policy/{name}"
    for resource in (
        make("aws:iam/rolePolicyAttachment:RolePolicyAttachment", policyArn=arn),
        make("aws:iam/userPolicyAttachment:UserPolicyAttachment", policyArn=arn),
        make("aws:iam/groupPolicyAttachment:GroupPolicyAttachment", policyArn=arn),
        make("aws:iam/policyAttachment:PolicyAttachment", policyArn=arn),
        make("aws:iam/rolePolicyAttachmentsExclusive:RolePolicyAttachmentsExclusive", policyArns=[arn]),
        make(ROLE, assumeRolePolicy=TRUST, managedPolicyArns=[UNKNOWN, arn]),
    ):
        for each in RULES:
            if each == rule:
                refused(each, resource)
            else:
                passes(each, resource)
    own = make(
        "aws:iam/rolePolicyAttachment:RolePolicyAttachment", policyArn="arn:aws:iam::1:policy/AdministratorAccess"
    )
    passes("iam-no-admin", own)


def test_an_unknown_document_is_asked_about_by_every_rule_in_the_same_words():
    for resource in (make(ROLE_POLICY, policy=UNKNOWN), make(ROLE, assumeRolePolicy=TRUST, inlinePolicies=UNKNOWN)):
        assert len({left_open(rule, resource) for rule in PERMISSION_RULES}) == 1
    left_open("iam-trust-scoped", make(ROLE, assumeRolePolicy=UNKNOWN))


def test_unknown_documents_below_the_role_component_are_proven_by_what_it_hands_over():
    for rule in RULES:
        passes(rule, make(ROLE_POLICY, inside=COMPONENT, policy=UNKNOWN))
        passes(rule, make(ROLE, inside=COMPONENT, assumeRolePolicy=UNKNOWN, inlinePolicies=UNKNOWN))


def test_a_role_component_must_hand_over_its_statements_and_its_trust():
    empty = make(COMPONENT)
    assert "input statements" in refused("iam-no-admin", empty)
    assert "input trust" in refused("iam-trust-scoped", empty)
    for rule in ("iam-no-admin", "iam-service-wildcard"):
        left_open(rule, make(COMPONENT, statements=UNKNOWN, trust=[]))


def test_the_actions_of_a_component_are_read_although_its_resources_are_unknown():
    role = make(COMPONENT, statements=[allow(["sqs:*"], [UNKNOWN]), allow(["sqs:SendMessage"], [UNKNOWN])], trust=[])
    assert "statement 1 of its permissions allows sqs:*" in refused("iam-service-wildcard", role)
    assert "a resource in statement 2 of its permissions" in left_open("iam-resource-star", role)


def test_unknown_parts_of_a_statement_are_left_to_the_update():
    def role(*statements):
        return make(COMPONENT, statements=list(statements), trust=[])

    left_open("iam-no-admin", role(UNKNOWN))
    left_open("iam-no-admin", role(allow([UNKNOWN])))
    left_open("iam-resource-star", role(allow("sqs:SendMessage", "*", Condition=UNKNOWN)))
    to_whom = {"StringEquals": {"iam:PassedToService": UNKNOWN}}
    left_open("iam-passrole-scoped", role(allow("iam:PassRole", PASS, Condition=to_whom)))
    left_open("iam-passrole-scoped", role(allow("iam:PassRole", PASS, Condition={"StringEquals": UNKNOWN})))
    refused("iam-service-wildcard", role({**allow("sqs:*"), "Effect": UNKNOWN}))


def test_a_statement_that_denies_may_deny_everything():
    for rule in RULES:
        passes(
            rule, *documents({"Effect": "Deny", "Action": "*", "Resource": "*"}, {"Effect": "deny", "Action": "sqs:*"})
        )


def trusting(principal, action="sts:AssumeRole", **more):
    statement = {"Effect": "Allow", "Principal": principal, "Action": action, **more}
    return [make(ROLE, assumeRolePolicy=policy(statement)), make(COMPONENT, statements=[], trust=[statement])]


@pytest.mark.parametrize("principal", ["*", {"AWS": "*"}, {"Service": "a", "AWS": ["1", "*"]}])
def test_a_role_that_anybody_may_assume_is_refused(principal):
    for role in trusting(principal):
        assert "may be assumed by anybody in the world" in refused("iam-trust-scoped", role)
        for rule in PERMISSION_RULES:
            passes(rule, role)
    condition = {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}
    passes("iam-trust-scoped", *trusting(principal, Condition=condition))
    for role in trusting(principal, Condition={"Bool": {"aws:SecureTransport": "true"}}):
        refused("iam-trust-scoped", role)


def test_a_role_that_names_who_may_assume_it_passes():
    passes("iam-trust-scoped", *trusting({"Service": ["ecs-tasks.amazonaws.com"]}), *trusting({"AWS": "123456789012"}))
    for principal in (UNKNOWN, {"Service": UNKNOWN}, {"Service": ["ecs-tasks.amazonaws.com", UNKNOWN]}):
        statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
        left_open("iam-trust-scoped", make(COMPONENT, statements=[], trust=[statement]))


def test_trust_has_no_wildcards_and_no_exclusions():
    for action in ("*", "sts:*", "sts:Assume*"):
        for role in trusting({"Service": "a"}, action):
            found = findings("iam-trust-scoped", role)
            assert [f.settled for f in found] == ([True] if reach(action) is not Reach.NAMED else []), action
    excluding = policy({"Effect": "Allow", "NotPrincipal": {"AWS": "1"}, "Action": "sts:AssumeRole"})
    assert "has NotPrincipal" in refused("iam-trust-scoped", make(ROLE, assumeRolePolicy=excluding))


@pytest.mark.parametrize("text", [None, "{", "{}", 7])
def test_a_trust_policy_that_cannot_be_read_is_refused_once(text):
    role = make(ROLE, assumeRolePolicy=text)
    refused("iam-trust-scoped", role)
    for rule in PERMISSION_RULES:
        passes(rule, role)


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        ("", "", True), ("*", "", True), ("?", "", False), ("a*c", "abbc", True), ("a*c", "abbd", False),
        ("*b*b*", "abab", True), ("a?c", "abc", True), ("[ab]", "a", False), ("a.c", "abc", False),
        ("abc*", "abc", True),
    ],
)  # fmt: skip
def test_wildcards_match_as_iams_do(pattern, text, matches):
    assert glob(pattern, text) is matches


def test_the_data_knows_actions_in_any_case():
    assert [a.name for a in matching("SQS:sendmessage")] == ["sqs:SendMessage"]
    assert matching("sqs:SendMesage") == ()
    assert matching("nothing:Get*") == ()


def test_a_document_of_a_megabyte_is_judged_within_seconds():
    actions = [f"s3:Get{i}*Object*{i}" for i in range(20_000)] + ["s3:" + "*a" * 200_000, "s3:" + "*" * 200_000 + "x"]
    resource = make(ROLE_POLICY, policy=policy(allow(actions, "*")))
    begin = time.process_time()
    for rule in RULES:
        findings(rule, resource)
    assert time.process_time() - begin < 10
