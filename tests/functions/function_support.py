"""What the tests of the functions share: a catalogue, a Lambda context, a queue."""

from __future__ import annotations

import importlib
import json
import shutil
import sys
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

PROJECT = Path(__file__).parents[2]
REGION, TABLE = "eu-central-1", "jobs"
QUEUE_URL = f"https://sqs.{REGION}.amazonaws.com/123456789012/summariser.fifo"
DLQ_URL = f"https://sqs.{REGION}.amazonaws.com/123456789012/summariser-dlq.fifo"
CATALOGUE = {
    "summariser": {
        "description": "Text → summary.",
        "input": {
            "type": "object",
            "required": ["text"],
            "additionalProperties": False,
            "properties": {
                "text": {"type": "string", "minLength": 1},
                "sentences": {"type": "integer", "minimum": 1, "maximum": 10},
                "source": {
                    "type": "object",
                    "required": ["key"],
                    "additionalProperties": False,
                    "properties": {"key": {"type": "string"}, "pages": {"type": "array", "items": {"type": "integer"}}},
                },
            },
        },
        "queue_url": QUEUE_URL,
        "dlq_url": DLQ_URL,
        "family": "summariser",
        "container": "worker",
        "cap": 3,
        "spot_share": 100,
        "max_attempts": 3,
        "timeout_seconds": 300,
    },
    "translator": {
        "description": "Text → text.",
        "input": {"type": "object"},
        "queue_url": QUEUE_URL.replace("summariser", "translator"),
        "dlq_url": DLQ_URL.replace("summariser", "translator"),
        "family": "translator",
        "container": "worker",
        "cap": 1,
        "spot_share": 0,
        "max_attempts": 1,
        "timeout_seconds": 60,
    },
}
CONTEXT = SimpleNamespace(
    function_name="functions-under-test",
    function_version="1",
    invoked_function_arn="arn:aws:lambda:eu-central-1:123456789012:function:under-test",
    memory_limit_in_mb=256,
    aws_request_id="7f6d6f0e-0000-4000-8000-000000000000",
    get_remaining_time_in_millis=lambda: 30_000,
)


def create_jobs_table(name: str = TABLE) -> None:
    boto3.client("dynamodb").create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "job_id", "KeyType": "HASH"}],
        AttributeDefinitions=[
            {"AttributeName": name, "AttributeType": "S"} for name in ("job_id", "listing", "sort_key")
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "listing",
                "KeySchema": [
                    {"AttributeName": "listing", "KeyType": "HASH"},
                    {"AttributeName": "sort_key", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    )


def load_function(function: str, folder: Path, files: Mapping[str, Any], **environment: str) -> ModuleType:
    """A fresh `handler` module from `folder`, filled with what the function's archive would hold.

    files: generated ones, name → content, which becomes JSON.
    """
    for file in (PROJECT / "functions" / function).glob("*.py"):
        shutil.copy(file, folder)
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content), encoding="utf-8")
    own = {file.stem for file in folder.glob("*.py")}
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        for name, value in environment.items():
            patch.setenv(name, value)
        for name in own & sys.modules.keys():  # other functions have modules of the same names
            patch.delitem(sys.modules, name)
        module = importlib.import_module("handler")
        for name in own & sys.modules.keys():
            del sys.modules[name]
    return module


def table(name: str) -> Any:
    dynamodb: Any = boto3.resource("dynamodb")
    return dynamodb.Table(name)


class Queue:
    """A queue with an event source mapping that is worked by hand."""

    def __init__(self, url: str, sqs: Any):
        self.url, self._sqs = url, sqs
        self._received: list[str] = []

    def send(self, job_id: str) -> None:
        self._sqs.send_message(
            QueueUrl=self.url,
            MessageBody=json.dumps({"job_id": job_id}),
            MessageGroupId=job_id,
            MessageDeduplicationId=str(uuid.uuid4()),
        )

    def receive(self, *, hidden_seconds: int = 600) -> list[dict[str, Any]]:
        answer = self._sqs.receive_message(
            QueueUrl=self.url,
            MaxNumberOfMessages=10,
            AttributeNames=["All"],
            MessageAttributeNames=["All"],
            VisibilityTimeout=hidden_seconds,
        )
        messages = answer.get("Messages", [])
        self._received += [message["ReceiptHandle"] for message in messages]
        return messages

    def event(self, messages: list[dict[str, Any]], *, receives: int | None = None) -> dict[str, Any]:
        """The Lambda event of these messages."""
        return {"Records": [self._record(message, receives) for message in messages]}

    def _record(self, message: dict[str, Any], receives: int | None) -> dict[str, Any]:
        count = receives or int(message["Attributes"]["ApproximateReceiveCount"])
        return {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": {**message["Attributes"], "ApproximateReceiveCount": str(count)},
            "eventSourceARN": f"arn:aws:sqs:{REGION}:123456789012:{self.url.rpartition('/')[2]}",
        }

    def deliver(self, handler: Callable[..., Any], *, receives: int | None = None) -> list[str]:
        """Receive a batch, call the handler, delete what it took: the bodies' jobs that stay in the queue."""
        messages = self.receive()
        if not messages:
            return []
        answer = handler(self.event(messages, receives=receives), CONTEXT)
        kept = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
        for message in messages:
            if message["MessageId"] not in kept:
                self._sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
        return [json.loads(message["Body"])["job_id"] for message in messages if message["MessageId"] in kept]

    def show(self, receipt: str) -> None:
        """Let a hidden message be received again, as when its time has run out."""
        self._sqs.change_message_visibility(QueueUrl=self.url, ReceiptHandle=receipt, VisibilityTimeout=0)

    def show_all(self) -> None:
        """Let every message be received again that has been received and not deleted."""
        for receipt in self._received:
            with suppress(ClientError):
                self.show(receipt)
