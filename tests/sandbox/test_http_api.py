"""The job API over HTTP, gateway included."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from live_stack import Live
from openapi_spec_validator import validate
from sandbox_project import MANIFEST
from urllib3 import BaseHTTPResponse

from jobs import Job, Status
from sandbox.client import Client

pytestmark = pytest.mark.xdist_group("http-api")


def problem(answer: BaseHTTPResponse, status: int) -> dict[str, Any]:
    """The answer, which is a problem document of this status."""
    assert (answer.status, answer.headers["Content-Type"]) == (status, "application/problem+json")
    document = answer.json()
    assert document["status"] == status
    assert {"type", "title", "detail"} <= document.keys()
    return document


def pointers(document: dict[str, Any]) -> set[str]:
    return {error["pointer"] for error in document["errors"]}


@pytest.mark.parametrize("key", ["", "wrong"])
def test_without_the_right_key_nothing_is_answered(live: Live, key: str) -> None:
    stranger = Client(live.client.url, key)
    for method, path in (("GET", "/jobs"), ("POST", "/jobs"), ("GET", "/openapi.json")):
        assert "x-api-key" in problem(stranger.request(method, path), 403)["detail"]


@pytest.mark.parametrize("address", ["198.51.100.7", "::1", "nonsense"])
def test_callers_from_other_addresses_are_refused_before_their_key_is_read(live: Live, address: str) -> None:
    answer = Client(live.client.url, "wrong").request("GET", "/jobs", {"X-Forwarded-For": address})
    assert problem(answer, 403)["detail"] == "Calls from this address are not allowed."


def test_callers_from_an_allowed_address_are_answered(live: Live) -> None:
    assert live.client.request("GET", "/jobs", {"X-Forwarded-For": "203.0.113.200"}).status == 200


@pytest.mark.parametrize(("method", "path"), [("GET", "/"), ("GET", "/job"), ("PUT", "/jobs"), ("GET", "/jobs/a/b")])
def test_an_unknown_path_or_method_is_a_problem(live: Live, method: str, path: str) -> None:
    problem(live.client.request(method, path), 404)


def test_outside_the_stage_there_is_nothing(live: Live) -> None:
    elsewhere = Client(live.client.url.rpartition("/")[0], live.client.key)
    assert elsewhere.request("GET", "/jobs").status == 403


@pytest.mark.parametrize(
    ("body", "status", "where"),
    [
        ({"worker": "prob", "input": {"do": "echo"}}, 404, {"/worker"}),
        ({"worker": 1, "input": {"do": "echo"}}, 400, {"/worker"}),
        ({"worker": "probe", "input": {"do": "echo"}, "wroker": "probe"}, 400, {"/wroker"}),
        ({"worker": "probe"}, 400, {"/input"}),
        ({"worker": "probe", "input": {"do": 3, "text": ""}}, 422, {"/input/do", "/input/text"}),
        ({"worker": "probe", "input": {"do": "echo", "du": "echo"}}, 422, {"/input/du"}),
        ({"worker": "probe", "input": {"do": "echo", "text": "x" * 262_144}}, 413, {"/input"}),
    ],
    ids=["worker", "type", "unknown field", "missing field", "input", "unknown field of the input", "large input"],
)
def test_a_wrong_request_is_refused_with_pointers_to_what_is_wrong(
    live: Live, body: dict[str, Any], status: int, where: set[str]
) -> None:
    document = problem(live.client.request("POST", "/jobs", json=body), status)
    assert pointers(document) == where


def test_an_unknown_worker_is_answered_with_the_nearest_one(live: Live) -> None:
    answer = live.client.request("POST", "/jobs", json={"worker": "prob", "input": {}})
    assert "Did you mean probe?" in problem(answer, 404)["detail"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"worker": NaN}', b"\xff", b'{"a":' * 70 + b"1" + b"}" * 70])
def test_what_is_no_json_object_is_refused(live: Live, body: bytes) -> None:
    problem(live.client.request("POST", "/jobs", {"Content-Type": "application/json"}, body=body), 400)


def test_a_body_beyond_the_gateways_limit_is_refused(live: Live) -> None:
    body = b'{"text": "' + b"x" * 10 * 1024 * 1024 + b'"}'
    problem(live.client.request("POST", "/jobs", {"Content-Type": "application/json"}, body=body), 413)


def test_a_request_that_is_refused_leaves_no_job(live: Live) -> None:
    before = live.client.call("GET", "/jobs")
    problem(live.client.request("POST", "/jobs", json={"worker": "probe", "input": {"do": 3}}), 422)
    assert live.client.call("GET", "/jobs") == before


def test_an_idempotency_key_submits_once_and_is_good_for_one_body_only(live: Live) -> None:
    def submit(text: str) -> BaseHTTPResponse:
        body = {"worker": "probe", "input": {"do": "echo", "text": text}}
        return live.client.request("POST", "/jobs", {"Idempotency-Key": "order 1"}, json=body)

    first, again = submit("one"), submit("one")
    assert (first.status, again.status) == (202, 200)
    assert first.headers["Location"] == again.headers["Location"] == f"/jobs/{first.json()['job_id']}"
    assert again.headers["Idempotent-Replay"] == "true"
    problem(submit("two"), 409)
    assert live.succeed(first.json()["job_id"]).attempt == 1
    assert len(live.tasks(first.json()["job_id"])) == 1


def on_another_plan(live: Live, name: str, **plan: Any) -> Client:
    """A client with a key on a usage plan of its own."""
    create = live.cloud.create
    stage = live.created("aws:apigateway/stage:Stage", "job-api").inputs
    stages = [{"apiId": stage["restApi"], "stage": stage["stageName"]}]
    plan_id, _ = create("aws:apigateway/usagePlan:UsagePlan", name, {"apiStages": stages, **plan})
    key_id, key = create("aws:apigateway/apiKey:ApiKey", name, {})
    create("aws:apigateway/usagePlanKey:UsagePlanKey", name, {"keyId": key_id, "usagePlanId": plan_id})
    return Client(live.client.url, key["value"])


def test_a_key_that_calls_too_fast_is_throttled(live: Live) -> None:
    hasty = on_another_plan(live, "hasty", throttleSettings={"rateLimit": 0.001, "burstLimit": 2})
    assert [hasty.request("GET", "/workers").status for _ in range(2)] == [200, 200]
    assert "rate" in problem(hasty.request("GET", "/workers"), 429)["detail"]
    assert live.client.request("GET", "/workers").status == 200


def test_a_key_that_has_used_up_its_quota_is_refused(live: Live) -> None:
    eager = on_another_plan(live, "eager", quotaSettings={"limit": 1, "period": "DAY"})
    assert eager.request("GET", "/workers").status == 200
    assert "quota" in problem(eager.request("GET", "/workers"), 429)["detail"]


def test_the_description_is_valid_and_describes_the_input_of_each_worker(live: Live) -> None:
    document = live.client.call("GET", "/openapi.json")
    validate(document)
    for schema in ("ProbeInput", "SoloInput", "BriefInput"):
        described = dict(document["components"]["schemas"][schema])
        assert described.pop("description")
        assert described == MANIFEST["input"]


def test_the_workers_are_listed_with_what_they_take(live: Live) -> None:
    workers = {worker.pop("name"): worker for worker in live.client.call("GET", "/workers")["workers"]}
    assert workers.keys() == {"probe", "solo", "brief"}
    assert workers["solo"] == {
        "description": MANIFEST["description"],
        "input": MANIFEST["input"],
        "concurrency": 1,
        "timeout_seconds": 60,
    }


def test_jobs_are_listed_by_worker_and_status_page_by_page_newest_first(live: Live) -> None:
    for n in range(5):
        status = Status.CANCELLED if n != 2 else Status.FAILED
        created = f"2026-01-01T00:00:0{n}.000Z"
        live.store.create(Job(job_id=f"old-{n}", worker="solo", input={}, status=status, created_at=created))

    def pages(query: str) -> Iterator[list[str]]:
        cursor = ""
        while True:
            page = live.client.call("GET", f"/jobs?worker=solo&limit=2{query}{cursor}")
            yield [job["job_id"] for job in page["jobs"]]
            if "cursor" not in page:
                return
            cursor = f"&cursor={page['cursor']}"

    assert list(pages("")) == [["old-4", "old-3"], ["old-2", "old-1"], ["old-0"]]
    assert list(pages("&status=CANCELLED")) == [["old-4", "old-3"], ["old-1", "old-0"]]
    assert list(pages("&status=RUNNING")) == [[]]


@pytest.mark.parametrize("query", ["limit=0", "status=DONE", "cursor=x", "colour=red"])
def test_a_wrong_query_is_refused_by_the_name_of_its_parameter(live: Live, query: str) -> None:
    [error] = problem(live.client.request("GET", f"/jobs?{query}"), 400)["errors"]
    assert error["parameter"] == query.partition("=")[0]
