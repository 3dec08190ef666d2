from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Callable
from dataclasses import replace
from types import ModuleType
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from openapi_schema_validator import OAS30Validator

from jobs import Job, JobStore

USED: Any = {"cost_usd": 0.001, "peak_memory_mb": 200}
pytestmark = pytest.mark.usefixtures("queue", "other_queue")


class Api:
    """Calls the handler as API Gateway does; every answer must be one that the description announces."""

    def __init__(self, module: ModuleType, context: Any):
        self.module, self._context = module, context
        self.document = module.services.description.document

    def __call__(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
        key_id: str = "key1",
        **event: Any,
    ) -> Answer:
        job_id = path.removeprefix("/jobs/") if path.startswith("/jobs/") else None
        resource = "/jobs/{job_id}" if job_id else path
        answer = self.module.handler(
            {
                "httpMethod": method,
                "resource": resource,
                "path": path,
                "pathParameters": {"job_id": job_id} if job_id else None,
                "queryStringParameters": query,
                "headers": headers,
                "body": body if body is None or isinstance(body, str) else json.dumps(body),
                "isBase64Encoded": False,
                "requestContext": {"requestId": "c0ffee", "identity": {"apiKeyId": key_id}},
                **event,
            },
            self._context,
        )
        self._must_be_described(resource, method, answer)
        return Answer(answer)

    def _must_be_described(self, resource: str, method: str, answer: dict[str, Any]) -> None:
        media_type, body = answer["headers"]["Content-Type"], json.loads(answer["body"])
        if answer["statusCode"] in (405, 500) or resource not in self.document["paths"]:
            schema = {"$ref": "#/components/schemas/Problem"}
        else:
            described = self.document["paths"][resource][method.lower()]["responses"][str(answer["statusCode"])]
            schema = described["content"][media_type]["schema"]
        OAS30Validator({**schema, "components": self.document["components"]}).validate(body)
        assert (media_type == "application/problem+json") == (answer["statusCode"] >= 400)


class Answer:
    def __init__(self, answer: dict[str, Any]):
        self.status, self.headers = answer["statusCode"], answer["headers"]
        self.body = json.loads(answer["body"])

    @property
    def pointers(self) -> list[str]:
        return [error["pointer"] for error in self.body["errors"]]

    @property
    def parameters(self) -> list[str]:
        return [error["parameter"] for error in self.body["errors"]]


@pytest.fixture(scope="module")
def module(load: Callable[..., ModuleType]) -> ModuleType:
    return load("api", UPLOADS_BUCKET="uploads", RESULTS_BUCKET="results", CLUSTER="cluster", JOB_TTL_DAYS="30")


@pytest.fixture
def api(module: ModuleType, context: Any) -> Api:
    return Api(module, context)


@pytest.fixture
def change(module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """`change(sqs=…)` exchanges a service of the handler."""

    def change(**services: Any) -> None:
        monkeypatch.setattr(module, "services", replace(module.services, **services))

    return change


def submit(api: Api, text: str = "A text.", **more: Any) -> Answer:
    return api("POST", "/jobs", {"worker": "summariser", "input": {"text": text}}, **more)


# --- submit --------------------------------------------------------------------------------------------------


def test_a_submitted_job_is_recorded_and_queued(api: Api, store: JobStore, queue: Any):
    answer = submit(api)
    assert answer.status == 202
    assert answer.headers["Location"] == f"/jobs/{answer.body['job_id']}"
    assert (answer.body["status"], answer.body["attempt"]) == ("QUEUED", 0)
    assert answer.body["input"] == {"text": "A text."}
    [message] = queue.receive()
    assert json.loads(message["Body"]) == {"job_id": answer.body["job_id"]}
    assert message["Attributes"]["MessageGroupId"] == answer.body["job_id"]
    job = store.get(answer.body["job_id"])
    assert job
    assert job.expires_at and job.request_hash


def test_numbers_and_letters_of_an_input_come_back_as_they_were(api: Api):
    given = {"text": "日本 é 🎉", "nested": {"a": [0.1, 1e300, 10**20, None, True, ""]}}
    answer = api("POST", "/jobs", {"worker": "translator", "input": given})
    assert answer.status == 202
    assert api("GET", f"/jobs/{answer.body['job_id']}").body["input"] == given


@pytest.mark.parametrize(
    "body",
    [
        None,
        "",
        "{",
        "[]",
        '"text"',
        "null",
        '{"worker": "summariser", "input": {"text": NaN}}',
        '{"worker": "translator", "input": {"n": 1e999}}',
        '{"worker": "translator", "input": {"n": 1' + "0" * 5000 + "}}",
        '{"worker": "translator", "input": {}, "input": {}}',
        '{"worker": "translator", "input": {"a": "\\ud800"}}',
        '{"worker": "translator", "input": ' + '{"a":' * 100 + "1" + "}" * 100 + "}",
        "[" * 100_000,
        "\ufeff{}",
    ],
)
def test_what_is_not_usable_json_is_malformed(api: Api, body: str | None):
    answer = api("POST", "/jobs", body)
    assert answer.status == 400
    assert answer.body["type"] == "urn:serverless-batch:problem:malformed-request"
    assert answer.body["instance"] == "urn:request:c0ffee"


@pytest.mark.parametrize("body", ["not base64!", "é", base64.b64encode(b"\xff\xfe").decode()])
def test_a_binary_body_that_is_no_text_is_malformed(api: Api, body: str):
    assert api("POST", "/jobs", body, isBase64Encoded=True).status == 400


def test_a_body_in_base64_is_read(api: Api):
    body = base64.b64encode(json.dumps({"worker": "translator", "input": {}}).encode()).decode()
    assert api("POST", "/jobs", body, isBase64Encoded=True).status == 202


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({}, ["/worker", "/input"]),
        ({"worker": "summariser"}, ["/input"]),
        ({"worker": 5, "input": {}}, ["/worker"]),
        ({"worker": "summariser", "input": "text"}, ["/input"]),
        ({"worker": "summariser", "input": [], "inputs": {}, "a/b": 1}, ["/inputs", "/a~1b", "/input"]),
    ],
)
def test_an_envelope_that_does_not_fit_is_malformed_and_every_field_is_named(api: Api, body: Any, pointers: list[str]):
    answer = api("POST", "/jobs", body)
    assert (answer.status, answer.pointers) == (400, pointers)


@pytest.mark.parametrize(
    ("given", "pointers"),
    [
        ({}, ["/input/text"]),
        ({"text": 1}, ["/input/text"]),
        ({"text": ""}, ["/input/text"]),
        ({"text": "a", "sentences": 99}, ["/input/sentences"]),
        ({"text": "a", "sentences": True}, ["/input/sentences"]),
        ({"txt": "a", "sentences": "b"}, ["/input/text", "/input/txt", "/input/sentences"]),
        ({"text": "a", "txt": "a", "sentences": 0}, ["/input/txt", "/input/sentences"]),
        ({"text": "a", "source": {}}, ["/input/source/key"]),
        ({"text": "a", "source": {"key": "k", "~": 1}}, ["/input/source/~0"]),
        ({"text": "a", "source": {"key": "k", "pages": [1, 2, "x"]}}, ["/input/source/pages/2"]),
    ],
)
def test_an_input_that_does_not_fit_the_worker_is_refused_with_pointers(api: Api, given: Any, pointers: list[str]):
    answer = api("POST", "/jobs", {"worker": "summariser", "input": given})
    assert (answer.status, answer.pointers) == (422, pointers)


def test_an_unknown_worker_is_not_found_and_the_nearest_is_named(api: Api):
    answer = api("POST", "/jobs", {"worker": "sumariser", "input": {}})
    assert (answer.status, answer.pointers) == (404, ["/worker"])
    assert "Did you mean summariser?" in answer.body["detail"]
    assert "translator" in answer.body["detail"]


def test_an_input_of_256_kb_is_taken_and_a_larger_one_is_not(api: Api):
    largest = {"t": "x" * (256 * 1024 - len('{"t": ""}'))}
    assert api("POST", "/jobs", {"worker": "translator", "input": largest}).status == 202
    largest["t"] += "x"
    answer = api("POST", "/jobs", {"worker": "translator", "input": largest})
    assert (answer.status, answer.pointers) == (413, ["/input"])
    assert "/uploads" in answer.body["detail"]


def test_neither_inputs_nor_keys_are_logged(api: Api, caplog: pytest.LogCaptureFixture):
    caplog.set_level("DEBUG", logger="functions-under-test")
    submit(api, "hidden-text", headers={"Idempotency-Key": "hidden-key", "x-api-key": "hidden-secret"})
    api("POST", "/jobs", {"worker": "summariser", "input": {"hidden-field": "hidden-text"}})
    assert len(caplog.records) >= 2
    assert not any("hidden" in str(vars(record)) for record in caplog.records)


def test_each_request_is_counted_with_its_operation(api: Api, capsys: pytest.CaptureFixture[str]):
    api("GET", "/jobs/unknown")
    metrics = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (metrics["Requests"], metrics["Rejected"], metrics["Errors"]) == ([1.0], [1.0], [0.0])
    assert metrics["operation"] == "getJob"
    assert metrics["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "serverless-batch"


# --- idempotency ---------------------------------------------------------------------------------------------


def test_a_repeated_request_answers_with_the_first_job_and_queues_nothing_new(api: Api, queue: Any):
    key = {"idempotency-key": str(uuid.uuid4())}
    first, again = submit(api, headers=key), submit(api, headers=key)
    assert (first.status, again.status) == (202, 200)
    assert again.headers["Idempotent-Replay"] == "true"
    assert again.body == first.body
    assert len(queue.receive()) == 1


def test_a_repeated_request_queues_the_job_again_if_its_message_was_never_sent(
    api: Api, change: Callable[..., None], store: JobStore
):
    key = {"Idempotency-Key": str(uuid.uuid4())}
    job_id = submit(api, headers=key).body["job_id"]
    sent: list[dict[str, Any]] = []
    change(sqs=Sqs(sent.append))
    assert submit(api, headers=key).status == 200
    assert [message["MessageDeduplicationId"] for message in sent] == [job_id]
    job = store.get(job_id)
    assert job
    store.launch(job, "receipt")
    assert submit(api, headers=key).body["attempt"] == 1
    assert len(sent) == 1


def test_a_key_belongs_to_one_request_and_one_caller(api: Api):
    key = {"Idempotency-Key": str(uuid.uuid4())}
    first = submit(api, headers=key)
    other = submit(api, "Another text.", headers=key)
    assert (other.status, other.parameters) == (409, ["Idempotency-Key"])
    stranger = submit(api, "Another text.", headers=key, key_id="key2")
    assert stranger.status == 202
    assert stranger.body["job_id"] != first.body["job_id"]


@pytest.mark.parametrize("key", ["", "x" * 256, "é", "a\tb", "line\n"])
def test_an_idempotency_key_that_is_not_printable_ascii_is_malformed(api: Api, key: str):
    answer = submit(api, headers={"Idempotency-Key": key})
    assert (answer.status, answer.parameters) == (400, ["Idempotency-Key"])


# --- services that fail --------------------------------------------------------------------------------------


class Sqs:
    """Sends by calling a function."""

    def __init__(self, send: Callable[[dict[str, Any]], Any]):
        self._send = send

    def send_message(self, **message: Any) -> None:
        self._send(message)


def unreachable(*_: Any, **__: Any) -> Any:
    raise EndpointConnectionError(endpoint_url="https://service")


def refused(*_: Any, **__: Any) -> Any:
    raise ClientError({"Error": {"Code": "QueueDoesNotExist", "Message": "gone"}}, "SendMessage")


@pytest.mark.parametrize("failure", [unreachable, refused])
def test_without_the_queue_the_job_is_taken_back_and_the_caller_asked_to_wait(
    api: Api, change: Callable[..., None], store: JobStore, failure: Any
):
    key = {"Idempotency-Key": str(uuid.uuid4())}
    recorded: list[str] = []

    def send(message: dict[str, Any]) -> None:
        recorded.append(message["MessageGroupId"])
        failure()

    change(sqs=Sqs(send))
    answer = submit(api, headers=key)
    assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
    assert "gone" not in json.dumps(answer.body)
    assert store.get(recorded[0]) is None
    change(sqs=Sqs(lambda _: None))
    assert submit(api, headers=key).status == 202


def test_a_job_whose_message_arrived_after_all_stays(api: Api, change: Callable[..., None], store: JobStore):
    def send(message: dict[str, Any]) -> None:
        job = store.get(message["MessageGroupId"])
        assert job
        store.launch(job, "receipt")
        unreachable()

    change(sqs=Sqs(send))
    answer = submit(api)
    assert (answer.status, answer.body["attempt"]) == (202, 1)


def test_without_the_table_the_caller_is_asked_to_wait(api: Api, change: Callable[..., None]):
    change(store=JobStore("no-such-table"))
    assert [
        submit(api).status,
        api("GET", "/jobs").status,
        api("GET", "/jobs/a").status,
        api("DELETE", "/jobs/a").status,
    ] == [503] * 4


def test_an_unexpected_error_is_logged_with_its_trace_and_not_told(
    api: Api, change: Callable[..., None], caplog: pytest.LogCaptureFixture
):
    change(store=None)
    answer = submit(api)
    assert answer.status == 500
    assert "NoneType" not in json.dumps(answer.body)
    assert caplog.records[-1].exc_info


# --- read, list, cancel --------------------------------------------------------------------------------------


def finished(store: JobStore, job_id: str) -> None:
    job = store.get(job_id)
    assert job
    store.launch(job, "receipt")
    running = store.claim(job_id, 1, task_arn="arn:task", capacity_provider="FARGATE")
    assert running
    store.succeed(running, bucket="results", key=f"summariser/{job_id}/result.json", engine="offline", **USED)


def test_a_succeeded_job_has_a_link_to_its_result(api: Api, store: JobStore):
    job_id = submit(api).body["job_id"]
    finished(store, job_id)
    job = api("GET", f"/jobs/{job_id}").body
    assert (job["status"], job["engine"]) == ("SUCCEEDED", "offline")
    assert {name: job[name] for name in USED} == USED
    link = urlsplit(job["result_url"])
    assert link.netloc == "results.s3.eu-central-1.amazonaws.com"
    assert link.path == f"/summariser/{job_id}/result.json"
    assert parse_qs(link.query)["X-Amz-Expires"] == ["3600"]
    assert not {"receipt", "task_arn", "request_hash", "expires_at", "dead_lettered"} & job.keys()


@pytest.mark.parametrize("job_id", ["unknown", "places#summariser", "a" * 65, "%00", "a b", "é"])
def test_what_is_no_job_is_not_found(api: Api, store: JobStore, job_id: str):
    job = store.get(submit(api).body["job_id"])
    assert job
    store.reserve(job, 5)
    assert [api("GET", f"/jobs/{job_id}").status, api("DELETE", f"/jobs/{job_id}").status] == [404, 404]


def test_lists_page_newest_first_without_inputs(api: Api):
    submitted = [api("POST", "/jobs", {"worker": "translator", "input": {"n": n}}).body["job_id"] for n in range(5)]
    listed: list[str] = []
    query = {"worker": "translator", "limit": "2"}
    while True:
        page = api("GET", "/jobs", query=query).body
        assert len(page["jobs"]) <= 2
        assert not any("input" in job for job in page["jobs"])
        listed += [job["job_id"] for job in page["jobs"]]
        if "cursor" not in page:
            break
        query["cursor"] = page["cursor"]
    mine = [job_id for job_id in listed if job_id in submitted]
    assert sorted(mine) == sorted(submitted)
    assert len(set(listed)) == len(listed)


def test_lists_can_be_narrowed_to_a_state(api: Api, store: JobStore):
    done, queued = submit(api).body["job_id"], submit(api).body["job_id"]
    finished(store, done)
    ids = [job["job_id"] for job in api("GET", "/jobs", query={"status": "SUCCEEDED", "limit": "100"}).body["jobs"]]
    assert done in ids
    assert queued not in ids


@pytest.mark.parametrize(
    ("query", "parameters"),
    [
        ({"limit": "0"}, ["limit"]),
        ({"limit": "101"}, ["limit"]),
        ({"limit": "ten"}, ["limit"]),
        ({"limit": "1" * 50}, ["limit"]),
        ({"limit": "٣"}, ["limit"]),
        ({"status": "DONE"}, ["status"]),
        ({"stauts": "FAILED", "limit": "-1"}, ["limit", "stauts"]),
        ({"cursor": "!!!"}, ["cursor"]),
        ({"cursor": "é"}, ["cursor"]),
        ({"cursor": "YWJj"}, ["cursor"]),
        ({"cursor": ""}, ["cursor"]),
        ({"cursor": base64.urlsafe_b64encode(b"\xff\xff").decode()}, ["cursor"]),
    ],
)
def test_a_wrong_query_is_malformed_and_every_parameter_is_named(api: Api, query: Any, parameters: list[str]):
    answer = api("GET", "/jobs", query=query)
    assert (answer.status, answer.parameters) == (400, parameters)


def test_a_list_of_an_unknown_worker_is_not_found(api: Api):
    answer = api("GET", "/jobs", query={"worker": "nobody"})
    assert (answer.status, answer.parameters) == (404, ["worker"])


class Ecs:
    def __init__(self, failure: Exception | None = None):
        self.stopped: list[str] = []
        self._failure = failure

    def stop_task(self, *, task: str, **_: str) -> None:
        self.stopped.append(task)
        if self._failure:
            raise self._failure


def test_a_queued_job_is_cancelled_and_no_task_is_stopped(api: Api, change: Callable[..., None]):
    ecs = Ecs()
    change(ecs=ecs)
    job_id = submit(api).body["job_id"]
    answer = api("DELETE", f"/jobs/{job_id}")
    assert (answer.status, answer.body["status"], ecs.stopped) == (200, "CANCELLED", [])
    again = api("DELETE", f"/jobs/{job_id}")
    assert again.status == 409
    assert "CANCELLED" in again.body["detail"]


@pytest.mark.parametrize("failure", [None, EndpointConnectionError(endpoint_url="https://ecs")])
def test_the_task_of_a_running_job_is_stopped(
    api: Api, change: Callable[..., None], store: JobStore, failure: Exception | None
):
    ecs = Ecs(failure)
    change(ecs=ecs)
    job_id = submit(api).body["job_id"]
    job = store.get(job_id)
    assert job
    store.launch(job, "receipt")
    store.claim(job_id, 1, task_arn="arn:task", capacity_provider="FARGATE")
    assert api("DELETE", f"/jobs/{job_id}").body["status"] == "CANCELLED"
    assert ecs.stopped == ["arn:task"]


def test_a_succeeded_job_cannot_be_cancelled(api: Api, store: JobStore):
    job_id = submit(api).body["job_id"]
    finished(store, job_id)
    assert api("DELETE", f"/jobs/{job_id}").status == 409
    assert api("GET", f"/jobs/{job_id}").body["status"] == "SUCCEEDED"


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_job_of_a_schedule_whose_id_can_be_guessed_is_unknown_to_callers(api: Api, store: JobStore, method: str):
    job_id = f"nightly-{method}-20261121T060000Z"
    store.create(Job(job_id=job_id, worker="nightly", input={}))
    refused = api(method, f"/jobs/{job_id}")
    assert (refused.status, refused.body["detail"]) == (404, f"There is no job {job_id}.")
    assert store.get(job_id).status == "QUEUED"


# --- uploads, workers, description -----------------------------------------------------------------------------


def test_an_upload_link_is_bound_to_caller_type_and_size(api: Api):
    wanted = {"filename": "../my cat.JPG", "content_type": "image/jpeg", "size": 5.0}
    upload = api("POST", "/uploads", wanted).body
    owner, unique, name = upload["key"].split("/")
    assert (owner, name) == ("key1", "my-cat.JPG")
    assert uuid.UUID(unique)
    assert upload["headers"] == {"Content-Type": "image/jpeg"}
    signed = parse_qs(urlsplit(upload["url"]).query)
    assert signed["X-Amz-SignedHeaders"] == ["content-length;content-type;host"]
    assert signed["X-Amz-Expires"] == [str(upload["expires_in"])]


@pytest.mark.parametrize("name", ["..", "/", "日本", "a/../..", ".hidden", "x" * 200 + ".pdf", "a\\b.txt", "\n"])
def test_any_file_name_becomes_a_plain_one(api: Api, name: str):
    key = api("POST", "/uploads", {"filename": name, "content_type": "text/plain; charset=utf-8"}).body["key"]
    plain = key.split("/", 2)[2]
    assert plain
    assert len(plain) <= 128
    assert plain.isascii()
    assert not set(plain) & set("/\\ \n")
    assert not plain.startswith(".")


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({}, ["/filename", "/content_type"]),
        ({"filename": "a", "content_type": "jpeg"}, ["/content_type"]),
        ({"filename": "a", "content_type": "a/b\r\nX: y"}, ["/content_type"]),
        ({"filename": "", "content_type": "a/b", "size": -1}, ["/filename", "/size"]),
        ({"filename": "a", "content_type": "a/b", "path": "c"}, ["/path"]),
    ],
)
def test_a_wrong_upload_request_is_malformed(api: Api, body: Any, pointers: list[str]):
    answer = api("POST", "/uploads", body)
    assert (answer.status, answer.pointers) == (400, pointers)


def test_the_workers_are_listed_with_their_schemas(api: Api):
    workers = api("GET", "/workers").body["workers"]
    assert [(worker["name"], worker["concurrency"]) for worker in workers] == [("summariser", 3), ("translator", 1)]
    assert workers[0]["input"]["required"] == ["text"]


def test_the_description_is_served(api: Api):
    assert api("GET", "/openapi.json").body == api.document


def test_paths_and_methods_that_do_not_exist_are_refused(api: Api):
    assert api("GET", "/job").status == 404
    answer = api("PUT", "/jobs", {})
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, POST")
