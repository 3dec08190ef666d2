"""Tells each channel of a job that has ended, once: what has been told is remembered in a table."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)
from aws_lambda_powertools.utilities.idempotency.exceptions import IdempotencyAlreadyInProgressError
from boto3.dynamodb.types import TypeDeserializer
from delivery import DeliveryError
from notice_channels import Channel

from jobs import TERMINAL, Job
from jobs.links import document_link

# Longer than a notice can lie in the queue and then in its dead letters.
REMEMBERED_SECONDS = 30 * 24 * 3600
IN_PROGRESS_SECONDS = 60
MAX_WAIT = 12 * 3600 - 300  # SQS hides a message for 12 hours at the most, counted from its receive

logger = Logger(child=True)


def ended_job(record: Mapping[str, Any]) -> Job | None:
    """The job in a DynamoDB stream record; None if the record is of something else."""
    image = record["dynamodb"].get("NewImage") or {}
    item = {name: TypeDeserializer().deserialize(value) for name, value in image.items()}
    job = Job.from_item(item) if "status" in item else None
    return job if job and job.status in TERMINAL else None


class Notices:
    """Notices of one invocation. context: of the Lambda function, tells how long a notice may be under way."""

    def __init__(self, channels: Sequence[Channel], table: DynamoDBPersistenceLayer, s3: Any, context: Any):
        self._channels, self._s3 = channels, s3
        self._silent_until: dict[str, float] = {}  # channels that asked to wait, by the monotonic clock
        config = IdempotencyConfig(expires_after_seconds=REMEMBERED_SECONDS, lambda_context=context)
        self._once = idempotent_function(
            self._send, data_keyword_argument="notice", persistence_store=table, config=config, key_prefix="notice"
        )
        self.sent = 0

    def tell(self, job: Job, receives: int) -> int | None:
        """Tell each channel that has not been told: seconds until the rest may be tried again, None if none is left.

        receives: how often the message was received; waits double with it unless a channel says how long.
        """
        waits = [self._tell(channel, job, receives) for channel in self._channels]
        return max((wait for wait in waits if wait is not None), default=None)

    def _tell(self, channel: Channel, job: Job, receives: int) -> int | None:
        try:
            self._once(notice={"job_id": job.job_id, "channel": channel.name}, channel=channel, job=job)
        except IdempotencyAlreadyInProgressError:
            logger.info("notice is under way elsewhere", job_id=job.job_id, channel=channel.name)
            return IN_PROGRESS_SECONDS
        except DeliveryError as error:
            wait = error.retry_after if error.retry_after is not None else _backoff(receives)
            logger.warning("notice not sent", job_id=job.job_id, channel=channel.name, reason=str(error), wait=wait)
            return min(math.ceil(wait), MAX_WAIT)
        except Exception:  # a secret that is not there, the table: no reason to keep it from the other channels
            logger.exception("notice not sent", job_id=job.job_id, channel=channel.name)
            return _backoff(receives)
        return None

    def _send(self, *, notice: dict[str, str], channel: Channel, job: Job) -> None:
        left = self._silent_until.get(channel.name, 0) - time.monotonic()
        if left > 0:
            raise DeliveryError("the channel has asked to wait", left)
        try:
            channel.send(job, document_link(self._s3, job))
        except DeliveryError as error:
            if error.retry_after is not None:
                self._silent_until[channel.name] = time.monotonic() + error.retry_after
            raise
        self.sent += 1
        logger.info("notice sent", extra=notice)


def _backoff(receives: int) -> int:
    return min(30 * 2 ** (min(receives, 10) - 1), 900)
