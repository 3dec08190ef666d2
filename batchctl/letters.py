"""Dead letters: the messages of a queue that could not be processed, and the way back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

BATCH = 10
HOLD_SECONDS = 300  # how long a letter that was looked at stays hidden, unless it is let go before
WAIT_SECONDS = 1  # long enough for SQS to ask all of its servers
ABOUT_DEATH = {"reason", "failures"}  # attributes that a letter got on its way here


class NoQueue(Exception):
    """There is no such queue, or it has no dead-letter queue."""


@dataclass(frozen=True, kw_only=True)
class Letter:
    """A dead letter. attributes: of the message, in SQS's form. group: its message group, None if it has none."""

    message_id: str
    receipt: str
    body: str
    attributes: Mapping[str, Any]
    group: str | None

    @cached_property
    def _content(self) -> dict[str, Any]:
        """Empty if the body is no JSON object; that may be what it died of."""
        try:
            content = json.loads(self.body)
        except ValueError:
            return {}
        return content if isinstance(content, dict) else {}

    @property
    def work_id(self) -> str | None:
        """What the message stands for, the same after each redrive: an upload's id or a job's."""
        found = self._content.get("id") or self._content.get("job_id")
        return found if isinstance(found, str) else None

    @property
    def identity(self) -> str:
        return self.work_id or self.body

    @property
    def key(self) -> str:
        """Of the object that it is about; empty if it names none."""
        source = self._content.get("input")
        key = source.get("key") if isinstance(source, dict) else None
        return key if isinstance(key, str) else ""

    @property
    def reason(self) -> str:
        """Why it is here; empty if SQS moved it by itself."""
        return self.attributes.get("reason", {}).get("StringValue", "")


class DeadLetters:
    """The dead letters of one queue. Errors of SQS come through unchanged."""

    def __init__(self, sqs: Any, queue: str):
        """queue: name of the queue that they are to go back to. `NoQueue` if it has none."""
        self._sqs, self.queue = sqs, queue
        try:
            self.url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
        except ClientError as error:
            if not error.response["Error"]["Code"].endswith(("NonExistentQueue", "QueueDoesNotExist")):
                raise
            raise NoQueue(f"there is no queue {queue}") from error
        attributes = self._attributes(self.url, "QueueArn", "RedrivePolicy")
        if "RedrivePolicy" not in attributes:
            raise NoQueue(f"the queue {queue} has no dead-letter queue")
        self.arn = attributes["QueueArn"]
        self.dead_letter_arn = json.loads(attributes["RedrivePolicy"])["deadLetterTargetArn"]
        self._dead_letter_url = sqs.get_queue_url(QueueName=self.dead_letter_arn.rpartition(":")[2])["QueueUrl"]
        self._fifo = queue.endswith(".fifo")

    def count(self) -> int:
        """About how many there are."""
        names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
        return sum(int(value) for value in self._attributes(self._dead_letter_url, *names).values())

    def receive(self) -> list[Letter]:
        """Up to ten; nobody else sees them for a while, nor, of a FIFO queue, what else is in their message groups."""
        answer = self._sqs.receive_message(
            QueueUrl=self._dead_letter_url,
            MaxNumberOfMessages=BATCH,
            WaitTimeSeconds=WAIT_SECONDS,
            VisibilityTimeout=HOLD_SECONDS,
            MessageSystemAttributeNames=["MessageGroupId"],
            MessageAttributeNames=["All"],
        )
        return [
            Letter(
                message_id=message["MessageId"],
                receipt=message["ReceiptHandle"],
                body=message["Body"],
                attributes=message.get("MessageAttributes", {}),
                group=message.get("Attributes", {}).get("MessageGroupId"),
            )
            for message in answer.get("Messages", [])
        ]

    def send_back(self, letters: Sequence[Letter]) -> list[Letter]:
        """Send at most ten to their queue again, then delete them here: those that were sent.

        In this order, so that none is lost; one that is sent twice is still processed once, by the id in its body.
        """
        if not letters:
            return []
        answer = self._sqs.send_message_batch(QueueUrl=self.url, Entries=_numbered(letters, self._entry))
        failed = {int(failure["Id"]) for failure in answer.get("Failed", [])}
        sent = [letter for number, letter in enumerate(letters) if number not in failed]
        if sent:
            entries = _numbered(sent, lambda letter: {"ReceiptHandle": letter.receipt})
            self._sqs.delete_message_batch(QueueUrl=self._dead_letter_url, Entries=entries)
        return sent

    def let_go(self, letters: Sequence[Letter]) -> None:
        """Let them be seen again."""
        for start in range(0, len(letters), BATCH):
            entries = _numbered(
                letters[start : start + BATCH],
                lambda letter: {"ReceiptHandle": letter.receipt, "VisibilityTimeout": 0},
            )
            self._sqs.change_message_visibility_batch(QueueUrl=self._dead_letter_url, Entries=entries)

    def _entry(self, letter: Letter) -> dict[str, Any]:
        attributes = {
            name: {part: value[part] for part in ("DataType", "StringValue", "BinaryValue") if part in value}
            for name, value in letter.attributes.items()
            if name not in ABOUT_DEATH
        }
        entry: dict[str, Any] = {"MessageBody": letter.body, "MessageAttributes": attributes}
        if letter.group:
            entry["MessageGroupId"] = letter.group
        if self._fifo:
            # Not the id: within five minutes of the first message, the queue would drop this one without a word.
            entry["MessageDeduplicationId"] = letter.message_id
        return entry

    def _attributes(self, url: str, *names: str) -> dict[str, str]:
        return self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(names)).get("Attributes", {})

    @property
    def can_move(self) -> bool:
        """Whether the queue's service has move tasks; SQS has."""
        host = urlsplit(self._sqs.meta.endpoint_url).hostname or ""
        return host.endswith((".amazonaws.com", ".amazonaws.com.cn"))

    def start_move(self, per_second: int | None) -> str:
        """Let SQS move all of them: the task's handle.

        The destination is named, because of a letter that was sent here, and not moved, SQS knows no source.
        """
        rate = {"MaxNumberOfMessagesPerSecond": per_second} if per_second else {}
        answer = self._sqs.start_message_move_task(SourceArn=self.dead_letter_arn, DestinationArn=self.arn, **rate)
        return answer["TaskHandle"]

    def last_move(self) -> tuple[str, int, str]:
        """Of the latest move: its status, how many messages it moved, why it failed."""
        [task] = self._sqs.list_message_move_tasks(SourceArn=self.dead_letter_arn, MaxResults=1)["Results"]
        return task["Status"], task.get("ApproximateNumberOfMessagesMoved", 0), task.get("FailureReason", "")


def _numbered(letters: Sequence[Letter], entry: Any) -> list[dict[str, Any]]:
    return [{"Id": str(number), **entry(letter)} for number, letter in enumerate(letters)]
