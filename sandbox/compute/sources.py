"""What reads queues and streams and invokes functions: event source mappings and pipes."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from sandbox.compute.functions import FunctionError, Functions

if TYPE_CHECKING:
    from sandbox.cloud import Cloud

LONG_POLL_SECONDS = 1  # short, so that closing need not wait
STREAM_POLL_SECONDS = 0.2
AFTER_ERROR_SECONDS = 1

logger = logging.getLogger(__name__)


class Sources:
    """One thread a source, from its declaration to the end."""

    def __init__(self, cloud: Cloud, functions: Functions):
        self._cloud, self._functions = cloud, functions
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []

    def map_queue(self, inputs: dict[str, Any]) -> None:
        """An event source mapping from a queue to a function."""
        self._repeat(QueueMapping(self._cloud, self._functions, inputs).poll)

    def pipe_stream(self, inputs: dict[str, Any]) -> None:
        """A pipe from a table's stream to a queue."""
        self._repeat(Pipe(self._cloud, inputs).poll)

    def close(self) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def _repeat(self, poll: Callable[[], None]) -> None:
        def run() -> None:
            while not self._stopping.is_set():
                try:
                    poll()
                except Exception:  # a source outlives whatever goes wrong with one poll
                    logger.exception("a source failed; it goes on")
                    self._stopping.wait(AFTER_ERROR_SECONDS)

        thread = threading.Thread(target=run, daemon=True)
        self._threads.append(thread)
        thread.start()


class QueueMapping:
    """Hands the messages of a queue to a function."""

    def __init__(self, cloud: Cloud, functions: Functions, inputs: dict[str, Any]):
        self._sqs, self._functions, self._region = cloud.client("sqs"), functions, cloud.region
        self._arn, self._function = inputs["eventSourceArn"], inputs["functionName"]
        self._url = self._sqs.get_queue_url(QueueName=self._arn.rsplit(":", 1)[-1])["QueueUrl"]
        self._batch = min(int(inputs.get("batchSize", 10)), 10)
        self._partial = "ReportBatchItemFailures" in inputs.get("functionResponseTypes", [])

    def poll(self) -> None:
        """Wait for messages, invoke the function with them, delete those that it is done with."""
        messages = self._sqs.receive_message(
            QueueUrl=self._url, MaxNumberOfMessages=self._batch, WaitTimeSeconds=LONG_POLL_SECONDS,
            AttributeNames=["All"], MessageAttributeNames=["All"],
        ).get("Messages", [])  # fmt: skip
        failed = self._deliver(messages) if messages else set()
        for message in messages:
            if message["MessageId"] not in failed:
                self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])

    def _deliver(self, messages: list[dict[str, Any]]) -> set[str]:
        """Ids of the messages that stay in the queue."""
        everything = {message["MessageId"] for message in messages}
        records = [_record(message, self._arn, self._region) for message in messages]
        try:
            answer = self._functions.invoke(self._function, {"Records": records})
        except FunctionError:
            return everything  # logged by the function's process; the messages come back after their visibility
        if not self._partial:
            return set()
        failures = {item["itemIdentifier"] for item in (answer or {}).get("batchItemFailures", [])}
        return failures if failures <= everything else everything


class Pipe:
    """Sends the records of a table's stream that pass the filters to a queue."""

    def __init__(self, cloud: Cloud, inputs: dict[str, Any]):
        from moto.events.models import EventPattern

        self._streams, self._sqs = cloud.client("dynamodbstreams"), cloud.client("sqs")
        self._arn, source = inputs["source"], inputs["sourceParameters"]
        patterns = [json.loads(f["pattern"]) for f in source.get("filterCriteria", {}).get("filters", [])]
        self._filters = [EventPattern(None, pattern) for pattern in patterns]
        self._url = self._sqs.get_queue_url(QueueName=inputs["target"].rsplit(":", 1)[-1])["QueueUrl"]
        shard = self._streams.describe_stream(StreamArn=self._arn)["StreamDescription"]["Shards"][0]
        self._iterator = self._streams.get_shard_iterator(
            StreamArn=self._arn, ShardId=shard["ShardId"],
            ShardIteratorType=source["dynamodbStreamParameters"]["startingPosition"],
        )["ShardIterator"]  # fmt: skip

    def poll(self) -> None:
        """Send the records that are new. If that fails they are all read again, so that some may be sent twice."""
        answer = self._streams.get_records(ShardIterator=self._iterator)
        for record in answer["Records"]:
            record["dynamodb"].pop("ApproximateCreationDateTime", None)  # a datetime here, seconds on AWS
            event = {**record, "eventSourceARN": self._arn}
            if not self._filters or any(pattern.matches_event(cast(Any, event)) for pattern in self._filters):
                self._sqs.send_message(QueueUrl=self._url, MessageBody=json.dumps(event))
        self._iterator = answer["NextShardIterator"]
        if not answer["Records"]:
            time.sleep(STREAM_POLL_SECONDS)


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
