"""What the tests of the redrive share: two queues, a worker on one of them, a clock that only sleeping moves."""

from __future__ import annotations

import json
import uuid
from typing import Any

import boto3

from batchctl.letters import DeadLetters, Letter
from batchctl.redrive import Outcome, Wish, redrive

REGION = "eu-central-1"


class Clock:
    def __init__(self):
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Queues:
    """broken: ids that the worker fails at. slow: ids that it never comes to. done: ids that it has processed, in
    order. works: whether it runs at all."""

    def __init__(self, clock: Clock, *, fifo: bool):
        self.sqs, self.clock = boto3.client("sqs"), clock
        self.suffix = ".fifo" if fifo else ""
        kind = {"FifoQueue": "true"} if fifo else {}
        self.dlq = self.sqs.create_queue(QueueName=f"work-dlq{self.suffix}", Attributes=kind)["QueueUrl"]
        arn = self.sqs.get_queue_attributes(QueueUrl=self.dlq, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 10})
        attributes = {**kind, "RedrivePolicy": policy}
        self.url = self.sqs.create_queue(QueueName=self.name, Attributes=attributes)["QueueUrl"]
        self.broken: set[str] = set()
        self.done: list[str] = []
        self.received: list[dict[str, Any]] = []

    @property
    def name(self) -> str:
        return f"work{self.suffix}"

    def delete(self) -> None:
        for url in (self.url, self.dlq):
            self.sqs.delete_queue(QueueUrl=url)

    def body(self, name: str, folder: str = "uploads") -> str:
        source = {"bucket": "uploads", "key": f"{folder}/{name}.jpg", "etag": name, "size": 5}
        return json.dumps({"id": name, "input": source, "at": "2026-03-01T06:00:00Z"})

    def bury(
        self, *names: str, reason: str = "not an image", folder: str = "uploads", group: str | None = None
    ) -> None:
        """As the runtime does with poison messages. group: by default each has its own."""
        for name in names:
            body = self.body(name, folder)
            self.send(self.dlq, body, group or name, reason=reason, failures="3", tenant="acme")

    def send(self, url: str, body: str, group: str = "group", **attributes: str) -> None:
        more = {"MessageGroupId": group}
        if self.suffix:
            more["MessageDeduplicationId"] = str(uuid.uuid4())
        self.sqs.send_message(
            QueueUrl=url,
            MessageBody=body,
            MessageAttributes={
                name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
            },
            **more,
        )

    def work(self) -> None:
        """What a worker does with everything that is in the queue."""
        while messages := self.sqs.receive_message(
            QueueUrl=self.url, MaxNumberOfMessages=10, AttributeNames=["All"], MessageAttributeNames=["All"]
        ).get("Messages"):
            for message in messages:
                self.received.append(message)
                name = json.loads(message["Body"]).get("id", "") if message["Body"].startswith("{") else ""
                if name in self.broken:
                    group = message["Attributes"]["MessageGroupId"]
                    self.bury(name, reason="still not an image", group=group)
                else:
                    self.done.append(name)
                self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])

    def is_done(self, letter: Letter) -> bool:
        self.work()
        return letter.work_id in self.done

    def redrive(self, **wish: Any) -> Outcome:
        outcome = redrive(DeadLetters(self.sqs, self.name), Wish(**wish), self.is_done)
        self.work()
        return outcome

    def buried(self) -> list[str]:
        """Bodies' ids of the dead letters that anybody could receive now."""
        found: list[str] = []
        while messages := self.sqs.receive_message(QueueUrl=self.dlq, MaxNumberOfMessages=10).get("Messages"):
            found += [json.loads(message["Body"])["id"] for message in messages]
        return sorted(found)
