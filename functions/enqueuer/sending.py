"""Sends messages in batches, and again what a batch left over."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping, Sequence
from typing import Any

from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError
from routing import group
from uploads import Upload

from scaling.catalogue import QueueWorker

BATCH = 10
ATTEMPTS = 3
PAUSE_SECONDS = 0.2

logger = Logger(child=True)


def send(sqs: Any, worker: QueueWorker, uploads: Sequence[Upload]) -> list[Upload]:
    """Send a message for each upload to the worker's queue: the uploads that it did not take."""
    left = list(uploads)
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(PAUSE_SECONDS * 2**attempt * random.uniform(0.5, 1))
        left = [upload for n in range(0, len(left), BATCH) for upload in _send_batch(sqs, worker, left[n : n + BATCH])]
        if not left:
            break
    return left


def _send_batch(sqs: Any, worker: QueueWorker, uploads: Sequence[Upload]) -> list[Upload]:
    entries = [_entry(worker, upload, str(number)) for number, upload in enumerate(uploads)]
    try:
        failed = sqs.send_message_batch(QueueUrl=worker.queue_url, Entries=entries).get("Failed", [])
    except (ClientError, BotoCoreError) as error:
        logger.warning("batch not sent", worker=worker.name, messages=len(entries), reason=str(error))
        return list(uploads)
    for failure in failed:
        logger.warning("message not sent", worker=worker.name, code=failure["Code"], reason=failure.get("Message"))
    return [uploads[int(failure["Id"])] for failure in failed]


def _entry(worker: QueueWorker, upload: Upload, number: str) -> Mapping[str, str]:
    entry = {"Id": number, "MessageBody": upload.message()}
    if name := group(worker, upload.key):
        entry["MessageGroupId"] = name
    if worker.fifo:
        entry["MessageDeduplicationId"] = upload.id
    return entry
