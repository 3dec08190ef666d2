from __future__ import annotations

import json
from typing import Any

import pytest
from batch_component_support import QUEUES, SECRET, batch, worker
from component_support import ACCOUNT, REGION, SITE, Declared, policy, variables

from components.batch_jobs import BatchTier
from policies.settings import StackConfig
from sandbox.analyzer import analyze

DEFINITION = "aws:batch/jobDefinition:JobDefinition"
GROUP = "/serverless-batch/test/batch/lines"
TIERS = [
    BatchTier(up_to=100, vcpu=0.5, memory=1024, queue="standard"),
    BatchTier(up_to=None, vcpu=6, memory=40_960, queue="large"),
]


@pytest.fixture(scope="module")
def found() -> Declared:
    return batch(worker())


def container(found: Declared, definition: str = "lines") -> dict[str, Any]:
    return json.loads(found.inputs(DEFINITION, definition)["containerProperties"])


def test_a_worker_is_one_job_definition_whatever_its_tiers() -> None:
    tiers = [BatchTier(up_to=100, vcpu=0.25, memory=512, queue="standard"), *worker().tiers]
    found = batch(worker(tiers=tiers))
    assert found.names(DEFINITION) == ["lines"]
    assert found.inputs(DEFINITION)["name"] == "serverless-batch-test-lines"
    assert found.inputs(DEFINITION)["platformCapabilities"] == ["FARGATE"]
    assert json.loads(variables(container(found))["TIERS"]) == [
        {"up_to": 100, "vcpu": 0.25, "memory": 512, "queue": "standard"},
        {"up_to": None, "vcpu": 0.5, "memory": 1024, "queue": "standard"},
    ]


def test_a_job_gets_what_fargate_wants_to_know(found: Declared) -> None:
    job = container(found)
    assert job["resourceRequirements"] == [{"type": "MEMORY", "value": "1024"}, {"type": "VCPU", "value": "0.5"}]
    assert job["fargatePlatformConfiguration"] == {"platformVersion": "LATEST"}
    assert job["runtimePlatform"] == {"operatingSystemFamily": "LINUX", "cpuArchitecture": "ARM64"}
    assert job["command"] == ["python", "-m", "workers.runtime"]
    assert job["secrets"] == [{"name": "KEY", "valueFrom": SECRET}]
    assert (job["readonlyRootFilesystem"], job["user"]) == (True, "10001:10001")
    assert (job["volumes"], job["mountPoints"][0]["containerPath"]) == ([{"name": "scratch"}], "/tmp")
    assert "ephemeralStorage" not in job


@pytest.mark.parametrize(("mode", "address"), [("public", "ENABLED"), ("private-nat", "DISABLED")])
def test_a_job_has_an_address_of_its_own_where_the_network_needs_one(mode: str, address: str) -> None:
    assert container(batch(worker(), mode=mode))["networkConfiguration"] == {"assignPublicIp": address}


def test_more_room_is_asked_for_when_the_manifest_does() -> None:
    assert container(batch(worker(task={"scratch": 40})))["ephemeralStorage"] == {"sizeInGiB": 40}


def test_the_environment_tells_the_runtime_and_whoever_submits_all_they_need() -> None:
    given = variables(container(batch(worker(array=8, share="reports"))))
    assert given.items() >= {
        "BATCH": "1", "WORKER": "lines", "TIMEOUT_SECONDS": "300", "MAX_ATTEMPTS": "3", "LEVEL": "3", "ARRAY": "8",
        "SHARE": "reports", "UPLOADS_BUCKET": f"serverless-batch-test-uploads-{ACCOUNT}",
        "RESULTS_BUCKET": f"serverless-batch-test-results-{ACCOUNT}",
    }.items()  # fmt: skip
    assert not given.keys() & {"QUEUE_URL", "DLQ_URL", "JOBS_TABLE", "MODE"}
    assert not [name for name in given if name.startswith("AWS_BATCH")]  # AWS Batch refuses these


def test_a_worker_whose_tiers_need_fargate_and_instances_has_a_definition_for_each() -> None:
    found = batch(worker(tiers=TIERS))
    fargate, ec2 = container(found, "lines"), container(found, "lines-ec2")
    assert {d.inputs["name"]: d.inputs["platformCapabilities"] for d in found.all(DEFINITION)} == {
        "serverless-batch-test-lines": ["FARGATE"],
        "serverless-batch-test-lines_ec2": ["EC2"],
    }
    only_fargate = {"fargatePlatformConfiguration", "networkConfiguration", "runtimePlatform"}
    assert fargate.keys() - ec2.keys() == only_fargate
    assert ec2["resourceRequirements"] == [{"type": "MEMORY", "value": "1024"}, {"type": "VCPU", "value": "1"}]
    assert ec2["environment"] == fargate["environment"]
    assert json.loads(variables(ec2)["DEFINITIONS"]) == {
        "standard": "serverless-batch-test-lines",
        "urgent": "serverless-batch-test-lines",
        "large": "serverless-batch-test-lines_ec2",
    }


def test_a_worker_of_a_queue_of_instances_has_a_definition_for_these_only() -> None:
    tiers = [BatchTier(up_to=None, vcpu=2, memory=2048, queue="large")]
    found = batch(worker(queue="large", tiers=tiers, task={"cpu": 2048}))
    assert found.inputs(DEFINITION)["platformCapabilities"] == ["EC2"]
    assert json.loads(variables(container(found))["DEFINITIONS"]) == {"large": "serverless-batch-test-lines"}


def test_an_attempt_that_was_reclaimed_is_made_again_and_one_without_memory_is_not(found: Declared) -> None:
    """In this order: a reclaimed container may be killed (137) as one without memory is."""
    strategy = found.inputs(DEFINITION)["retryStrategy"]
    assert strategy["attempts"] == 3
    assert strategy["evaluateOnExits"] == [
        {"onStatusReason": "Host EC2*", "action": "retry"},
        {"onStatusReason": "Your Spot Task was interrupted*", "action": "retry"},
        {"onReason": "CannotPullContainerError*", "action": "retry"},
        {"onExitCode": "137", "action": "exit"},
        {"onExitCode": "64", "action": "exit"},
    ]


def test_batch_takes_the_retry_strategy(found: Declared) -> None:
    """Source: EvaluateOnExit, AWS Batch API reference: five entries, and a * at the end only."""
    entries = found.inputs(DEFINITION)["retryStrategy"]["evaluateOnExits"]
    assert len(entries) <= 5
    for entry in entries:
        [(kind, pattern)] = [(key, value) for key, value in entry.items() if key != "action"]
        allowed = str.isdigit if kind == "onExitCode" else lambda text: text.replace(" ", "").isalnum()
        assert allowed(pattern.removesuffix("*"))


def test_the_runtime_may_say_why_before_batch_ends_an_attempt(found: Declared) -> None:
    assert found.inputs(DEFINITION)["timeout"] == {"attemptDurationSeconds": 360}
    assert batch(worker(timeout=1)).inputs(DEFINITION)["timeout"]["attemptDurationSeconds"] >= 60  # AWS's least


def test_tags_go_from_the_definition_to_jobs_and_tasks(found: Declared) -> None:
    assert found.inputs(DEFINITION)["propagateTags"] is True
    assert found.inputs(DEFINITION)["tags"] == {"worker": "lines"}


def test_logs_go_to_a_group_of_the_workers_own(found: Declared) -> None:
    group = found.inputs("aws:cloudwatch/logGroup:LogGroup", "lines")
    assert (group["name"], group["retentionInDays"]) == (GROUP, 7)
    assert container(found)["logConfiguration"] == {
        "logDriver": "awslogs",
        "options": {"awslogs-group": GROUP, "awslogs-region": REGION, "awslogs-stream-prefix": "worker"},
    }


def test_the_agents_role_starts_the_job_and_the_jobs_role_does_its_work(found: Declared) -> None:
    job = container(found)
    assert job["executionRoleArn"] == SITE.role_arn("serverless-batch-test-lines-execution")
    assert job["jobRoleArn"] == SITE.role_arn("serverless-batch-test-lines-job")
    for role in ("lines-execution", "lines-job"):
        made = found.inputs("aws:iam/role:Role", role)
        assert made["name"] == f"serverless-batch-test-{role}"
        [trust] = policy(made["assumeRolePolicy"])
        assert trust["Principal"] == {"Service": "ecs-tasks.amazonaws.com"}
    starts = {action for s in found.statements("lines-execution") for action in s["Action"]}
    assert starts == {
        "ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetAuthorizationToken",
        "ecr:GetDownloadUrlForLayer", "logs:CreateLogStream", "logs:PutLogEvents", "secretsmanager:GetSecretValue",
    }  # fmt: skip


def test_a_job_reads_its_input_and_its_worker_results_and_writes_these(found: Declared) -> None:
    uploads, results = (f"arn:aws:s3:::serverless-batch-test-{name}-{ACCOUNT}" for name in ("uploads", "results"))
    reached = {(action, r) for s in found.statements("lines-job") for action in s["Action"] for r in s["Resource"]}
    assert reached == {
        ("s3:GetObject", f"{uploads}/batch/*"),
        ("s3:ListBucket", uploads),
        ("s3:GetObject", f"{results}/lines/*"),
        ("s3:ListBucket", results),
        ("s3:PutObject", f"{results}/lines/*"),
        ("s3:GetObject", "arn:aws:s3:::b/*"),  # the manifest's grant
    }


def test_a_definition_comes_after_its_roles_with_what_they_may_do_and_after_its_logs(found: Declared) -> None:
    before = found.depends_on(found.one(DEFINITION))
    assert {
        ("aws:iam/rolePolicy:RolePolicy", "lines-job"),
        ("aws:iam/rolePolicy:RolePolicy", "lines-execution"),
        ("aws:cloudwatch/logGroup:LogGroup", "lines"),
    } <= before


def test_at_preview_a_policy_can_read_every_container() -> None:
    before, after = batch(worker(tiers=TIERS), preview=True), batch(worker(tiers=TIERS))
    told = before.inputs("serverless-batch:batch_jobs:BatchJobs", "lines")["containers"]
    assert told == {"fargate": container(after), "ec2": container(after, "lines-ec2")}
    assert container(before) == container(after)


def test_the_policies_accept_what_it_declares() -> None:
    for preview in (True, False):
        assert analyze(batch(worker(tiers=TIERS), preview=preview).run.resources, StackConfig()) == []


def test_every_queue_of_the_workers_kind_may_be_asked_for(found: Declared) -> None:
    asked = json.loads(variables(container(found))["DEFINITIONS"])
    assert asked.keys() == {name for name, queue in QUEUES.items() if queue.compute == "fargate"}


@pytest.mark.parametrize("shipped", [True, False])
def test_to_name_an_image_makes_a_revision_even_if_the_engine_made_its_last_one_with_it(shipped: bool) -> None:
    """The provider registers a revision at any change but of tags, and the newest one is what jobs run."""
    definition = batch(worker(task={"shipped": shipped})).inputs(DEFINITION)
    assert definition["deregisterOnNewRevision"] is not shipped
