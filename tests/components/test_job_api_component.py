from __future__ import annotations

import json
from typing import Any

import pytest
from component_support import PROJECT, SITE, Declared, packed
from job_support import Surroundings, with_runner, worker

from components import openapi
from components.job_api import JobApi, JobApiArgs

LAMBDA = "aws:lambda/function:Function"
WORKERS = (worker("word_count"), worker("echo"))


def job_api(around: Surroundings) -> None:
    args = JobApiArgs(
        workers=WORKERS,
        job_ttl_days=14,
        allowed_ips=[],
        rate=1,
        burst=1,
        quota=1,
        quota_period="DAY",
        log_retention_days=7,
    )
    JobApi("job-api", SITE, PROJECT, args, **vars(around))


@pytest.fixture(scope="module")
def found() -> Declared:
    return with_runner(*WORKERS, worker("nightly"), then=job_api)


def environment(found: Declared, function: str) -> dict[str, str]:
    return found.inputs(LAMBDA, function)["environment"]["variables"]


def catalogue(found: Declared, function: str) -> dict[str, Any]:
    return json.loads(packed(found.one(LAMBDA, function))["catalogue.json"].removeprefix("text:"))


def test_the_handler_knows_the_workers_of_the_api_as_the_launcher_does_and_no_others(found: Declared) -> None:
    known = catalogue(found, "launcher")
    assert known.keys() == {"echo", "nightly", "word_count"}
    assert catalogue(found, "api") == {name: known[name] for name in ("echo", "word_count")}


def test_the_handler_sends_to_the_queues_of_its_workers_only(found: Declared) -> None:
    [sent] = [s["Resource"] for s in found.statements("api-function") if s["Action"] == ["sqs:SendMessage"]]
    assert sent == [found.one("aws:sqs/queue:Queue", name).outputs["arn"] for name in ("word_count", "echo")]


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


def test_the_handler_keeps_a_jobs_record_as_long_as_the_stack_says(found: Declared) -> None:
    assert environment(found, "api") == {
        "POWERTOOLS_SERVICE_NAME": "api",
        "POWERTOOLS_METRICS_NAMESPACE": "serverless-batch",
        "JOBS_TABLE": found.inputs("aws:dynamodb/table:Table")["name"],
        "UPLOADS_BUCKET": found.inputs("aws:s3/bucket:Bucket", "uploads")["bucket"],
        "CLUSTER": found.inputs("aws:ecs/cluster:Cluster")["name"],
        "JOB_TTL_DAYS": "14",
    }
