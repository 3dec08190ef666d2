from __future__ import annotations

import json
from typing import Any

import pytest
from component_support import REGION, Declared, packed
from job_support import EXTRA, with_runner, worker

LAMBDA, QUEUE = "aws:lambda/function:Function", "aws:sqs/queue:Queue"
DEFINITION = "aws:ecs/taskDefinition:TaskDefinition"
MAPPING = "aws:lambda/eventSourceMapping:EventSourceMapping"


@pytest.fixture(scope="module")
def found() -> Declared:
    return with_runner(worker("word_count"), worker("echo", spot_share=0, concurrency=1, attempts=1, timeout=60))


def environment(found: Declared, function: str) -> dict[str, str]:
    return found.inputs(LAMBDA, function)["environment"]["variables"]


def catalogue(found: Declared, function: str) -> dict[str, Any]:
    return json.loads(packed(found.one(LAMBDA, function))["catalogue.json"].removeprefix("text:"))


def test_each_worker_has_one_queue_one_dead_letter_queue_one_task_definition_and_one_mapping(found: Declared) -> None:
    assert found.names(QUEUE) == ["echo", "echo-dlq", "word_count", "word_count-dlq"]
    assert all(queue.inputs["fifoQueue"] for queue in found.all(QUEUE))
    assert found.names(DEFINITION) == ["echo", "word_count"]
    assert found.names(MAPPING) == ["echo", "word_count"]
    assert found.names(LAMBDA) == ["launcher"]


def test_a_mapping_feeds_the_launcher_from_the_workers_queue_once_its_task_can_be_launched(found: Declared) -> None:
    mapping = found.one(MAPPING, "echo")
    assert mapping.inputs["eventSourceArn"] == found.one(QUEUE, "echo").outputs["arn"]
    assert mapping.inputs["functionName"] == found.one(LAMBDA, "launcher").outputs["arn"]
    assert mapping.inputs["functionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping.inputs["batchSize"] == 10  # RunTask takes no more
    assert (DEFINITION, "echo") in found.depends_on(mapping)


def test_a_received_message_is_hidden_for_six_times_the_launchers_timeout(found: Declared) -> None:
    timeout = found.inputs(LAMBDA, "launcher")["timeout"]
    assert found.inputs(QUEUE, "echo")["visibilityTimeoutSeconds"] >= 6 * timeout


def test_the_launcher_counts_receives_as_the_queue_does(found: Declared) -> None:
    redrive = json.loads(found.inputs(QUEUE, "echo")["redrivePolicy"])
    assert environment(found, "launcher")["MAX_RECEIVE_COUNT"] == str(redrive["maxReceiveCount"])


def test_the_launcher_knows_of_each_worker_what_it_needs(found: Declared) -> None:
    queue, dead_letters = (found.one(QUEUE, name).outputs["url"] for name in ("echo", "echo-dlq"))
    definition = found.inputs(DEFINITION, "echo")
    assert catalogue(found, "launcher")["echo"] == {
        "description": "echo it.",
        "input": {"type": "object"},
        "queue_url": queue,
        "dlq_url": dead_letters,
        "family": definition["family"],
        "container": json.loads(definition["containerDefinitions"])[0]["name"],
        "cap": 1,
        "spot_share": 0,
        "max_attempts": 1,
        "timeout_seconds": 60,
    }
    assert catalogue(found, "launcher").keys() == {"echo", "word_count"}


def test_the_launcher_may_hand_over_exactly_the_roles_of_the_tasks_and_start_exactly_their_families(
    found: Declared,
) -> None:
    statements = {statement["Action"][0]: statement for statement in found.statements("launcher-function")}
    definitions = [definition.inputs for definition in found.all(DEFINITION)]
    used = {d[key] for d in definitions for key in ("taskRoleArn", "executionRoleArn")}
    assert set(statements["iam:PassRole"]["Resource"]) == used
    assert len(used) == 4
    families = {resource.split("task-definition/")[1] for resource in statements["ecs:RunTask"]["Resource"]}
    assert families == {f"{definition['family']}:*" for definition in definitions}


def test_a_task_knows_its_worker_its_queues_and_how_often_to_try(found: Declared) -> None:
    [container] = json.loads(found.inputs(DEFINITION, "word_count")["containerDefinitions"])
    assert {variable["name"]: variable["value"] for variable in container["environment"]} == {
        "LEVEL": "3",
        "WORKER": "word_count",
        "JOBS_TABLE": found.inputs("aws:dynamodb/table:Table")["name"],
        "QUEUE_URL": found.one(QUEUE, "word_count").outputs["url"],
        "DLQ_URL": found.one(QUEUE, "word_count-dlq").outputs["url"],
        "UPLOADS_BUCKET": found.inputs("aws:s3/bucket:Bucket", "uploads")["bucket"],
        "RESULTS_BUCKET": found.inputs("aws:s3/bucket:Bucket", "results")["bucket"],
        "TIMEOUT_SECONDS": "300",
        "MAX_ATTEMPTS": "3",
        "BACKOFF_SECONDS": "10",
    }


def test_a_workers_own_grants_come_on_top_of_what_it_takes_to_serve_jobs(found: Declared) -> None:
    statements = found.statements("word_count-task")
    assert statements[-1] == EXTRA
    queue, dead_letters = (found.one(QUEUE, name).outputs["arn"] for name in ("word_count", "word_count-dlq"))
    results = found.one("aws:s3/bucket:Bucket", "results").outputs["arn"]
    assert [(s["Action"], s["Resource"]) for s in statements[:-1]] == [
        (["sqs:ChangeMessageVisibility", "sqs:DeleteMessage"], [queue]),
        (["sqs:SendMessage"], [queue, dead_letters]),
        (["dynamodb:GetItem", "dynamodb:UpdateItem"], [found.one("aws:dynamodb/table:Table").outputs["arn"]]),
        (["s3:PutObject"], [f"{results}/word_count/*"]),
    ]


@pytest.mark.parametrize(
    ("mode", "subnets", "address"),
    [("public", "publicSubnetIds", "ENABLED"), ("private-nat", "privateSubnetIds", "DISABLED")],
)
def test_tasks_are_launched_into_the_network(mode: str, subnets: str, address: str) -> None:
    found = with_runner(worker("echo"), mode=mode)
    variables = environment(found, "launcher")
    assert variables["SUBNETS"].split(",") == found.one("awsx:ec2:Vpc").outputs[subnets]
    assert variables["SECURITY_GROUPS"] == found.one("aws:ec2/securityGroup:SecurityGroup").id
    assert variables["ASSIGN_PUBLIC_IP"] == address
    assert variables["CLUSTER"] == found.inputs("aws:ecs/cluster:Cluster")["name"]


def test_policies_see_the_spot_share_of_each_worker(found: Declared) -> None:
    shares = found.inputs("serverless-batch:job_runner:JobRunner")["spotShares"]
    assert shares == {"word_count": 70, "echo": 0}
    assert {name: entry["spot_share"] for name, entry in catalogue(found, "launcher").items()} == shares


def test_everything_is_in_the_stacks_region(found: Declared) -> None:
    assert {entry["queue_url"].split(".")[1] for entry in catalogue(found, "launcher").values()} == {REGION}
