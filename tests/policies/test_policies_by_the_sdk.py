"""The rules through the real SDK's analyzer: its proxies, its unknown values, its levels."""

import json

import pulumi
import pulumi_aws as aws
import pytest
from policy_program import record

from policies.model import Level, ResourceRule, Severity, StackRule, refuse
from policies.rules import RULES
from policies.settings import StackConfig, load
from sandbox.analyzer import Violation
from sandbox.analyzer import analyze as analyze_by

TRUST = json.dumps({
    "Statement": [{
        "Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"aws:SourceAccount": "123456789012"}},
    }]
})  # fmt: skip
# Enough to see what the SDK does with each kind; what every rule says is in its cases.
SOME = tuple(
    rule
    for rule in RULES
    if rule.id
    in {
        "sqs-dlq", "log-retention", "spot-ecs-service", "spot-ecs-cluster-default", "spot-ecs-effective",
        "spot-scheduled-task", "spot-launcher", "iam-no-admin", "iam-service-wildcard", "iam-resource-star",
        "iam-passrole-scoped", "iam-no-not-action", "iam-trust-scoped", "iam-web-identity-scoped",
    }
)  # fmt: skip
both = pytest.mark.parametrize("preview", [True, False], ids=["preview", "update"])


def analyze(registrations, config, rules=SOME):
    return analyze_by(registrations, config, rules=rules)


class RoleComponent(pulumi.ComponentResource):
    def __init__(self, name, statements):
        trust = json.loads(TRUST)["Statement"]
        super().__init__("serverless-batch:permissions:Role", name, {"statements": statements, "trust": trust})
        child = pulumi.ResourceOptions(parent=self)
        role = aws.iam.Role(name, assume_role_policy=TRUST, opts=child)
        aws.iam.RolePolicy(name, role=role.name, policy=pulumi.Output.json_dumps({"Statement": statements}), opts=child)


def sound():
    dlq = aws.sqs.Queue("jobs-dlq")
    jobs = aws.sqs.Queue(
        "jobs", redrive_policy=pulumi.Output.json_dumps({"deadLetterTargetArn": dlq.arn, "maxReceiveCount": 5})
    )
    aws.cloudwatch.LogGroup("jobs", retention_in_days=7)
    cluster = aws.ecs.Cluster("tasks")
    spot = [{"capacity_provider": "FARGATE_SPOT", "weight": 1}]
    aws.ecs.ClusterCapacityProviders(
        "tasks",
        cluster_name=cluster.name,
        default_capacity_provider_strategies=spot,
        capacity_providers=["FARGATE_SPOT"],
    )
    aws.ecs.Service("by-default", cluster=cluster.arn, task_definition="t")
    aws.ecs.Service("by-itself", cluster=cluster.arn, task_definition="t", capacity_provider_strategies=spot)
    RoleComponent("worker", [{"Effect": "Allow", "Action": ["sqs:SendMessage"], "Resource": ["arn:aws:sqs:r:1:jobs"]}])
    aws.lambda_.EventSourceMapping("jobs", event_source_arn=jobs.arn, function_name="f")


def unsound():
    aws.sqs.Queue("bare")
    aws.cloudwatch.LogGroup("for-ever")
    aws.ecs.Service("on-demand", cluster="c", task_definition="t", launch_type="FARGATE")
    aws.ecs.Service("anywhere", cluster="c", task_definition="t")
    queue = aws.sqs.Queue("other", redrive_policy=json.dumps({"deadLetterTargetArn": "x", "maxReceiveCount": 1}))
    RoleComponent("wide", [{"Effect": "Allow", "Action": ["sqs:*"], "Resource": [queue.arn]}])
    document = json.dumps({"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}})
    aws.iam.RolePolicy("admin", role="r", policy=document)


def told(violations, level="mandatory"):
    return sorted((v.policy, v.urn.split("::")[-1]) for v in violations if v.level == level)


@both
def test_a_sound_stack_passes(preview):
    assert analyze(record(sound, preview=preview), StackConfig()) == []


@both
def test_an_unsound_stack_is_refused_at_preview_as_at_update(preview):
    violations = analyze(record(unsound, preview=preview), StackConfig())
    assert told(violations) == sorted(
        [
            ("sqs-dlq", "bare"),
            ("sqs-dlq", "other"),
            ("log-retention", "for-ever"),
            ("spot-ecs-service", "on-demand"),
            ("spot-ecs-effective", "anywhere"),
            ("iam-service-wildcard", "wide"),
            *([] if preview else [("iam-service-wildcard", "wide")]),  # of the component, and of its document
            ("iam-no-admin", "admin"),
        ]
    )
    assert told(violations, "advisory") == []


def test_a_message_says_which_resource_what_is_wrong_and_what_would_be_right():
    bare = next(v for v in analyze(record(unsound, preview=True), StackConfig()) if v.policy == "log-retention")
    assert bare == Violation(
        "log-retention",
        "mandatory",
        "urn:pulumi:dev::p::pulumi:pulumi:Stack$aws:cloudwatch/logGroup:LogGroup::for-ever",
        "LogGroup 'for-ever' keeps its events for ever: it has no retention. "
        "Set retentionInDays to 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180 or 365.",
    )


def unknown():
    queue = aws.sqs.Queue(
        "jobs", redrive_policy=json.dumps({"deadLetterTargetArn": ARN_ELSEWHERE, "maxReceiveCount": 1})
    )
    aws.cloudwatch.LogGroup("jobs", retention_in_days=queue.arn.apply(lambda _: 3653))
    document = pulumi.Output.json_dumps({"Statement": {"Effect": "Allow", "Action": "sqs:*", "Resource": queue.arn}})
    aws.iam.RolePolicy("jobs", role="r", policy=document)
    aws.sqs.Queue("second", redrive_policy=queue.url.apply(lambda url: json.dumps({"maxReceiveCount": len(url)})))


ARN_ELSEWHERE = "arn:aws:sqs:eu-central-1:123456789012:elsewhere"


def test_what_is_unknown_at_preview_is_told_as_advice_and_judged_at_update():
    at_preview = analyze(record(unknown, preview=True), StackConfig())
    assert told(at_preview) == []
    assert told(at_preview, "advisory") == [("settled-at-update", "jobs"), ("settled-at-update", "jobs")]
    document = next(v.message for v in at_preview if "its policy" in v.message)
    assert document.startswith(
        "RolePolicy 'jobs': not known before the update runs, and judged then: its policy. (iam-"
    )
    of_trust = ("iam-trust-scoped", "iam-web-identity-scoped")
    assert all(rule.id in document for rule in SOME if rule.id.startswith("iam-") and rule.id not in of_trust)
    at_update = analyze(record(unknown, preview=False), StackConfig())
    assert told(at_update) == [("iam-service-wildcard", "jobs"), ("log-retention", "jobs"), ("sqs-dlq", "second")]
    assert told(at_update, "advisory") == []


def test_a_stack_sets_levels_and_parameters():
    registrations = record(unsound, preview=False)
    config = {"all": "advisory", "sqs-dlq": "mandatory", "log-retention": "disabled"}
    violations = analyze(registrations, StackConfig(config))
    assert {v.policy for v in violations if v.level == "mandatory"} == {"sqs-dlq"}
    assert not [v for v in violations if v.policy == "log-retention"]
    longer = record(lambda: aws.cloudwatch.LogGroup("g", retention_in_days=30) and None, preview=False)
    assert told(analyze(longer, StackConfig())) == []
    assert told(analyze(longer, StackConfig({"log-retention": {"maxDays": 14}}))) == [("log-retention", "g")]


def secret_group():
    aws.cloudwatch.LogGroup(
        "g", retention_in_days=pulumi.Output.secret(0), name=pulumi.Output.secret("CANARY"), tags={"a": "b"}
    )


def test_a_remedy_puts_the_inputs_right_and_keeps_the_others():
    config = {"log-retention": {"enforcementLevel": "remediate", "maxDays": 30}}
    violations = analyze(record(secret_group, preview=False), StackConfig(config))
    assert [(v.policy, v.level) for v in violations] == [("log-retention", "remediate")]
    assert "CANARY" not in repr(violations)


def test_a_level_that_remedies_refuses_what_it_cannot_remedy():
    config = {"log-retention": {"enforcementLevel": "remediate", "minDays": 8, "maxDays": 13}, "sqs-dlq": "remediate"}
    registrations = record(unsound, preview=True)
    assert {("log-retention", "for-ever"), ("sqs-dlq", "bare")} <= set(
        told(analyze(registrations, StackConfig(config)))
    )


def secrets():
    canary = pulumi.Output.secret("CANARY")
    statement = {
        "Effect": "Allow",
        "Action": ["CANARY:*", "sqs:CANARY*", "s3:CANARY", canary],
        "Resource": ["*", canary],
    }
    text = pulumi.Output.secret(
        json.dumps({"Statement": [statement | {"Action": ["CANARY:*", "iam:P*CANARY"], "Resource": "CANARY"}]})
    )
    aws.iam.RolePolicy("a", role=canary, policy=text)
    aws.iam.RolePolicy("b", role=canary, policy=canary)
    aws.iam.Role("c", assume_role_policy=canary, inline_policies=[{"name": canary, "policy": canary}])
    aws.iam.RolePolicyAttachment(
        "d", role=canary, policy_arn=pulumi.Output.secret("arn:aws:iam::aws:policy/CANARYFullAccess")
    )
    RoleComponent("e", [statement])
    aws.ecs.Service(
        "f",
        cluster=canary,
        task_definition="t",
        launch_type=canary,
        capacity_provider_strategies=[{"capacity_provider": canary, "weight": 1}],
    )
    aws.ecs.Service("g", cluster=canary, task_definition="t")
    aws.sqs.Queue("h", name=canary, redrive_policy=canary)
    aws.sqs.Queue(
        "i", redrive_policy=pulumi.Output.secret('{"deadLetterTargetArn": "CANARY", "maxReceiveCount": "CANARY"}')
    )
    aws.cloudwatch.LogGroup("j", retention_in_days=canary)  # pyright: ignore[reportArgumentType]


@both
@pytest.mark.parametrize("level", ["mandatory", "remediate"])
def test_no_message_holds_the_value_of_a_secret(preview, level):
    violations = analyze(record(secrets, preview=preview), StackConfig({"all": level}), RULES)
    names = {v.urn.split("::")[-1] for v in violations}
    assert names >= set("abdefghij")
    assert "canary" not in repr(violations).lower()


def failing_on(name):
    def check(resource, *_):
        if resource.name == name:
            yield refuse(resource, "is the one.")
            raise KeyError(resource.props["secretText"])
        yield refuse(resource, "is another.")

    return check


@both
def test_a_fault_in_one_rule_is_told_and_hides_nothing(preview):
    metadata = {
        "theme": "t", "description": "d.", "why": "w", "steps": "s", "unknown": "u", "severity": Severity.LOW,
        "types": frozenset({"aws:sqs/queue:Queue"}),
    }  # fmt: skip
    broken = ResourceRule(id="broken", check=failing_on("bare"), **metadata)
    broken_in_stack = StackRule(id="broken-in-stack", check=failing_on("bare"), level=Level.ADVISORY, **metadata)

    def program():
        unsound()
        aws.sqs.Queue("third", redrive_policy=json.dumps({"deadLetterTargetArn": ARN_ELSEWHERE, "maxReceiveCount": 1}))

    registrations = record(program, preview=preview)
    violations = analyze(registrations, StackConfig(), rules=(broken, *SOME, broken_in_stack))
    by_sound_rules = analyze(registrations, StackConfig())
    assert [v for v in violations if v in by_sound_rules] == by_sound_rules
    for rule, level in (("broken", "mandatory"), ("broken-in-stack", "advisory")):
        mine = [v for v in violations if v.policy == rule]
        assert {v.level for v in mine} == {level}
        assert sorted(v.message.split("(")[0] for v in mine) == [
            f"Queue 'bare' could not be judged: {rule} failed ",
            "Queue 'bare' is the one.",
            "Queue 'other' is another.",
            "Queue 'third' is another.",
        ]
        assert "KeyError in test_policies_by_the_sdk.py, line" in repr(mine)


@both
def test_resources_as_inputs_and_unreadable_values_do_not_disturb(preview):
    class Holder(pulumi.ComponentResource):
        def __init__(self, queue):
            super().__init__("other:index:Holder", "holder", {"queue": queue, "archive": pulumi.FileArchive(".")})

    def program():
        Holder(aws.sqs.Queue("bare"))
        aws.lambda_.Function("f", role="r", code=pulumi.FileArchive("."), handler="h", runtime="python3.11")

    assert told(analyze(record(program, preview=preview), StackConfig())) == [("sqs-dlq", "bare")]


@pytest.mark.parametrize("stack", ["dev", "staging", "prod"])
def test_the_stacks_configurations_are_accepted(stack):
    analyze([], load(stack))
