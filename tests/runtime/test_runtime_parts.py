"""The runtime's parts by themselves: settings, heartbeat, objects, metadata, what is said about errors."""

from __future__ import annotations

import datetime as dt
import io
import json
from threading import Event
from typing import Any

import pytest
from aws_lambda_powertools import Logger
from botocore.exceptions import ClientError, EndpointConnectionError
from task_cloud import ACCOUNT_TASKS, ENVIRONMENT, Cloud, Stub

from workers.runtime import BadInput, telemetry
from workers.runtime.attempt import backoff_seconds
from workers.runtime.execution import MAX_REASON, readable
from workers.runtime.message import VISIBILITY_SECONDS, Heartbeat, Message, ReceiptGone
from workers.runtime.objects import Objects
from workers.runtime.settings import SettingsError, load, load_api
from workers.runtime.task import Task, this_task

LOG = Logger(service="test", stream=io.StringIO())


def error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": ""}}, "AnyCall")


class Queue:
    """Stands for SQS; answers each visibility change with the next of `answers`, and sets `done` after the last."""

    def __init__(self, *answers: Exception | None):
        self.asked: list[int] = []
        self.done = Event()
        self._answers = list(answers)

    def change_message_visibility(self, *, VisibilityTimeout: int, **_: Any) -> None:
        self.asked.append(VisibilityTimeout)
        answer = self._answers.pop(0) if self._answers else None
        if not self._answers:
            self.done.set()
        if answer:
            raise answer


def test_a_heartbeat_goes_on_after_errors_that_pass() -> None:
    queue = Queue(None, error("RequestThrottled"), EndpointConnectionError(endpoint_url="sqs"), None)
    lost = Event()
    with Heartbeat(Message(queue, "q", "r", "j"), LOG, lost.set, interval=0.001) as heartbeat:
        assert queue.done.wait(5)
        heartbeat.stop()
        asked = len(queue.asked)
    assert set(queue.asked) == {VISIBILITY_SECONDS}
    assert len(queue.asked) == asked
    assert not lost.is_set()


@pytest.mark.parametrize(
    "code", ["ReceiptHandleIsInvalid", "InvalidParameterValue", "AWS.SimpleQueueService.MessageNotInflight"]
)
def test_a_heartbeat_tells_when_the_receipt_is_gone(code: str) -> None:
    queue = Queue(None, error(code))
    lost = Event()
    with Heartbeat(Message(queue, "q", "r", "j"), LOG, lost.set, interval=0.001):
        assert lost.wait(5)
    assert len(queue.asked) == 2
    with pytest.raises(ReceiptGone):
        Message(Queue(error(code)), "q", "r", "j").hide(1)


def test_waits_double_from_the_manifests_backoff_to_fifteen_minutes() -> None:
    assert [backoff_seconds(10, failures) for failures in (0, 1, 2, 6, 7, 5000)] == [10, 20, 40, 640, 900, 900]
    assert backoff_seconds(0, 3) == 0


def objects(cloud: Cloud) -> Objects:
    return Objects(uploads=cloud.uploads, results=cloud.results, prefix="probe/1", client=cloud.s3)


def test_what_the_caller_named_wrongly_is_bad_input(cloud: Cloud) -> None:
    cloud.s3.put_object(Bucket=cloud.uploads, Key="page", Body=b"12345")
    assert objects(cloud).read(None, "page", max_bytes=5) == b"12345"
    assert objects(cloud).read(cloud.uploads, "page") == b"12345"
    for bucket, key, reason in [
        (None, "page", "5 bytes; at most 4"),
        (None, "none", "does not exist"),
        (None, "", "not the address"),
        ("no-such-bucket", "page", "does not exist"),
        ("no bucket", "page", "not the address"),
    ]:
        with pytest.raises(BadInput, match=reason):
            objects(cloud).read(bucket, key, max_bytes=4)


def test_a_missing_uploads_bucket_is_not_the_callers_fault(cloud: Cloud) -> None:
    cloud.s3.delete_bucket(Bucket=cloud.uploads)
    with pytest.raises(ClientError, match="NoSuchBucket"):
        objects(cloud).read(None, "page")


def test_a_job_writes_below_its_own_prefix_only(cloud: Cloud) -> None:
    where = objects(cloud).write("sizes/small.jpg", b"1", "image/jpeg")
    assert where == {"bucket": cloud.results, "key": "probe/1/sizes/small.jpg"}
    for name in ("../2/a", "a/../../b", "/a", "a//b", "a/", "./a", ".", "..", "", "result.json"):
        with pytest.raises(ValueError, match="not a name"):
            objects(cloud).write(name, b"", "text/plain")
    assert list(cloud.written()) == ["probe/1/sizes/small.jpg"]


def test_billing_begins_when_the_image_is_pulled() -> None:
    agent: dict[str, Any] = {"TaskARN": f"{ACCOUNT_TASKS}/1"}
    answers = [(500, b""), (200, json.dumps(agent).encode())]
    with Stub(lambda *_: answers.pop(0)) as stub:
        assert this_task(f"{stub.url}/v4") == Task(f"{ACCOUNT_TASKS}/1", None)
    agent["PullStartedAt"] = "2020-10-08T20:09:11.445271863Z"
    with Stub(lambda *_: (200, json.dumps(agent).encode())) as stub:
        started_at = this_task(f"{stub.url}/v4").started_at
    assert started_at == dt.datetime(2020, 10, 8, 20, 9, 11, 445271, dt.UTC)


def test_reasons_are_fit_for_a_message_attribute() -> None:
    assert readable("page\n\tä €\0\ud800") == "page\n\tä €\ufffd\ufffd"
    assert len(readable("x" * 5000)) == MAX_REASON


def test_a_stack_names_types_and_places_but_quotes_nothing() -> None:
    with pytest.raises(RuntimeError) as raised:
        try:
            int("secret")
        except ValueError as cause:
            raise RuntimeError("secret") from cause
    lines = telemetry.stack(raised.value)
    assert lines[0] == "RuntimeError"
    assert lines[2:4] == ["caused by", "ValueError"]
    assert __file__ in lines[1]
    assert "secret" not in json.dumps(lines)


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("WORKER", "image-sizes", "is 'image-sizes', not the name of a Python module"),
        ("JOBS", "a:1,b", "is 'a:1,b', not a list like id:attempt,id:attempt"),
        ("JOBS", "a:1,", "is 'a:1,', not a list like id:attempt,id:attempt"),
        ("TIMEOUT_SECONDS", "0", "is '0', not above 0"),
        ("VCPU", "nan", "is 'nan', not a number"),
        ("BACKOFF_SECONDS", "-1", "is '-1', below 0"),
        ("MAX_ATTEMPTS", "1.5", "is '1.5', not a whole number from 1 up"),
        ("MAX_ATTEMPTS", "0", "is '0', not a whole number from 1 up"),
        ("ARCHITECTURE", "arm", "is 'arm', not one of x86_64, arm64"),
        ("CAPACITY_PROVIDER", "SPOT", "is 'SPOT', not one of FARGATE, FARGATE_SPOT"),
        ("AWS_REGION", "", "is not set"),
    ],
)
def test_a_wrong_variable_is_named_with_its_value(name: str, value: str, problem: str) -> None:
    with pytest.raises(SettingsError) as raised:
        load_api(ENVIRONMENT | {name: value})
    assert str(raised.value) == f"environment: {name} {problem}"


def test_settings_say_what_the_environment_says() -> None:
    environment = ENVIRONMENT | {"ENGINE": '{"kind": "offline"}'}
    common, api = load_api(environment)
    assert common == load(environment)
    assert (common.worker, common.timeout_seconds, common.engine) == ("probe", 20, '{"kind": "offline"}')
    assert api.jobs == (("a-r2", 3), ("b", 1))
