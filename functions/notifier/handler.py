"""The notifier: records of the jobs table's stream, one a message of the queue → Slack, Notion, SNS."""

from __future__ import annotations

import json
import os
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer
from botocore.exceptions import BotoCoreError, ClientError
from notice_channels import channels
from notices import Notices, ended_job

from jobs.links import s3_client

logger = Logger()
metrics = Metrics()
sqs = boto3.client("sqs")
s3 = s3_client()
queue_url = os.environ["NOTICES_QUEUE_URL"]
table = DynamoDBPersistenceLayer(table_name=os.environ["NOTICES_TABLE"])
open_channels = channels()


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answers an SQS event with the messages that a channel has not taken yet; they come again."""
    notices = Notices(open_channels, table, s3, context)
    failed = []
    for record in event["Records"]:
        try:
            job = ended_job(json.loads(record["body"]))
        except (KeyError, TypeError, ValueError, AttributeError):
            logger.exception("unusable message", message_id=record["messageId"])
            failed.append(record["messageId"])  # the queue moves it to the dead letters in time
            continue
        wait = notices.tell(job, int(record["attributes"]["ApproximateReceiveCount"])) if job else None
        if wait is not None:
            failed.append(record["messageId"])
            _hide(record["receiptHandle"], wait)
    metrics.add_metric("Sent", MetricUnit.Count, notices.sent)
    metrics.add_metric("Waiting", MetricUnit.Count, len(failed))
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}


def _hide(receipt: str, seconds: int) -> None:
    try:
        sqs.change_message_visibility(QueueUrl=queue_url, ReceiptHandle=receipt, VisibilityTimeout=seconds)
    except (ClientError, BotoCoreError):  # the queue's own visibility timeout holds instead
        logger.warning("visibility not changed", exc_info=True)
