"""A worker's queue and its dead-letter queue."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from workers.runtime.clients import LONG_POLL_SECONDS, brisk_client, polling_client
from workers.runtime.delivery import Delivery

BATCH = 10  # messages that SQS takes or gives at a time
MAX_ATTRIBUTES = 10  # that a message may have
_GONE = ("ReceiptHandleIsInvalid", "MessageNotInflight", "InvalidParameterValue")  # as codes of an expired receipt
_COUNTS = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)


class Queue:
    """Calls of SQS; botocore's errors come through once its own retries are used up."""

    def __init__(self, url: str, dlq_url: str, *, fifo: bool, visibility_seconds: int):
        self._url = url
        self._dlq_url = dlq_url
        self._fifo = fifo
        self._visibility_seconds = visibility_seconds
        self._sqs = brisk_client("sqs")
        self._polling = polling_client()

    def receive(self, count: int) -> list[Delivery]:
        """At most so many messages (and 10), in order; waits up to 20 s for the first. Tries once."""
        answer = self._polling.receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=min(count, BATCH),
            WaitTimeSeconds=LONG_POLL_SECONDS,
            VisibilityTimeout=self._visibility_seconds,
            MessageSystemAttributeNames=["ApproximateReceiveCount", "MessageGroupId"],
            MessageAttributeNames=["All"],
        )
        return [_delivery(message) for message in answer.get("Messages", [])]

    def delete(self, deliveries: Sequence[Delivery]) -> tuple[set[int], set[int]]:
        """At most 10. Returns which, by position, were no longer ours, and which must be tried again."""
        return self._batch("delete_message_batch", deliveries, [{} for _ in deliveries])

    def hide(self, deliveries: Sequence[Delivery], seconds: Sequence[int]) -> tuple[set[int], set[int]]:
        """Keep each of at most 10 messages invisible for so long from now; 0 gives it back at once. See `delete`."""
        return self._batch(
            "change_message_visibility_batch", deliveries, [{"VisibilityTimeout": wait} for wait in seconds]
        )

    def _batch(self, action: str, deliveries: Sequence[Delivery], arguments: list[Any]) -> tuple[set[int], set[int]]:
        entries = [
            {"Id": str(number), "ReceiptHandle": delivery.receipt} | arguments[number]
            for number, delivery in enumerate(deliveries)
        ]
        failed = getattr(self._sqs, action)(QueueUrl=self._url, Entries=entries).get("Failed", [])
        gone = {int(entry["Id"]) for entry in failed if entry["Code"].rpartition(".")[2] in _GONE}
        return gone, {int(entry["Id"]) for entry in failed} - gone

    def renew(self, delivery: Delivery, seconds: int) -> None:
        """Put a fresh copy, whose receives are counted from 0 and which appears in so many seconds, in its place.

        Only in a standard queue: in a FIFO queue the copy would lose its place, and could not be delayed.
        """
        group = {"MessageGroupId": delivery.group} if delivery.group else {}
        self._sqs.send_message(
            QueueUrl=self._url,
            MessageBody=delivery.body,
            MessageAttributes=delivery.attributes,
            DelaySeconds=seconds,
            **group,
        )
        self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=delivery.receipt)

    def dead_letter(self, delivery: Delivery, reason: str, failures: int) -> None:
        """Copy a message to the dead-letter queue, with these two as attributes."""
        told = {
            "reason": {"DataType": "String", "StringValue": reason},
            "failures": {"DataType": "Number", "StringValue": str(failures)},
        }
        kept = [(name, value) for name, value in delivery.attributes.items() if name not in told]
        place: dict[str, str] = {"MessageGroupId": delivery.group} if delivery.group else {}
        if self._fifo:
            place["MessageDeduplicationId"] = f"dead-{delivery.message_id}"
        self._sqs.send_message(
            QueueUrl=self._dlq_url,
            MessageBody=delivery.body,
            MessageAttributes=dict(kept[: MAX_ATTRIBUTES - len(told)]) | told,
            **place,
        )

    def backlog(self) -> int:
        """About how many messages there are, in flight and delayed ones included."""
        attributes = self._attributes(*_COUNTS)
        return sum(int(attributes[name]) for name in _COUNTS)

    def max_receives(self) -> int | None:
        """After how many receives SQS itself moves a message to the dead-letter queue; None if never."""
        policy = self._attributes("RedrivePolicy").get("RedrivePolicy")
        return int(json.loads(policy)["maxReceiveCount"]) if policy else None

    def _attributes(self, *names: str) -> dict[str, str]:
        return self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=names).get("Attributes", {})


def _delivery(message: dict[str, Any]) -> Delivery:
    system = message.get("Attributes", {})
    return Delivery(
        message_id=message["MessageId"],
        receipt=message["ReceiptHandle"],
        body=message["Body"],
        receives=int(system.get("ApproximateReceiveCount", 1)),
        group=system.get("MessageGroupId"),
        attributes=message.get("MessageAttributes", {}),
    )
