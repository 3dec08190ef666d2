from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from component_support import ACCOUNT, REGION, SITE, UNKNOWN, Declared, declared

from components.permissions import send_messages
from components.task import FargateTask, FargateTaskArgs

DEFINITION, LOG_GROUP = "aws:ecs/taskDefinition:TaskDefinition", "aws:cloudwatch/logGroup:LogGroup"
FAMILY = "serverless-batch-test-word-count"
REPOSITORY = f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/word-count"
SECRET = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:openai-AbCdEf"
QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:q"


def task(*, preview: bool = False, **changes: Any) -> Declared:
    args: dict[str, Any] = {
        "image": "registry.example/word-count@sha256:" + "0" * 64,
        "repository_arn": REPOSITORY,
        "cpu": 512,
        "memory": 1024,
        "scratch": None,
        "architecture": "arm64",
        "environment": {"WORKER": "word_count", "AWS_REGION": REGION, "MAX_ATTEMPTS": "3"},
        "secrets": {},
        "statements": send_messages(QUEUE),
        "log_retention_days": 7,
    }
    return declared(lambda: FargateTask("word_count", SITE, FargateTaskArgs(**args | changes)), preview=preview)


def container(found: Declared) -> dict[str, Any]:
    [only] = json.loads(found.inputs(DEFINITION)["containerDefinitions"])
    return only


GOLDEN = (
    '[{"command": ["python", "-m", "workers.runtime"], "cpu": 512, "environment": ['
    '{"name": "AWS_REGION", "value": "eu-central-1"}, {"name": "MAX_ATTEMPTS", "value": "3"}, '
    '{"name": "WORKER", "value": "word_count"}], "essential": true, '
    '"image": "registry.example/word-count@sha256:0000000000000000000000000000000000000000000000000000000000000000", '
    '"linuxParameters": {"initProcessEnabled": true}, "logConfiguration": {"logDriver": "awslogs", "options": {'
    '"awslogs-group": "/ecs/serverless-batch-test-word-count", "awslogs-region": "eu-central-1", '
    '"awslogs-stream-prefix": "worker"}}, "memory": 1024, '
    '"mountPoints": [{"containerPath": "/tmp", "readOnly": false, "sourceVolume": "scratch"}], "name": "worker", '
    '"portMappings": [], "readonlyRootFilesystem": true, "secrets": [], "stopTimeout": 120, "systemControls": [], '
    '"user": "10001:10001", "volumesFrom": []}]'
)


def test_the_container_is_written_in_the_one_form_that_does_not_drift() -> None:
    assert task().inputs(DEFINITION)["containerDefinitions"] == GOLDEN


def test_the_order_in_which_variables_and_secrets_are_given_does_not_matter() -> None:
    one = task(environment={"A": "1", "B": "2"}, secrets={"C": SECRET, "D": SECRET})
    other = task(environment={"B": "2", "A": "1"}, secrets={"D": SECRET, "C": SECRET})
    assert one.inputs(DEFINITION) == other.inputs(DEFINITION)


def test_nothing_in_a_container_is_null() -> None:
    assert "null" not in task(scratch=40).inputs(DEFINITION)["containerDefinitions"]


def test_a_container_runs_as_the_images_user() -> None:
    assert container(task())["user"] == "10001:10001"
    assert "USER 10001:10001" in (Path(__file__).parents[2] / "workers/Dockerfile").read_text(encoding="utf-8")


def test_a_task_has_two_minutes_to_stop_and_writes_to_its_scratch_volume_only() -> None:
    found = container(task())
    assert found["stopTimeout"] == 120
    assert found["readonlyRootFilesystem"] is True
    assert found["mountPoints"] == [{"sourceVolume": "scratch", "containerPath": "/tmp", "readOnly": False}]
    assert task().inputs(DEFINITION)["volumes"] == [{"name": "scratch"}]


def test_a_definition_is_for_fargate_and_has_the_size_and_the_processor_that_were_asked_for() -> None:
    definition = task(cpu=2048, memory=4096).inputs(DEFINITION)
    assert (definition["cpu"], definition["memory"]) == ("2048", "4096")
    assert (definition["requiresCompatibilities"], definition["networkMode"]) == (["FARGATE"], "awsvpc")
    assert definition["runtimePlatform"] == {"operatingSystemFamily": "LINUX", "cpuArchitecture": "ARM64"}
    assert task(architecture="x86_64").inputs(DEFINITION)["runtimePlatform"]["cpuArchitecture"] == "X86_64"


def test_scratch_is_asked_for_only_above_what_fargate_gives_anyway() -> None:
    assert "ephemeralStorage" not in task().inputs(DEFINITION)
    assert task(scratch=100).inputs(DEFINITION)["ephemeralStorage"] == {"sizeInGib": 100}


def test_logs_go_to_a_group_with_retention_that_is_there_before_the_task() -> None:
    found = task(log_retention_days=30)
    group = found.one(LOG_GROUP)
    assert group.inputs["retentionInDays"] == 30
    assert container(found)["logConfiguration"]["options"]["awslogs-group"] == group.inputs["name"]
    assert (LOG_GROUP, "word_count") in found.depends_on(found.one(DEFINITION))


def test_a_secret_is_passed_by_reference() -> None:
    found = task(secrets={"OPENAI_API_KEY": SECRET})
    assert container(found)["secrets"] == [{"name": "OPENAI_API_KEY", "valueFrom": SECRET}]
    assert "OPENAI_API_KEY" not in {variable["name"] for variable in container(found)["environment"]}


def test_the_agent_and_the_worker_have_roles_of_their_own_and_neither_may_do_the_others_work() -> None:
    found = task(secrets={"OPENAI_API_KEY": SECRET})
    definition = found.inputs(DEFINITION)
    roles = {role.outputs["arn"]: role.name for role in found.all("aws:iam/role:Role")}
    assert roles[definition["executionRoleArn"]] == "word_count-execution"
    assert roles[definition["taskRoleArn"]] == "word_count-task"
    logs = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/ecs/{FAMILY}:*"
    assert [(s["Action"], s["Resource"]) for s in found.statements("word_count-execution")] == [
        (["logs:CreateLogStream", "logs:PutLogEvents"], [logs]),
        (["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"], [REPOSITORY]),
        (["ecr:GetAuthorizationToken"], ["*"]),
        (["secretsmanager:GetSecretValue"], [SECRET]),
    ]
    assert [(s["Action"], s["Resource"]) for s in found.statements("word_count-task")] == [
        (["sqs:SendMessage"], [QUEUE])
    ]


def test_a_secret_that_fills_two_variables_is_granted_once() -> None:
    found = task(secrets={"A": SECRET, "B": SECRET})
    assert [s["Resource"] for s in found.statements("word_count-execution")].count([SECRET]) == 1


def test_an_image_from_outside_ecr_needs_no_permission_to_be_pulled() -> None:
    actions = {a for s in task(repository_arn=None).statements("word_count-execution") for a in s["Action"]}
    assert actions == {"logs:CreateLogStream", "logs:PutLogEvents"}


def test_a_worker_without_grants_has_a_role_without_a_policy() -> None:
    found = task(statements=[])
    assert found.names("aws:iam/role:Role") == ["word_count-execution", "word_count-task"]
    assert found.names("aws:iam/rolePolicy:RolePolicy") == ["word_count-execution"]


def test_the_family_and_the_roles_that_the_launcher_may_use_are_those_of_the_definition() -> None:
    made: list[FargateTask] = []
    args = {"image": "i", "repository_arn": None, "cpu": 256, "memory": 512, "scratch": None, "architecture": "arm64"}
    args |= {"environment": {}, "secrets": {}, "statements": [], "log_retention_days": 7}
    found = declared(lambda: made.append(FargateTask("word_count", SITE, FargateTaskArgs(**args))))
    assert made[0].family == found.inputs(DEFINITION)["family"] == FAMILY
    assert sorted(made[0].roles) == sorted(role.inputs["name"] for role in found.all("aws:iam/role:Role"))


def test_policies_can_read_the_container_at_preview() -> None:
    component = task(preview=True).inputs("serverless-batch:task:FargateTask")
    assert component["container"]["stopTimeout"] == 120
    assert UNKNOWN not in json.dumps(component)
