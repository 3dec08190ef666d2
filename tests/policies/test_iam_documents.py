"""IAM's rules on what no case can show: the same in every holder, secrets, long documents, AWS's own policies."""

import json
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto.iam.aws_managed_policies import aws_managed_policies_data
from policy_cases import findings, left_open, make, policy

from policies.model import UNKNOWN
from policies.rules.iam import RULES
from policies.rules.iam.actions import Reach, glob, matching, nearest, reach
from policies.rules.iam.arns import may_be

ROLE = "aws:iam/role:Role"
ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"
QUEUE_POLICY = "aws:sqs/queuePolicy:QueuePolicy"
COMPONENT = "serverless-batch:permissions:Role"
QUEUE = "arn:aws:sqs:eu-central-1:123456789012:jobs"
TRUST = policy({"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"})
OF_STATEMENTS = (
    "iam-no-admin", "iam-service-wildcard", "iam-resource-star", "iam-passrole-scoped", "iam-no-not-action",
    "iam-action-valid",
)  # fmt: skip


def allow(action, resource=QUEUE, **more):
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def holders(*statements):
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


@pytest.mark.parametrize(
    "statement",
    [
        allow("sqs:SendMessage"),
        allow("*"),
        allow("sqs:*"),
        allow("sqs:SendMessage", "*"),
        allow("sqs:SendMesage"),
        allow("s3:GetObject"),
        allow("iam:PassRole", "arn:aws:iam::123456789012:role/a"),
        {"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"},
        {"Effect": "Deny", "Action": "*", "Resource": "*"},
    ],
)
def test_a_statement_is_judged_alike_wherever_it_stands(statement):
    for rule in OF_STATEMENTS:
        told = set()
        for resource in holders(statement):
            words = [one.message.replace(str(resource), "it") for one in findings(rule, resource)]
            told.add(tuple(re.sub(r"its (policy|inline policy 1|permissions)", "it", word) for word in words))
        assert len(told) == 1, told


def test_an_unknown_document_is_asked_about_by_every_rule_in_the_same_words():
    for resource in (make(ROLE_POLICY, policy=UNKNOWN), make(ROLE, assumeRolePolicy=TRUST, inlinePolicies=UNKNOWN)):
        assert len({left_open(rule, resource) for rule in OF_STATEMENTS}) == 1


SECRET = "hunter2"


def test_what_a_document_says_is_in_no_message_unless_it_is_a_word_of_aws():
    statements = [
        allow(f"sqs:{SECRET}", f"arn:aws:sqs:::{SECRET}"),
        allow(f"{SECRET}:*", SECRET),
        allow([f"s3:*{SECRET}*", SECRET, "iam:PassRole"], "*", Condition={SECRET: {SECRET: SECRET}}),
        allow("*", SECRET, Sid=SECRET, Principal={SECRET: SECRET}),
        {"Effect": SECRET, "Action": SECRET},
        {"Effect": "Allow", "NotAction": f"{SECRET}:*", "Principal": "*", "Resource": "*"},
        allow("lambda:UpdateFunctionCode", "*", Principal={"AWS": ["*", SECRET]}),
        SECRET,
    ]
    text = policy(*statements)
    for kind in sorted({kind for rule in RULES for kind in rule.types}):
        names = ("policy", "assumeRolePolicy", "policyDocument", "accessPolicy", "resourcePolicy", "policyArn")
        props = dict.fromkeys(names, text) | {"statements": statements, "trust": statements, "role": SECRET}
        resource = make(kind, **props, inlinePolicies=[{"policy": text}], principal=SECRET, action=SECRET)
        other = make(kind, "other", **props)
        for rule in RULES:
            for found in findings(rule.id, resource, other):
                assert SECRET not in found.message.lower()
                assert f"{rule.id} failed" not in found.message


def long_documents():
    """Of up to a megabyte, each hard in another way."""
    yield policy(allow([f"s3:Get{i}*Object*{i}" for i in range(20_000)], "*"))
    yield policy(allow(["s3:" + "*a" * 200_000, "s3:" + "*" * 200_000 + "x", "s3:" + "*?" * 100_000], "*"))
    yield policy(allow([f"iam:*a*{i}*" for i in range(20_000)], "*"))
    yield policy(allow([f"ec2:RunInstnces{i}" for i in range(40_000)], "*"))
    yield policy(allow(["s3:GetObject", "iam:PassRole", "ec2:*"], [f"arn:aws:s3:::a{i}*b*c" for i in range(40_000)]))
    yield policy(allow(["s3:GetObject", "iam:PassRole"], ["arn:aws:s3:::" + "*a" * 300_000]))
    yield policy(*[allow("iam:PassRole", f"arn:aws:iam::1:role/a{i}") for i in range(9_000)])
    denials = [{"Effect": "Deny", "Action": "iam:*", "Resource": f"arn:aws:iam::1:role/{i}"} for i in range(9_000)]
    yield policy(*denials, allow("iam:*", "*"))
    public = [allow("sqs:SendMessage", "*", Principal="*") for _ in range(3_000)]
    condition = {"StringNotEquals": {"aws:PrincipalOrgID": "o-example"}}
    narrow = [
        {**allow(f"sqs:Send*{i}", "*", Principal="*", Condition=condition), "Effect": "Deny"} for i in range(3000)
    ]
    yield policy(*public, *narrow)


@pytest.mark.parametrize("text", [*long_documents()], ids=range(9))
def test_a_document_of_a_megabyte_is_judged_within_seconds(text):
    begin = time.process_time()
    for kind in (ROLE_POLICY, QUEUE_POLICY):
        for rule in RULES:
            if kind in rule.types:
                findings(rule.id, make(kind, policy=text))
    assert time.process_time() - begin < 10


OWN = {name: json.dumps(one["Document"]) for name, one in json.loads(aws_managed_policies_data).items()}


def test_of_awss_own_policies_every_one_can_be_judged_and_few_name_resources_of_another_kind():
    """AWS's own policies name actions that the list does not have; but an action for another kind is a fault."""
    misplaced = set()
    for name, text in OWN.items():
        resource = make("aws:iam/policy:Policy", name, policy=text)
        for rule in RULES:
            for found in findings(rule.id, resource) if resource.type in rule.types else ():
                assert "could not be judged" not in found.message, found.message
                if "names no resource that" in found.message:
                    misplaced.add(name)
    assert len(OWN) > 1000
    assert 0 < len(misplaced) < len(OWN) / 50, misplaced
    assert "AWSTransformServerMigrationAgentPolicy" in misplaced  # s3:ListBucketMultipartUploads on objects


PATTERNS = st.text(st.sampled_from("ab*?"), max_size=8)


@given(PATTERNS, st.text(st.sampled_from("ab"), max_size=9))
def test_wildcards_match_as_iams_do(pattern, text):
    signs = {"*": ".*", "?": "."}
    assert glob(pattern, text) == bool(re.fullmatch("".join(signs.get(one, one) for one in pattern), text))


@given(PATTERNS, st.text(st.sampled_from("ab"), max_size=9))
def test_a_resource_that_is_like_a_form_may_be_of_it(pattern, name):
    form = "arn:${Partition}:sqs:${Region}:${Account}:${QueueName}"
    if glob(pattern, name):
        assert may_be(f"arn:aws:sqs:*:*:{pattern}", form)
    assert not may_be(f"arn:aws:sns:*:*:{pattern}", form)


def test_characters_with_a_meaning_elsewhere_have_none():
    assert not glob("[ab]", "a")
    assert not glob("a.c", "abc")


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*", Reach.EVERYTHING), ("**:*", Reach.EVERYTHING), ("sqs:*", Reach.SERVICE), ("SQS:?*", Reach.SERVICE),
        ("sqs:*Permission", Reach.PERMISSIONS), ("sqs:Send*", Reach.NAMED), ("sqs:SendMessage", Reach.NAMED),
    ],
)  # fmt: skip
def test_how_far_an_action_reaches(pattern, expected):
    assert reach(pattern) is expected


def test_the_data_knows_actions_in_any_case_and_what_they_are_for():
    [action] = matching("SQS:sendmessage")
    assert (action.name, action.restrictable) == ("sqs:SendMessage", True)
    assert action.arns == ("arn:${Partition}:sqs:${Region}:${Account}:${QueueName}",)
    assert not matching("ecr:getauthorizationtoken")[0].restrictable
    assert matching("sqs:SendMesage") == ()
    assert matching("nothing:Get*") == ()


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("sqs:SendMesage", "sqs:SendMessage"), ("sqs:receivemessages", "sqs:ReceiveMessage"),
        ("cloudwatch:PutLogEvents", "logs:PutLogEvents"), ("dynamo:GetItem", "dynamodb:GetItem"),
        ("s3:HeadObject", "s3:GetObject"), ("lamda:InvokeFunction", "lambda:InvokeFunction"), ("zzz:Zzz", None),
        ("s3:", None), (":", None), ("", None),
    ],
)  # fmt: skip
def test_the_nearest_action_is_the_one_that_was_meant(word, meant):
    assert nearest(word) == meant
