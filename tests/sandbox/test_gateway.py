"""The gateway's parts that a deployed stack does not show."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.client import Client
from sandbox.compute.functions import FunctionError
from sandbox.gateway import Gateway, Plan


class Answers:
    """A function that gives these answers, one after the other."""

    def __init__(self, *answers: Any):
        self._answers = iter(answers)

    def invoke(self, _name: str, _event: Any) -> Any:
        answer = next(self._answers)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def client(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Client]:
    """Calls a gateway whose function gives the answers that the test's parameter lists."""
    gateway = Gateway(tmp_path, Answers(*request.param))  # type: ignore[arg-type]
    uri = "arn:aws:apigateway:r:lambda:path/2015-03-31/functions/arn:aws:lambda:r:1:function:api/invocations"
    refusal = {"statusCode": 502, "responseTemplates": {"application/json": '{"status": 502}'}}
    body = {
        "paths": {"/jobs": {"get": {"x-amazon-apigateway-integration": {"uri": uri}}}},
        "x-amazon-apigateway-gateway-responses": {"INTEGRATION_FAILURE": refusal},
    }
    gateway.add_api("api", {"body": json.dumps(body)})
    yield Client(gateway.add_stage({"stageName": "v1", "restApi": "api"}), "")
    gateway.close()


WRONG = [FunctionError(), None, "text", {}, {"statusCode": "soon"}, {"statusCode": 200, "headers": 3}]


@pytest.mark.parametrize("client", [WRONG], indirect=True)
def test_a_function_that_fails_or_gives_no_proxy_answer_becomes_a_502(client: Client) -> None:
    assert [client.request("GET", "/jobs").status for _ in WRONG] == [502] * len(WRONG)


ENCODED = {"statusCode": 201, "isBase64Encoded": True, "body": "AP8=", "multiValueHeaders": {"Set-Cookie": ["a", "b"]}}


@pytest.mark.parametrize("client", [[ENCODED]], indirect=True)
def test_an_encoded_body_and_repeated_headers_arrive_as_they_were_meant(client: Client) -> None:
    answer = client.request("GET", "/jobs")
    assert (answer.status, answer.data) == (201, b"\x00\xff")
    assert answer.headers.getlist("Set-Cookie") == ["a", "b"]


def test_a_plan_takes_its_burst_at_once_and_its_rate_in_the_long_run() -> None:
    plan = Plan(rate=2, burst=3, quota=100, period=60, stages=set())
    assert [plan.take("key", now=0) for _ in range(4)] == [None, None, None, "THROTTLED"]
    assert plan.take("other", now=0) is None
    assert plan.take("key", now=0.4) == "THROTTLED"
    assert [plan.take("key", now=0.6) for _ in range(2)] == [None, "THROTTLED"]
    assert [plan.take("key", now=60) for _ in range(4)] == [None, None, None, "THROTTLED"]


def test_a_plan_counts_its_quota_anew_in_each_period_and_not_what_it_throttled() -> None:
    plan = Plan(rate=1, burst=1, quota=2, period=10, stages=set())
    assert [plan.take("key", now) for now in (0, 0, 1, 2)] == [None, "THROTTLED", None, "QUOTA_EXCEEDED"]
    assert [plan.take("key", now) for now in (9.9, 10)] == ["QUOTA_EXCEEDED", None]
