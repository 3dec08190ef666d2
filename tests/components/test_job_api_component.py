from __future__ import annotations

import json
from typing import Any

import pytest
from component_support import PROJECT, REGION, SITE, Declared, alerts, bucket, declared, jobs_table, packed

from components import openapi
from components.cluster import Cluster
from components.job_api import ApiWorker, JobApi, JobApiArgs
from components.network import Network, NetworkArgs
from components.task import FargateTaskArgs

LAMBDA, QUEUE = "aws:lambda/function:Function", "aws:sqs/queue:Queue"
DEFINITION = "aws:ecs/taskDefinition:TaskDefinition"
MAPPING = "aws:lambda/eventSourceMapping:EventSourceMapping"
TASK: dict[str, Any] = {"image": "i", "repository_arn": None, "cpu": 256, "memory": 512, "scratch": None}
TASK |= {"architecture": "arm64", "environment": {"LEVEL": "3"}, "secrets": {}, "log_retention_days": 7}
EXTRA = {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["arn:aws:s3:::b/*"]}


def worker(name: str, **changes: Any) -> ApiWorker:
    args: dict[str, Any] = {"name": name, "description": f"{name} it.", "input": {"type": "object"}, "concurrency": 4}
    args |= {"timeout": 300, "attempts": 3, "backoff": 10, "spot_share": 70}
    return ApiWorker(**args | {"task": FargateTaskArgs(**TASK, statements=[EXTRA])} | changes)


def job_api(*workers: ApiWorker, mode: Any = "public") -> Declared:
    def declare() -> None:
        JobApi(
            "job-api",
            SITE,
            PROJECT,
            JobApiArgs(
                workers=workers,
                job_ttl_days=14,
                allowed_ips=[],
                rate=1,
                burst=1,
                quota=1,
                quota_period="DAY",
                log_retention_days=7,
            ),
            network=Network("tasks", SITE, NetworkArgs(mode=mode)),
            cluster=Cluster("tasks", SITE, spot_share=100, on_demand_base=0),
            jobs=jobs_table(),
            uploads=bucket("uploads"),
            results=bucket("results"),
            alerts=alerts(),
        )

    return declared(declare)


@pytest.fixture(scope="module")
def found() -> Declared:
    return job_api(worker("word_count"), worker("echo", spot_share=0, concurrency=1, attempts=1, timeout=60))


def environment(found: Declared, function: str) -> dict[str, str]:
    return found.inputs(LAMBDA, function)["environment"]["variables"]


def catalogue(found: Declared, function: str) -> dict[str, Any]:
    return json.loads(packed(found.one(LAMBDA, function))["catalogue.json"].removeprefix("text:"))


def test_each_worker_has_one_queue_one_dead_letter_queue_one_task_definition_and_one_mapping(found: Declared) -> None:
    assert found.names(QUEUE) == ["echo", "echo-dlq", "word_count", "word_count-dlq"]
    assert all(queue.inputs["fifoQueue"] for queue in found.all(QUEUE))
    assert found.names(DEFINITION) == ["echo", "word_count"]
    assert found.names(MAPPING) == ["echo", "word_count"]
    assert found.names(LAMBDA) == ["api", "launcher"]


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


def test_handler_and_launcher_have_the_same_catalogue_with_what_they_need_to_know_of_a_worker(found: Declared) -> None:
    assert catalogue(found, "api") == catalogue(found, "launcher")
    queue, dead_letters = (found.one(QUEUE, name).outputs["url"] for name in ("echo", "echo-dlq"))
    definition = found.inputs(DEFINITION, "echo")
    assert catalogue(found, "api")["echo"] == {
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
    assert catalogue(found, "api").keys() == {"echo", "word_count"}


def test_the_handler_serves_the_description_with_the_workers_inputs(found: Declared) -> None:
    files = packed(found.one(LAMBDA, "api"))
    inputs = {"echo": {"type": "object"}, "word_count": {"type": "object"}}
    document = json.loads(files["openapi.json"].removeprefix("text:"))
    assert document == openapi.served(openapi.description(PROJECT), inputs)
    assert "openapi.json" not in packed(found.one(LAMBDA, "launcher"))


def test_the_gateway_calls_the_handler(found: Declared) -> None:
    body = json.loads(found.inputs("aws:apigateway/restApi:RestApi")["body"])
    integration = body["paths"]["/jobs"]["post"]["x-amazon-apigateway-integration"]
    assert integration["uri"] == found.one(LAMBDA, "api").outputs["invokeArn"]


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
    found = job_api(worker("echo"), mode=mode)
    variables = environment(found, "launcher")
    assert variables["SUBNETS"].split(",") == found.one("awsx:ec2:Vpc").outputs[subnets]
    assert variables["SECURITY_GROUPS"] == found.one("aws:ec2/securityGroup:SecurityGroup").id
    assert variables["ASSIGN_PUBLIC_IP"] == address
    assert variables["CLUSTER"] == found.inputs("aws:ecs/cluster:Cluster")["name"]


def test_the_handler_keeps_a_jobs_record_as_long_as_the_stack_says(found: Declared) -> None:
    assert environment(found, "api") == {
        "POWERTOOLS_SERVICE_NAME": "api",
        "POWERTOOLS_METRICS_NAMESPACE": "serverless-batch",
        "JOBS_TABLE": found.inputs("aws:dynamodb/table:Table")["name"],
        "UPLOADS_BUCKET": found.inputs("aws:s3/bucket:Bucket", "uploads")["bucket"],
        "CLUSTER": found.inputs("aws:ecs/cluster:Cluster")["name"],
        "JOB_TTL_DAYS": "14",
    }


def test_policies_see_the_spot_share_of_each_worker(found: Declared) -> None:
    shares = found.inputs("serverless-batch:job_api:JobApi")["spotShares"]
    assert shares == {"word_count": 70, "echo": 0}
    assert {name: entry["spot_share"] for name, entry in catalogue(found, "launcher").items()} == shares


def test_everything_is_in_the_stacks_region(found: Declared) -> None:
    assert {entry["queue_url"].split(".")[1] for entry in catalogue(found, "api").values()} == {REGION}
