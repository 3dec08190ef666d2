"""The queue's message that stands for a job: it stays in flight while the job runs, and a thread keeps it there."""

from __future__ import annotations

import json
from collections.abc import Callable
from threading import Event, Thread
from typing import Any

from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError

HEARTBEAT_SECONDS = 60
VISIBILITY_SECONDS = 180  # two heartbeats may fail before the job counts as lost


class ReceiptGone(Exception):
    """The message has been deleted, or has become visible and belongs to whoever receives it next."""


class Message:
    """A message in flight. receipt: its receipt handle."""

    def __init__(self, sqs: Any, queue_url: str, receipt: str, job_id: str):
        self._sqs = sqs
        self._queue_url = queue_url
        self._receipt = receipt
        self._job_id = job_id

    def hide(self, seconds: int) -> None:
        """Keep the message invisible for so long from now, at most 43,200 s after it was received. `ReceiptGone`."""
        self._call("change_message_visibility", VisibilityTimeout=seconds)

    def delete(self) -> None:
        """`ReceiptGone` if it has become visible again; deleting twice is harmless."""
        self._call("delete_message")

    def _call(self, action: str, **arguments: Any) -> None:
        try:
            getattr(self._sqs, action)(QueueUrl=self._queue_url, ReceiptHandle=self._receipt, **arguments)
        except ClientError as error:
            # A FIFO queue calls an expired handle an invalid parameter, and some codes carry a namespace.
            code = error.response["Error"]["Code"].rpartition(".")[2]
            if code in ("ReceiptHandleIsInvalid", "MessageNotInflight", "InvalidParameterValue"):
                raise ReceiptGone(code) from error
            raise

    def copy_to(self, queue_url: str, deduplication_id: str, reason: str | None = None) -> None:
        """Send a message for the same job. reason: goes with it as the attribute of that name."""
        attributes = {"reason": {"DataType": "String", "StringValue": reason}} if reason else {}
        self._sqs.send_message(
            QueueUrl=queue_url,
            MessageBody=json.dumps({"job_id": self._job_id}),
            MessageGroupId=self._job_id,
            MessageDeduplicationId=deduplication_id,
            MessageAttributes=attributes,
        )


class Heartbeat:
    """Keeps a message invisible until `stop`; a context manager. on_lost: called once if the receipt is gone."""

    def __init__(self, message: Message, log: Logger, on_lost: Callable[[], None], interval: float = HEARTBEAT_SECONDS):
        self._message = message
        self._log = log
        self._on_lost = on_lost
        self._interval = interval
        self._stopped = Event()
        self._thread = Thread(target=self._run, daemon=True)

    def __enter__(self) -> Heartbeat:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """No heartbeat comes after this."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                self._message.hide(VISIBILITY_SECONDS)
            except ReceiptGone:
                self._on_lost()
                return
            except (ClientError, BotoCoreError) as error:
                self._log.warning("heartbeat failed", error=str(error))
            self._stopped.wait(self._interval)
