"""Real tasks (processes) on real queues, tables and buckets (moto). The worker that they run is `queue_probe.py`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import Any

import boto3

HERE = Path(__file__).parent
ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_REGION": "eu-central-1",
    "MODE": "queue",
    "WORKER": "probe",
    "WORK": "cpu",
    "CONCURRENCY": "1",
    "EFFECT": "once",
    "FIFO": "0",
    "QUEUE_URL": "queue",
    "DLQ_URL": "dead-letter queue",
    "IDEMPOTENCY_TABLE": "idempotency",
    "RESULTS_BUCKET": "results",
    "UPLOADS_BUCKET": "uploads",
    "TIMEOUT_SECONDS": "20",
    "VISIBILITY_SECONDS": "30",
    "MAX_ATTEMPTS": "2",
    "BACKOFF_SECONDS": "0",
    "MEMORY_GB": "1",
    "STOP_TIMEOUT_SECONDS": "20",
    "POWERTOOLS_SERVICE_NAME": "probe",
    "POWERTOOLS_METRICS_NAMESPACE": "serverless-batch",
}


@dataclass
class Task:
    """A running task. lines: what it has written so far, one JSON object a line."""

    process: subprocess.Popen[str]
    lines: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.append(json.loads(line))

    def begun(self, count: int = 1) -> Task:
        """Waits until handle() has been called so many times."""
        return self.said("begun", count)

    def said(self, message: str, count: int = 1) -> Task:
        """Waits until so many lines of the log begin like that."""
        wait_for(lambda: sum(said.startswith(message) for said in self.messages()) >= count, self.lines)
        return self

    def stop(self) -> int:
        """SIGTERM; waits for the end and returns the exit code."""
        self.process.terminate()
        return self.ended()

    def ended(self) -> int:
        """Waits for the end and returns the exit code."""
        code = self.process.wait()
        self._reader.join()
        return code

    def metrics(self) -> dict[str, float]:
        """Sums of what the task has emitted."""
        emitted = [line for line in self.lines if "_aws" in line]
        names = {m["Name"] for line in emitted for c in line["_aws"]["CloudWatchMetrics"] for m in c["Metrics"]}
        return {name: sum(sum(line.get(name, [])) for line in emitted) for name in names}

    def messages(self) -> list[str]:
        return [line["message"] for line in list(self.lines) if "message" in line]


class QueueCloud:
    """A worker's queue, dead-letter queue, tables and buckets."""

    def __init__(self, endpoint: str, app: Path, *, fifo: bool = False, max_receives: int = 10):
        self._app = app
        self.fifo = fifo
        session = boto3.Session("test", "test", region_name="eu-central-1")
        self.sqs: Any = session.client("sqs", endpoint_url=endpoint)
        self.s3: Any = session.client("s3", endpoint_url=endpoint)
        self.dynamodb: Any = session.client("dynamodb", endpoint_url=endpoint)
        self.name = uuid.uuid4().hex[:12]
        for table in (self.name, f"{self.name}-effects"):
            self.dynamodb.create_table(
                TableName=table,
                KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
                BillingMode="PAY_PER_REQUEST",
            )
        self.dlq = self._create_queue("-dlq")
        arn = self.sqs.get_queue_attributes(QueueUrl=self.dlq, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        policy = {"deadLetterTargetArn": arn, "maxReceiveCount": max_receives}
        self.queue = self._create_queue("", RedrivePolicy=json.dumps(policy))
        self.uploads, self.results = f"uploads-{self.name}", f"results-{self.name}"
        for bucket in (self.uploads, self.results):
            self.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        self.scratch = app / "tmp" / self.name
        self.scratch.mkdir()
        self.environment = ENVIRONMENT | {
            "AWS_ENDPOINT_URL": endpoint,
            "FIFO": str(int(fifo)),
            "QUEUE_URL": self.queue,
            "DLQ_URL": self.dlq,
            "IDEMPOTENCY_TABLE": self.name,
            "EFFECTS_TABLE": f"{self.name}-effects",
            "RESULTS_BUCKET": self.results,
            "UPLOADS_BUCKET": self.uploads,
            "TMPDIR": str(self.scratch),
        }

    def _create_queue(self, suffix: str, **attributes: str) -> str:
        kind = {"FifoQueue": "true"} if self.fifo else {}
        name = f"{self.name}{suffix}{'.fifo' if self.fifo else ''}"
        return self.sqs.create_queue(QueueName=name, Attributes=kind | attributes)["QueueUrl"]

    def send(self, id: str, do: str, *, group: str = "", **input: Any) -> None:
        self.send_body(_body(id, do, input), group=group)

    def send_batch(self, ids: Sequence[str], do: str, **input: Any) -> None:
        """At most 10, to a standard queue."""
        entries = [{"Id": str(number), "MessageBody": _body(id, do, input)} for number, id in enumerate(ids)]
        self.sqs.send_message_batch(QueueUrl=self.queue, Entries=entries)

    def send_body(self, body: str, *, group: str = "") -> None:
        place = {"MessageGroupId": group, "MessageDeduplicationId": uuid.uuid4().hex} if self.fifo else {}
        attributes = {"origin": {"DataType": "String", "StringValue": "test"}}
        self.sqs.send_message(QueueUrl=self.queue, MessageBody=body, MessageAttributes=attributes, **place)

    def receive(self, queue: str, visibility: int = 300) -> list[dict[str, Any]]:
        """All that is visible."""
        found: list[dict[str, Any]] = []
        while messages := self.sqs.receive_message(
            QueueUrl=queue,
            MaxNumberOfMessages=10,
            VisibilityTimeout=visibility,
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
        ).get("Messages"):
            found += messages
        return found

    def dead(self) -> dict[str, tuple[str, int]]:
        """Reasons and failures of the messages in the dead-letter queue, by id, or by body if that has none."""
        return {
            _id(message["Body"]): (
                message["MessageAttributes"]["reason"]["StringValue"],
                int(message["MessageAttributes"]["failures"]["StringValue"]),
            )
            for message in self.receive(self.dlq)
        }

    def counts(self, queue: str) -> tuple[int, int]:
        """How many are visible, and how many are in flight."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
        return int(found[names[0]]), int(found[names[1]])

    def drained(self, seconds: float = 25) -> None:
        """Waits until no message is left in the queue."""
        wait_for(lambda: self.counts(self.queue) == (0, 0), lambda: self.counts(self.queue), seconds)

    def written(self) -> dict[str, bytes]:
        """Every object in the results bucket."""
        keys = [o["Key"] for o in self.s3.list_objects_v2(Bucket=self.results).get("Contents", [])]
        return {key: self.s3.get_object(Bucket=self.results, Key=key)["Body"].read() for key in keys}

    def effects(self) -> dict[str, int]:
        """By message id, what `count` has counted."""
        return self._numbers("effects")

    def runs(self) -> dict[str, int]:
        """By message id, how often `count` has run."""
        return self._numbers("runs")

    def _numbers(self, name: str) -> dict[str, int]:
        pages = self.dynamodb.get_paginator("scan").paginate(TableName=f"{self.name}-effects")
        items = [item for page in pages for item in page["Items"]]
        return {item["id"]["S"].partition("#")[2]: int(item[name]["N"]) for item in items if name in item}

    def records(self) -> dict[str, dict[str, Any]]:
        return {item["id"]["S"]: item for item in self.dynamodb.scan(TableName=self.name)["Items"]}

    def start(self, **environment: str) -> Task:
        process = subprocess.Popen(
            [sys.executable, str(HERE / "queue_task.py")],
            cwd=self._app,
            env=self.environment | environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        return Task(process)


def wait_for(condition: Callable[[], bool], context: Any = "", seconds: float = 25) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, context() if callable(context) else context
        time.sleep(0.02)


def _body(id: str, do: str, input: dict[str, Any]) -> str:
    return json.dumps({"id": id, "input": {"do": do} | input, "at": "2024-05-01T12:00:00Z"})


def _id(body: str) -> str:
    try:
        return json.loads(body)["id"]
    except (ValueError, TypeError, KeyError):
        return body
