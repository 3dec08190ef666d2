"""The command as it is typed, against another endpoint."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from batchctl import __main__ as command
from batchctl import letters, redrive
from batchctl.letters import Letter
from batchctl.proof import result_is_there

NAME = "serverless-batch-dev-image-processor"
BUCKET, TABLE = "serverless-batch-dev-results-123456789012", "serverless-batch-dev-idempotency"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


class Cloud:
    def __init__(self):
        self.sqs, self.s3 = boto3.client("sqs"), boto3.client("s3")
        self.dynamodb: Any = boto3.resource("dynamodb")
        self.dlq = self.sqs.create_queue(QueueName=f"{NAME}-dlq")["QueueUrl"]
        arn = self.sqs.get_queue_attributes(QueueUrl=self.dlq, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 10})
        self.url = self.sqs.create_queue(QueueName=NAME, Attributes={"RedrivePolicy": policy})["QueueUrl"]
        self.s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        self.table = self.dynamodb.create_table(
            TableName=TABLE,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        )

    def bury(self, *names: str) -> None:
        for name in names:
            self.sqs.send_message(QueueUrl=self.dlq, MessageBody=json.dumps({"id": name}))

    def work(self) -> None:
        while messages := self.sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                name = json.loads(message["Body"])["id"]
                self.s3.put_object(Bucket=BUCKET, Key=f"image_processor/{name}/result.json", Body=b"{}")

    def records(self) -> list[dict[str, Any]]:
        return self.table.scan()["Items"]


@pytest.fixture
def cloud(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    from moto.moto_api._internal.models import moto_api_backend

    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setattr(letters, "WAIT_SECONDS", 0)
    found = Cloud()
    monkeypatch.setattr(redrive.time, "sleep", lambda _: found.work())
    yield found
    moto_api_backend.reset()


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["batchctl", "redrive", *arguments])
    return command.main()


def test_the_command_redrives_and_leaves_a_record(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    cloud.bury("a", "b", "c")
    assert run(monkeypatch, "image_processor", "--stack", "dev", "--rate", "0.5") == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["outcome"] == {
        "moved": 3, "failed": 0, "left": 0, "canary": printed["outcome"]["canary"], "native": False, "stopped": ""
    }  # fmt: skip
    [record] = cloud.records()
    assert record["id"].startswith(f"redrive#{NAME}#")
    assert record["by"].startswith("arn:aws:")
    assert record["wish"]["rate"] == Decimal("0.5")
    assert record["outcome"]["moved"] == 3
    assert record["expiration"] > 1_790_000_000


def test_a_canary_that_is_not_heard_of_is_told_and_recorded(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    cloud.bury("a", "b")
    monkeypatch.setattr(cloud, "work", lambda: None)
    assert run(monkeypatch, "image_processor", "--canary-seconds", "0.05") == 1
    assert "stopped: the first was not processed" in capsys.readouterr().err
    [record] = cloud.records()
    assert record["outcome"]["left"] == 1


def test_an_error_is_told_in_a_line_and_recorded(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    cloud.bury("a")
    cloud.s3.delete_bucket(Bucket=BUCKET)
    assert run(monkeypatch, "image_processor") == 1
    assert "NoSuchBucket" in capsys.readouterr().err
    [record] = cloud.records()
    assert "NoSuchBucket" in record["error"]


def test_a_worker_that_is_not_there_is_told(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    assert run(monkeypatch, "image_procesor") == 1
    assert "there is no queue serverless-batch-dev-image-procesor, nor" in capsys.readouterr().err
    assert cloud.records() == []


def test_the_region_is_that_of_the_stacks_file(cloud: Cloud, monkeypatch: pytest.MonkeyPatch):
    cloud.bury("a")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")
    assert run(monkeypatch, "image_processor") == 0


def test_a_stack_that_is_not_there_is_told_with_the_nearest(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    assert run(monkeypatch, "image_processor", "--stack", "prd") == 1
    assert "there is no stack 'prd'; nearest: 'prod'" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["w", "--limit", "0"],
        ["w", "--limit", "two"],
        ["w", "--rate", "-1"],
        ["w", "--rate", "inf"],
        ["w", "--no-canary", "--canary-seconds", "5"],
    ],
)
def test_wrong_arguments_are_refused(monkeypatch: pytest.MonkeyPatch, arguments: list[str]):
    with pytest.raises(SystemExit) as end:
        run(monkeypatch, *arguments)
    assert end.value.code == 2


@pytest.mark.parametrize(
    ("key", "body", "there"),
    [
        ("w/a/result.json", {"id": "a"}, True),
        ("w/ab/result.json", {"id": "a"}, False),
        ("w/a/other.json", {"id": "a"}, False),
        ("v/a/result.json", {"id": "a"}, False),
        ("w/j-r2/result.json", {"job_id": "j"}, True),
        ("w/j-r2/result.json", {"job_id": "j-r1"}, True),
        ("w/j/result.json", {"job_id": "j-r1"}, True),
        ("w//result.json", {}, False),
    ],
)
def test_work_is_done_when_its_result_is_there(cloud: Cloud, key: str, body: dict[str, str], there: bool):
    cloud.s3.put_object(Bucket=BUCKET, Key=key, Body=b"{}")
    letter = Letter(message_id="m", receipt="r", body=json.dumps(body), attributes={}, group=None)
    assert result_is_there(cloud.s3, BUCKET, "w", letter) is there
