from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pulumi_aws as aws
import pytest
from component_support import ACCOUNT, PROJECT, REGION, SITE, UNKNOWN, Declared, declared, policy

from components import permissions
from components.permissions import Role, Statement, allow, document

QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:q"
TABLE = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/t"
BUCKET = "arn:aws:s3:::b"
DEFINITION = f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition"
REPOSITORY = f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/r"
PARAMETER = f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/p/images/w"
JOBS = f"arn:aws:batch:{REGION}:{ACCOUNT}:job"
RULE = f"arn:aws:events:{REGION}:{ACCOUNT}:rule"
HEARING = ["events:DescribeRule", "events:PutRule", "events:PutTargets"]
CLUSTER = f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/c"
ON_CLUSTER = {"ArnEquals": {"ecs:cluster": CLUSTER}}
PROFILE = f"arn:aws:bedrock:{REGION}:{ACCOUNT}:inference-profile/eu.amazon.nova-lite-v1:0"


def granted(action: str | list[str], *resources: str, **more: Any) -> dict[str, Any]:
    actions = [action] if isinstance(action, str) else action
    return {"Effect": "Allow", "Action": actions, "Resource": list(resources), **more}


GRANTS: dict[str, tuple[Callable[[], list[Statement]], list[dict[str, Any]]]] = {
    "read objects": (
        lambda: permissions.read_objects(BUCKET),
        [granted("s3:GetObject", f"{BUCKET}/*"), granted("s3:ListBucket", BUCKET)],
    ),
    "read objects below a prefix": (
        lambda: permissions.read_objects(BUCKET, "reports/"),
        [granted("s3:GetObject", f"{BUCKET}/reports/*"), granted("s3:ListBucket", BUCKET)],
    ),
    "list objects": (lambda: permissions.list_objects(BUCKET), [granted("s3:ListBucket", BUCKET)]),
    "list objects below a prefix": (
        lambda: permissions.list_objects(BUCKET, "sales/"),
        [granted("s3:ListBucket", BUCKET, Condition={"StringLike": {"s3:prefix": ["sales/*"]}})],
    ),
    "sign links to objects": (lambda: permissions.link_objects(BUCKET), [granted("s3:GetObject", f"{BUCKET}/*")]),
    "write objects below a prefix": (
        lambda: permissions.write_objects(BUCKET, "word_count/"),
        [granted("s3:PutObject", f"{BUCKET}/word_count/*")],
    ),
    "read a secret": (
        lambda: permissions.read_secret("arn:aws:secretsmanager:r:1:secret:s-AbCdEf"),
        [granted("secretsmanager:GetSecretValue", "arn:aws:secretsmanager:r:1:secret:s-AbCdEf")],
    ),
    "mount a secret": (
        lambda: permissions.mount_secret("arn:aws:secretsmanager:r:1:secret:s-AbCdEf"),
        [
            granted(
                ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"],
                "arn:aws:secretsmanager:r:1:secret:s-AbCdEf",
            )
        ],
    ),
    "scale node groups": (
        lambda: permissions.scale_node_groups(SITE, "c"),
        [
            granted(
                [
                    "autoscaling:DescribeAutoScalingGroups",
                    "autoscaling:DescribeAutoScalingInstances",
                    "autoscaling:DescribeLaunchConfigurations",
                    "autoscaling:DescribeScalingActivities",
                    "ec2:DescribeImages",
                    "ec2:DescribeInstanceTypes",
                    "ec2:DescribeLaunchTemplateVersions",
                    "ec2:GetInstanceTypesFromInstanceRequirements",
                ],
                "*",
            ),
            granted(
                ["autoscaling:SetDesiredCapacity", "autoscaling:TerminateInstanceInAutoScalingGroup"],
                f"arn:aws:autoscaling:{REGION}:{ACCOUNT}:autoScalingGroup:*:autoScalingGroupName/eks-*",
                Condition={"StringEquals": {"aws:ResourceTag/k8s.io/cluster-autoscaler/c": "owned"}},
            ),
            granted("eks:DescribeNodegroup", f"arn:aws:eks:{REGION}:{ACCOUNT}:nodegroup/c/*"),
        ],
    ),
    "invoke a model": (
        lambda: permissions.invoke_model(SITE, "amazon.nova-lite-v1:0"),
        [granted("bedrock:InvokeModel", f"arn:aws:bedrock:{REGION}::foundation-model/amazon.nova-lite-v1:0")],
    ),
    "invoke a model through an inference profile": (
        lambda: permissions.invoke_model(SITE, "eu.amazon.nova-lite-v1:0"),
        [
            granted("bedrock:InvokeModel", PROFILE),
            granted(
                "bedrock:InvokeModel",
                "arn:aws:bedrock:*::foundation-model/amazon.nova-lite-v1:0",
                Condition={"StringEquals": {"bedrock:InferenceProfileArn": PROFILE}},
            ),
        ],
    ),
    "send messages": (
        lambda: permissions.send_messages(QUEUE, f"{QUEUE}-dlq"),
        [granted("sqs:SendMessage", QUEUE, f"{QUEUE}-dlq")],
    ),
    "consume a queue": (
        lambda: permissions.consume_queue(QUEUE),
        [
            granted(
                ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"],
                QUEUE,
            )
        ],
    ),
    "take messages": (
        lambda: permissions.take_messages(QUEUE),
        [granted(["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"], QUEUE)],
    ),
    "hold messages": (
        lambda: permissions.hold_messages(QUEUE),
        [granted(["sqs:ChangeMessageVisibility", "sqs:DeleteMessage"], QUEUE)],
    ),
    "change items": (
        lambda: permissions.write_items(TABLE),
        [granted(["dynamodb:GetItem", "dynamodb:UpdateItem"], TABLE)],
    ),
    "create, change and delete items": (
        lambda: permissions.write_items(TABLE, create=True, delete=True),
        [granted(["dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"], TABLE)],
    ),
    "change items without reading them": (
        lambda: permissions.write_items(TABLE, read=False),
        [granted("dynamodb:UpdateItem", TABLE)],
    ),
    "change the items whose keys begin alike": (
        lambda: permissions.write_items(TABLE, keys=["a#*", "b#*"]),
        [
            granted(
                ["dynamodb:GetItem", "dynamodb:UpdateItem"],
                TABLE,
                Condition={"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["a#*", "b#*"]}},
            )
        ],
    ),
    "measure queues": (lambda: permissions.measure_queues(QUEUE), [granted("sqs:GetQueueAttributes", QUEUE)]),
    "read items": (lambda: permissions.read_items(TABLE), [granted("dynamodb:GetItem", TABLE)]),
    "query one index": (
        lambda: permissions.query_index(TABLE, "listing"),
        [granted("dynamodb:Query", f"{TABLE}/index/listing")],
    ),
    "read a stream": (
        lambda: permissions.read_stream(f"{TABLE}/stream/*"),
        [granted(["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"], f"{TABLE}/stream/*")],
    ),
    "publish": (lambda: permissions.publish("arn:aws:sns:r:1:t"), [granted("sns:Publish", "arn:aws:sns:r:1:t")]),
    "invoke a function": (
        lambda: permissions.invoke_function("arn:aws:lambda:r:1:function:f"),
        [granted("lambda:InvokeFunction", "arn:aws:lambda:r:1:function:f")],
    ),
    "run tasks": (
        lambda: permissions.run_tasks(SITE, "c", ["f1", "f2"], ["f1-task", "f1-execution"]),
        [
            granted(
                "ecs:RunTask",
                f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/f1:*",
                f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/f2:*",
                Condition=ON_CLUSTER,
            ),
            granted(
                "iam:PassRole",
                f"arn:aws:iam::{ACCOUNT}:role/f1-task",
                f"arn:aws:iam::{ACCOUNT}:role/f1-execution",
                Condition={"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}},
            ),
            granted("ecs:DescribeTasks", f"arn:aws:ecs:{REGION}:{ACCOUNT}:task/c/*", Condition=ON_CLUSTER),
        ],
    ),
    "stop tasks": (
        lambda: permissions.stop_tasks(SITE, "c"),
        [granted("ecs:StopTask", f"arn:aws:ecs:{REGION}:{ACCOUNT}:task/c/*", Condition=ON_CLUSTER)],
    ),
    "define tasks": (
        lambda: permissions.define_tasks(SITE, ["f1", "f2"]),
        [
            granted("ecs:DescribeTaskDefinition", "*"),
            granted("ecs:RegisterTaskDefinition", *(f"{DEFINITION}/{family}:*" for family in ("f1", "f2"))),
            granted(
                "ecs:TagResource",
                *(f"{DEFINITION}/{family}:*" for family in ("f1", "f2")),
                Condition={"StringEquals": {"ecs:CreateAction": "RegisterTaskDefinition"}},
            ),
        ],
    ),
    "submit jobs": (
        lambda: permissions.submit_jobs(SITE, ["d"], ["q"]),
        [
            granted(
                "batch:SubmitJob", f"{JOBS}-definition/d", f"{JOBS}-definition/d:*", f"{JOBS}-queue/q", f"{JOBS}/*"
            ),
        ],
    ),
    "see job definitions": (permissions.see_job_definitions, [granted("batch:DescribeJobDefinitions", "*")]),
    "follow jobs": (
        lambda: permissions.follow_jobs(SITE),
        [
            granted("batch:DescribeJobs", "*"),
            granted("batch:TerminateJob", f"{JOBS}/*"),
            granted(HEARING, f"{RULE}/StepFunctionsGetEventsForBatchJobsRule"),
        ],
    ),
    "follow tasks": (
        lambda: permissions.follow_tasks(SITE, "c"),
        [
            granted("ecs:StopTask", f"arn:aws:ecs:{REGION}:{ACCOUNT}:task/c/*", Condition=ON_CLUSTER),
            granted(HEARING, f"{RULE}/StepFunctionsGetEventsForECSTaskRule"),
        ],
    ),
    "run maps": (
        lambda: permissions.run_maps(SITE, "m"),
        [
            granted("states:StartExecution", f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:m"),
            granted(
                ["states:DescribeExecution", "states:StopExecution"],
                *(f"arn:aws:states:{REGION}:{ACCOUNT}:execution:m{rest}" for rest in ("/*", ":*")),
            ),
        ],
    ),
    "deliver logs": (
        permissions.deliver_logs,
        [
            granted(
                [
                    "logs:CreateLogDelivery",
                    "logs:DeleteLogDelivery",
                    "logs:DescribeLogGroups",
                    "logs:DescribeResourcePolicies",
                    "logs:GetLogDelivery",
                    "logs:ListLogDeliveries",
                    "logs:PutResourcePolicy",
                    "logs:UpdateLogDelivery",
                ],
                "*",
            )
        ],
    ),
    "trace": (
        permissions.trace,
        [
            granted(
                [
                    "xray:GetSamplingRules",
                    "xray:GetSamplingTargets",
                    "xray:PutTelemetryRecords",
                    "xray:PutTraceSegments",
                ],
                "*",
            )
        ],
    ),
    "define jobs": (
        lambda: permissions.define_jobs(SITE, ["d", "d_ec2"]),
        [
            granted("batch:DescribeJobDefinitions", "*"),
            granted("batch:RegisterJobDefinition", f"{JOBS}-definition/d", f"{JOBS}-definition/d_ec2"),
            granted(
                "batch:TagResource",
                *(f"{JOBS}-definition/{name}" for name in ("d", "d:*", "d_ec2", "d_ec2:*")),
            ),
        ],
    ),
    "see jobs": (
        permissions.see_jobs,
        [granted(["batch:DescribeJobQueues", "batch:DescribeJobs", "batch:ListJobs"], "*")],
    ),
    "join clusters": (
        lambda: permissions.join_clusters(SITE, "p-s-"),
        [
            granted("ecs:DiscoverPollEndpoint", "*"),
            granted(
                [
                    "ecs:DeregisterContainerInstance",
                    "ecs:RegisterContainerInstance",
                    "ecs:SubmitAttachmentStateChanges",
                    "ecs:SubmitContainerStateChange",
                    "ecs:SubmitTaskStateChange",
                ],
                f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/AWSBatch-p-s-*",
            ),
            granted(
                ["ecs:Poll", "ecs:StartTelemetrySession", "ecs:UpdateContainerInstancesState"],
                f"arn:aws:ecs:{REGION}:{ACCOUNT}:container-instance/AWSBatch-p-s-*/*",
            ),
            granted(
                "ecs:TagResource",
                f"arn:aws:ecs:{REGION}:{ACCOUNT}:container-instance/AWSBatch-p-s-*/*",
                Condition={"StringEquals": {"ecs:CreateAction": "RegisterContainerInstance"}},
            ),
        ],
    ),
    "hand over roles": (
        lambda: permissions.hand_over_roles(SITE, ["f1-task"]),
        [
            granted(
                "iam:PassRole",
                f"arn:aws:iam::{ACCOUNT}:role/f1-task",
                Condition={"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}},
            )
        ],
    ),
    "log in to the registry": (permissions.log_in_to_registry, [granted("ecr:GetAuthorizationToken", "*")]),
    "push images": (
        lambda: permissions.push_images(REPOSITORY),
        [
            granted(
                [
                    "ecr:BatchCheckLayerAvailability",
                    "ecr:BatchGetImage",
                    "ecr:CompleteLayerUpload",
                    "ecr:GetDownloadUrlForLayer",
                    "ecr:InitiateLayerUpload",
                    "ecr:PutImage",
                    "ecr:UploadLayerPart",
                ],
                REPOSITORY,
            )
        ],
    ),
    "find images": (lambda: permissions.find_images(REPOSITORY), [granted("ecr:DescribeImages", REPOSITORY)]),
    "read a parameter": (lambda: permissions.read_parameters(PARAMETER), [granted("ssm:GetParameter", PARAMETER)]),
    "write a parameter": (lambda: permissions.write_parameters(PARAMETER), [granted("ssm:PutParameter", PARAMETER)]),
    "take artifacts": (
        lambda: permissions.take_artifacts(BUCKET),
        [
            granted(["s3:GetObject", "s3:GetObjectVersion"], f"{BUCKET}/*"),
            granted(["s3:GetBucketAcl", "s3:GetBucketLocation"], BUCKET),
        ],
    ),
    "keep artifacts": (
        lambda: permissions.keep_artifacts(BUCKET),
        [
            granted(["s3:GetObject", "s3:GetObjectVersion", "s3:PutObject", "s3:PutObjectAcl"], f"{BUCKET}/*"),
            granted(["s3:GetBucketAcl", "s3:GetBucketLocation", "s3:GetBucketVersioning"], BUCKET),
        ],
    ),
    "run builds": (
        lambda: permissions.run_builds("arn:aws:codebuild:r:1:project/p"),
        [granted(["codebuild:BatchGetBuilds", "codebuild:StartBuild"], "arn:aws:codebuild:r:1:project/p")],
    ),
    "use a connection": (
        lambda: permissions.use_connection("arn:aws:codeconnections:r:1:connection/c"),
        [granted("codeconnections:UseConnection", "arn:aws:codeconnections:r:1:connection/c")],
    ),
    "use a connection of the old name": (
        lambda: permissions.use_connection("arn:aws:codestar-connections:r:1:connection/c"),
        [granted("codestar-connections:UseConnection", "arn:aws:codestar-connections:r:1:connection/c")],
    ),
    "read a repository": (
        lambda: permissions.read_repository("arn:aws:codecommit:r:1:batch"),
        [
            granted(
                [
                    "codecommit:CancelUploadArchive",
                    "codecommit:GetBranch",
                    "codecommit:GetCommit",
                    "codecommit:GetUploadArchiveStatus",
                    "codecommit:UploadArchive",
                ],
                "arn:aws:codecommit:r:1:batch",
            )
        ],
    ),
    "start a pipeline": (
        lambda: permissions.start_pipeline("arn:aws:codepipeline:r:1:p"),
        [granted("codepipeline:StartPipelineExecution", "arn:aws:codepipeline:r:1:p")],
    ),
    "protect tasks": (
        lambda: permissions.protect_tasks(SITE, "c"),
        [
            granted(
                "ecs:UpdateTaskProtection",
                f"arn:aws:ecs:{REGION}:{ACCOUNT}:task/c/*",
                Condition=ON_CLUSTER,
            )
        ],
    ),
    "scale services": (
        lambda: permissions.scale_services(SITE, "c", ["s1", "s2"]),
        [
            granted(
                ["ecs:DescribeServices", "ecs:UpdateService"],
                f"arn:aws:ecs:{REGION}:{ACCOUNT}:service/c/s1",
                f"arn:aws:ecs:{REGION}:{ACCOUNT}:service/c/s2",
            )
        ],
    ),
    "write logs": (
        lambda: permissions.write_logs(f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/ecs/f"),
        [granted(["logs:CreateLogStream", "logs:PutLogEvents"], f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/ecs/f:*")],
    ),
    "pull an image": (
        lambda: permissions.pull_image(f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/r"),
        [
            granted(
                ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
                f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/r",
            ),
            granted("ecr:GetAuthorizationToken", "*"),
        ],
    ),
}


@pytest.mark.parametrize("grant", GRANTS)
def test_a_grant_is_exactly_these_statements(grant: str) -> None:
    given, expected = GRANTS[grant]
    assert given() == expected


def test_every_grant_is_in_the_table_above() -> None:
    source = (PROJECT / "components/permissions.py").read_text()
    grants = source.split("# --- grants")[1].split("# --- resource policies")[0]
    public = re.findall(r"^def ([a-z]\w*)\(", grants, re.MULTILINE)
    tested = {name for given, _ in GRANTS.values() for name in (*given.__code__.co_names, given.__name__)}
    assert public and set(public) <= tested


def test_a_resource_policy_refuses_calls_without_tls() -> None:
    assert permissions.tls_only([BUCKET, f"{BUCKET}/*"], "s3:*") == {
        "Effect": "Deny",
        "Principal": "*",
        "Action": ["s3:*"],
        "Resource": [BUCKET, f"{BUCKET}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def test_without_allowed_addresses_anybody_with_a_key_may_call() -> None:
    [statement] = permissions.callers_from([])
    assert (statement["Effect"], statement["Resource"]) == ("Allow", ["execute-api:/*"])
    assert "Condition" not in statement


def test_calls_from_other_addresses_than_the_allowed_ones_are_denied() -> None:
    allowed, denied = permissions.callers_from(["203.0.113.0/24", "198.51.100.7/32"])
    assert (allowed["Effect"], denied["Effect"]) == ("Allow", "Deny")
    assert "Condition" not in allowed
    assert denied["Condition"] == {"NotIpAddress": {"aws:SourceIp": ["203.0.113.0/24", "198.51.100.7/32"]}}
    for statement in (allowed, denied):
        assert statement["Action"] == ["execute-api:Invoke"]
        assert (statement["Principal"], statement["Resource"]) == ("*", ["execute-api:/*"])


def test_only_alarms_of_this_account_may_publish_on_the_topic_of_alarms() -> None:
    [statement] = permissions.alarms_publish(SITE, "arn:aws:sns:r:1:alerts")
    assert statement == {
        "Effect": "Allow",
        "Principal": {"Service": "cloudwatch.amazonaws.com"},
        "Action": ["sns:Publish"],
        "Resource": ["arn:aws:sns:r:1:alerts"],
        "Condition": {"StringEquals": {"aws:SourceAccount": ACCOUNT}},
    }


def test_eventbridge_may_send_dead_letters_of_its_rules_only() -> None:
    rule = f"arn:aws:events:{REGION}:{ACCOUNT}:rule/r"
    assert permissions.events_send(QUEUE, [rule]) == {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": ["sqs:SendMessage"],
        "Resource": [QUEUE],
        "Condition": {"ArnEquals": {"aws:SourceArn": [rule]}},
    }


@pytest.mark.parametrize(
    ("service", "condition"),
    [
        ("lambda", None),
        ("pipes", {"StringEquals": {"aws:SourceAccount": ACCOUNT}}),
        ("scheduler", {"StringEquals": {"aws:SourceAccount": ACCOUNT}}),
        ("states", {"StringEquals": {"aws:SourceAccount": ACCOUNT}}),
        ("apigateway", None),
        (
            "ecs-tasks",
            {
                "ArnLike": {"aws:SourceArn": f"arn:aws:ecs:{REGION}:{ACCOUNT}:*"},
                "StringEquals": {"aws:SourceAccount": ACCOUNT},
            },
        ),
    ],
)
def test_a_role_is_for_one_service_acting_for_this_account(service: str, condition: dict[str, Any] | None) -> None:
    [statement] = permissions.assumed_by(SITE, service)
    assert statement["Principal"] == {"Service": f"{service}.amazonaws.com"}
    assert (statement["Effect"], statement["Action"]) == ("Allow", ["sts:AssumeRole"])
    assert statement.get("Condition") == condition


def test_pods_of_one_service_account_in_one_cluster_assume_a_role_by_pod_identity() -> None:
    [statement] = permissions.assumed_by_pods(SITE, "c", "batch", "etl")
    assert statement["Principal"] == {"Service": "pods.eks.amazonaws.com"}
    assert statement["Action"] == ["sts:AssumeRole", "sts:TagSession"]
    assert statement.get("Condition") == {
        "ArnEquals": {"aws:SourceArn": f"arn:aws:eks:{REGION}:{ACCOUNT}:cluster/c"},
        "StringEquals": {
            "aws:SourceAccount": ACCOUNT,
            "aws:RequestTag/kubernetes-namespace": "batch",
            "aws:RequestTag/kubernetes-service-account": "etl",
        },
    }


def test_tokens_of_one_service_account_that_are_meant_for_aws_count() -> None:
    provider = f"arn:aws:iam::{ACCOUNT}:oidc-provider/x"
    [statement] = permissions.assumed_by_service_account("https://oidc.example/id/1", provider, "batch", "etl")
    assert statement["Principal"] == {"Federated": provider}
    assert statement["Action"] == ["sts:AssumeRoleWithWebIdentity"]
    assert statement.get("Condition") == {
        "StringEquals": {
            "oidc.example/id/1:aud": "sts.amazonaws.com",
            "oidc.example/id/1:sub": "system:serviceaccount:batch:etl",
        }
    }


def test_a_cluster_assumes_its_role_for_this_account_only() -> None:
    [statement] = permissions.assumed_by_cluster(SITE, auto=True)
    assert statement.get("Action") == ["sts:AssumeRole", "sts:TagSession"]
    [statement] = permissions.assumed_by_cluster(SITE, auto=False)
    assert statement.get("Action") == ["sts:AssumeRole"]
    assert statement.get("Condition") == {"StringEquals": {"aws:SourceAccount": ACCOUNT}}


def test_policies_of_awss_own_are_attached_before_the_role_is_used() -> None:
    def declare() -> None:
        made = Role("node", SITE, "ec2", [], managed=["AmazonEKSWorkerNodePolicy"])
        aws.ssm.Parameter("user", type="String", insecure_value=made.arn)

    found = declared(declare)
    attachment = found.one("aws:iam/rolePolicyAttachment:RolePolicyAttachment")
    assert attachment.inputs["policyArn"] == "arn:aws:iam::aws:policy/AmazonEKSWorkerNodePolicy"
    user = found.depends_on(found.one("aws:ssm/parameter:Parameter"))
    assert (attachment.type, attachment.name) in user


def text(*statements: Statement) -> str:
    seen: list[str] = []
    declared(lambda: document(statements).apply(seen.append))
    return seen[0]


def test_the_same_statements_are_the_same_document_whatever_the_order_of_actions_and_keys() -> None:
    one = allow(["sqs:SendMessage", "sqs:DeleteMessage"], [QUEUE], {"Bool": {"a": "b"}})
    other: Any = {"Resource": [QUEUE], "Condition": {"Bool": {"a": "b"}}}
    other |= {"Action": ["sqs:DeleteMessage", "sqs:SendMessage"], "Effect": "Allow"}
    assert text(one) == text(other)
    assert json.loads(text(one)) == {"Version": "2012-10-17", "Statement": [dict(one)]}


def role(statements: list[Statement], *, preview: bool = False) -> Declared:
    return declared(lambda: Role("mailer", SITE, "lambda", statements), preview=preview)


def test_a_role_has_a_known_name_its_trust_and_one_policy() -> None:
    found = role(permissions.send_messages(QUEUE))
    made = found.one("aws:iam/role:Role")
    assert made.inputs["name"] == "serverless-batch-test-mailer"
    assert made.outputs["arn"] == SITE.role_arn("serverless-batch-test-mailer")
    assert policy(made.inputs["assumeRolePolicy"]) == permissions.assumed_by(SITE, "lambda")
    assert found.inputs("aws:iam/rolePolicy:RolePolicy")["role"] == "serverless-batch-test-mailer"
    assert found.statements("mailer") == [granted("sqs:SendMessage", QUEUE)]


def test_a_role_that_may_do_nothing_has_no_policy() -> None:
    assert [r.type for r in role([]).all()] == ["serverless-batch:permissions:Role", "aws:iam/role:Role"]


def test_statements_can_be_read_at_preview_even_where_a_resource_is_not_known_yet() -> None:
    def declare() -> None:
        topic = aws.sns.Topic("topic")
        Role("mailer", SITE, "lambda", permissions.publish(topic.arn) + permissions.send_messages(QUEUE))

    found = declared(declare, preview=True)
    assert found.inputs("serverless-batch:permissions:Role")["statements"] == [
        granted("sns:Publish", UNKNOWN),
        granted("sqs:SendMessage", QUEUE),
    ]
    assert found.inputs("aws:iam/rolePolicy:RolePolicy")["policy"] == UNKNOWN
    found = declared(declare)
    assert found.statements("mailer")[0] == granted("sns:Publish", found.one("aws:sns/topic:Topic").outputs["arn"])


def test_whoever_uses_a_role_waits_for_its_policy() -> None:
    def declare() -> None:
        aws.pipes.Pipe(
            "pipe", role_arn=Role("mailer", SITE, "pipes", permissions.publish("t")).arn, source="s", target="t"
        )

    found = declared(declare)
    pipe = found.one("aws:pipes/pipe:Pipe")
    assert pipe.inputs["roleArn"] == found.one("aws:iam/role:Role").outputs["arn"]
    assert ("aws:iam/rolePolicy:RolePolicy", "mailer") in found.depends_on(pipe)


@pytest.mark.parametrize("file", sorted((PROJECT / "components").glob("*.py")), ids=lambda file: file.name)
def test_iam_is_written_in_no_other_file(file: Any) -> None:
    iam = r"""2012-10-17|["'](Effect|Statement|Principal|NotAction)["']|\b(Effect|Action|Principal)=|Statement\("""
    found = re.search(iam, file.read_text())
    assert bool(found) == (file.name == "permissions.py"), found
