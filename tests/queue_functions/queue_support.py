"""What the tests of the queue functions share: a catalogue, AWS as they see it, a Lambda context."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote_plus

import boto3
from moto.moto_api._internal.models import moto_api_backend

from scaling.catalogue import QueueWorker, read_workers
from scaling.memory import Memory

REGION, ACCOUNT = "eu-central-1", "123456789012"
BUCKET, TABLE, CLUSTER = "uploads", "idempotency", "tasks"


def entry(name: str, prefix: str, *suffixes: str, **more: Any) -> dict[str, Any]:
    queue = name + (".fifo" if more.get("fifo") else "")
    return {
        "queue_url": f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{queue}",
        "queue_name": queue,
        "cluster": CLUSTER,
        "service": name,
        "prefix": prefix,
        "suffixes": list(suffixes),
        "target": 5,
        "min": 0,
        "max": 10,
        "cooldown_in": 300,
        **more,
    }


CATALOGUE = {
    "resize": entry("resize", "uploads/", ".jpg", ".png"),
    "ledger": entry("ledger", "ledger/", fifo=True),
    "tenants": entry("tenants", "shared/", tenant=1),
}


class Account:
    """An AWS account."""

    def __init__(self, catalogue: Path):
        self.sqs, self.ecs, self.s3 = boto3.client("sqs"), boto3.client("ecs"), boto3.client("s3")
        self.dynamodb: Any = boto3.resource("dynamodb")
        self.workers: dict[str, QueueWorker] = {worker.name: worker for worker in read_workers(catalogue)}
        self.memory = Memory(self.dynamodb.meta.client, TABLE)

    def begin(self) -> None:
        """With the queues, services and tables of the catalogue, and nothing else."""
        moto_api_backend.reset()
        self.ecs.create_cluster(clusterName=CLUSTER)
        self.ecs.register_task_definition(
            family="worker", containerDefinitions=[{"name": "worker", "image": "worker", "cpu": 256, "memory": 512}]
        )
        self.dynamodb.create_table(
            TableName=TABLE,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        )
        self.s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        for worker in self.workers.values():
            attributes = {"FifoQueue": "true"} if worker.fifo else {}
            self.sqs.create_queue(QueueName=worker.queue_name, Attributes=attributes)
            self.ecs.create_service(
                cluster=CLUSTER, serviceName=worker.service, taskDefinition="worker", desiredCount=0
            )

    def desired(self, name: str) -> int:
        return self.service(name)["desiredCount"]

    def service(self, name: str) -> Any:
        return self.ecs.describe_services(cluster=CLUSTER, services=[name])["services"][0]

    def set_desired(self, name: str, count: int) -> None:
        self.ecs.update_service(cluster=CLUSTER, service=name, desiredCount=count)

    def fill(self, name: str, messages: int, **more: Any) -> None:
        for _ in range(messages):
            self.sqs.send_message(QueueUrl=self.workers[name].queue_url, MessageBody="{}", **more)

    def messages(self, name: str) -> list[dict[str, Any]]:
        """Every message of a worker's queue, each with its body read; they stay hidden."""
        found: list[dict[str, Any]] = []
        while batch := self.sqs.receive_message(
            QueueUrl=self.workers[name].queue_url, MaxNumberOfMessages=10, AttributeNames=["All"]
        ).get("Messages"):
            found += [{**message, "body": json.loads(message["Body"])} for message in batch]
        return found

    def empty(self, name: str) -> None:
        url = self.workers[name].queue_url
        for message in self.messages(name):
            self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])

    def remembered(self, name: str) -> dict[str, Any]:
        item = self.dynamodb.Table(TABLE).get_item(Key={"id": f"scaling#{name}"}).get("Item", {})
        return {key: value for key, value in item.items() if key != "id"}


def context(seconds: float = 30) -> Any:
    return SimpleNamespace(
        function_name="functions-under-test",
        function_version="1",
        invoked_function_arn=f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:under-test",
        memory_limit_in_mb=256,
        aws_request_id="7f6d6f0e-0000-4000-8000-000000000000",
        get_remaining_time_in_millis=lambda: int(seconds * 1000),
    )


def by_eventbridge(key: str, **thing: Any) -> dict[str, Any]:
    return {
        "version": "0",
        "id": "17793124-05d4-b198-2fde-7ededc63b103",
        "detail-type": "Object Created",
        "source": "aws.s3",
        "account": ACCOUNT,
        "time": "2026-03-01T06:00:00Z",
        "region": REGION,
        "resources": [f"arn:aws:s3:::{BUCKET}"],
        "detail": {
            "version": "0",
            "bucket": {"name": BUCKET},
            "object": {"key": key, "size": 5, "etag": "b1946ac92492d2347c6235b4d2611184", "sequencer": "0055", **thing},
            "reason": "PutObject",
        },
    }


def by_notification(*keys: str, **thing: Any) -> dict[str, Any]:
    return {
        "Records": [
            {
                "eventVersion": "2.1",
                "eventSource": "aws:s3",
                "awsRegion": REGION,
                "eventTime": "2026-03-01T06:00:00.000Z",
                "eventName": "ObjectCreated:Put",
                "s3": {
                    "s3SchemaVersion": "1.0",
                    "bucket": {"name": BUCKET, "arn": f"arn:aws:s3:::{BUCKET}"},
                    "object": {
                        "key": quote_plus(key, safe="/"),
                        "size": 5,
                        "eTag": "b1946ac92492d2347c6235b4d2611184",
                        "sequencer": "0055",
                        **thing,
                    },
                },
            }
            for key in keys
        ]
    }


def at(seconds: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(seconds, dt.UTC)
