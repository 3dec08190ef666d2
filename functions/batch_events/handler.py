"""The state of Batch jobs that have ended: metrics, a successor for one that lacked memory, notices of failures."""

from __future__ import annotations

import json
import os
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)
from measures import measure
from notice import notice

from batchjobs import Clients
from batchjobs.once import Once
from batchjobs.stack import ASKS_ONCE
from batchjobs.successors import Successors, is_of_state_machine
from batchjobs.worker import variables_of

TABLE = os.environ["IDEMPOTENCY_TABLE"]
REMEMBERED_SECONDS = 24 * 3600  # SQS and EventBridge repeat an event sooner, if at all

logger = Logger()
processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
memory = DynamoDBPersistenceLayer(table_name=TABLE)
once_an_event = IdempotencyConfig(event_key_jmespath="id", expires_after_seconds=REMEMBERED_SECONDS)
sns, topic = boto3.client("sns"), os.environ["TOPIC_ARN"]
dynamodb: Any = boto3.resource("dynamodb")
batch = boto3.client("batch")
submitting = boto3.client("batch", config=ASKS_ONCE)
clients = Clients(batch=batch, submitting=submitting, s3=None, logs=None, dynamodb=dynamodb)
successors = Successors(clients, Once(dynamodb.Table(TABLE)))


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: Any) -> Any:
    """Messages whose events could not be worked off come back; the others are done."""
    once_an_event.register_lambda_context(context)
    return process_partial_response(event, _record, processor, context)


def _record(record: SQSRecord) -> None:
    event = json.loads(record.body)
    job_ended(event=event)


@idempotent_function(
    data_keyword_argument="event", persistence_store=memory, config=once_an_event, key_prefix="batch#event"
)
def job_ended(event: dict[str, Any]) -> None:
    """What follows from a job's end, once for each event; what breaks in between is done again."""
    job = event["detail"]
    worker = variables_of(job.get("container", {})).get("WORKER")
    if worker is None:
        logger.info("no job of a worker", job_id=job["jobId"])
        return
    queue = job["jobQueue"].rsplit("/", 1)[-1]
    logger.append_keys(job_id=job["jobId"], worker=worker, queue=queue)
    successor = successors.of(job) if job["status"] == "FAILED" else None
    # A state machine decides itself what follows, and tells if nothing does.
    replaced = successor is not None or is_of_state_machine(job)
    if job["status"] == "FAILED" and not replaced and _is_whole(job):
        logger.error("job failed for good", reason=job.get("statusReason", ""))
        sns.publish(TopicArn=topic, **notice(worker, queue, job))
    if successor:
        logger.warning("job replaced", successor=successor, reason=job.get("statusReason", ""))
    measure(worker, queue, job, replaced=replaced)


def _is_whole(job: dict[str, Any]) -> bool:
    """Not a part of an array, whose end is the array's business."""
    return "index" not in job.get("arrayProperties", {})
