"""What reads queues and streams and invokes functions: event source mappings and pipes."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import ClientError

from sandbox.compute.functions import FunctionError, Functions

if TYPE_CHECKING:
    from sandbox.cloud import Cloud

LONG_POLL_SECONDS = 1  # short, so that closing need not wait
STREAM_POLL_SECONDS = 0.2


class Sources:
    """One thread a source, from its declaration to the end."""

    def __init__(self, cloud: Cloud, functions: Functions):
        self._cloud, self._functions = cloud, functions
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []

    def map_queue(self, inputs: dict[str, Any]) -> None:
        """An event source mapping from a queue to a function."""
        self._start(lambda: self._poll_queue(inputs))

    def pipe_stream(self, inputs: dict[str, Any]) -> None:
        """A pipe from a table's stream to a queue."""
        self._start(lambda: self._poll_stream(inputs))

    def close(self) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def _start(self, run: Callable[[], None]) -> None:
        thread = threading.Thread(target=run, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _poll_queue(self, inputs: dict[str, Any]) -> None:
        sqs, arn = self._cloud.client("sqs"), inputs["eventSourceArn"]
        url = sqs.get_queue_url(QueueName=arn.rsplit(":", 1)[-1])["QueueUrl"]
        partial = "ReportBatchItemFailures" in inputs.get("functionResponseTypes", [])
        while not self._stopping.is_set():
            messages = sqs.receive_message(
                QueueUrl=url, MaxNumberOfMessages=min(int(inputs.get("batchSize", 10)), 10),
                WaitTimeSeconds=LONG_POLL_SECONDS, AttributeNames=["All"], MessageAttributeNames=["All"],
            ).get("Messages", [])  # fmt: skip
            if messages:
                failed = self._deliver(inputs["functionName"], arn, messages, partial)
                for message in messages:
                    if message["MessageId"] not in failed:
                        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])

    def _deliver(self, function: str, arn: str, messages: list[dict[str, Any]], partial: bool) -> set[str]:
        """Ids of the messages that stay in the queue."""
        everything = {message["MessageId"] for message in messages}
        records = [_record(message, arn, self._cloud.region) for message in messages]
        try:
            answer = self._functions.invoke(function, {"Records": records})
        except FunctionError:
            return everything  # logged by the function's process; the messages come back after their visibility
        if not partial:
            return set()
        failures = {item["itemIdentifier"] for item in (answer or {}).get("batchItemFailures", [])}
        return failures if failures <= everything else everything

    def _poll_stream(self, inputs: dict[str, Any]) -> None:
        from moto.events.models import EventPattern

        streams, sqs = self._cloud.client("dynamodbstreams"), self._cloud.client("sqs")
        source = inputs["sourceParameters"]
        patterns = [json.loads(f["pattern"]) for f in source.get("filterCriteria", {}).get("filters", [])]
        filters = [EventPattern(None, pattern) for pattern in patterns]
        url = sqs.get_queue_url(QueueName=inputs["target"].rsplit(":", 1)[-1])["QueueUrl"]
        shard = streams.describe_stream(StreamArn=inputs["source"])["StreamDescription"]["Shards"][0]
        iterator = streams.get_shard_iterator(
            StreamArn=inputs["source"], ShardId=shard["ShardId"],
            ShardIteratorType=source["dynamodbStreamParameters"]["startingPosition"],
        )["ShardIterator"]  # fmt: skip
        while not self._stopping.wait(STREAM_POLL_SECONDS):
            try:
                answer = streams.get_records(ShardIterator=iterator)
            except ClientError:
                continue
            iterator = answer["NextShardIterator"]
            for record in answer["Records"]:
                record["dynamodb"].pop("ApproximateCreationDateTime", None)  # a datetime here, seconds on AWS
                event = {**record, "eventSourceARN": inputs["source"]}
                if not filters or any(pattern.matches_event(cast(Any, event)) for pattern in filters):
                    sqs.send_message(QueueUrl=url, MessageBody=json.dumps(event))


def _record(message: dict[str, Any], arn: str, region: str) -> dict[str, Any]:
    """A received message as Lambda hands it to a function."""
    attributes = {
        name: {
            "stringValue": value.get("StringValue"),
            "dataType": value["DataType"],
            "stringListValues": [],
            "binaryListValues": [],
        }
        for name, value in message.get("MessageAttributes", {}).items()
    }
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message.get("Attributes", {}),
        "messageAttributes": attributes,
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": arn,
        "awsRegion": region,
    }
