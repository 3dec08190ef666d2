"""The enqueuer: new objects in the uploads bucket → messages in the queues of their workers → services awake."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from botocore.config import Config
from routing import group, takes
from sending import send
from uploads import UnusableEvent, Upload, read_uploads
from waking import wake

from scaling.catalogue import QueueWorker, read_workers
from scaling.memory import Memory

PATIENCE = Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 3, "mode": "standard"})

logger = Logger()
metrics = Metrics()
workers = read_workers(Path(__file__).parent / "catalogue.json")
bucket = os.environ["UPLOADS_BUCKET"]
sqs, ecs = boto3.client("sqs", config=PATIENCE), boto3.client("ecs", config=PATIENCE)
dynamodb: Any = boto3.resource("dynamodb", config=PATIENCE)
memory = Memory(dynamodb.meta.client, os.environ["SCALING_TABLE"])


class NotEnqueued(Exception):
    """Some uploads have no message yet. Lambda invokes again, and in the end keeps the event as a dead letter."""


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], _: Any) -> dict[str, int]:
    """Takes an event of S3, by EventBridge or as a notification; answers how many messages each worker got.

    Whatever is enqueued twice, because S3 or Lambda repeats an event, has the same id both times.
    """
    try:
        uploads = [upload for upload in read_uploads(event) if _is_work(upload)]
    except UnusableEvent:
        metrics.add_metric("NotEnqueued", MetricUnit.Count, 1)
        raise
    sent, failed = {}, 0
    for worker in workers:
        mine = list({upload.id: upload for upload in uploads if takes(worker, upload.key)}.values())
        if not mine:
            continue
        left = send(sqs, worker, mine)
        failed += len(left)
        done = [upload for upload in mine if upload not in left]
        sent[worker.name] = len(done)
        if done:
            _wake(worker, done)
    metrics.add_metric("Enqueued", MetricUnit.Count, sum(sent.values()))
    metrics.add_metric("NotEnqueued", MetricUnit.Count, failed)
    logger.info("uploads enqueued", sent=sent, failed=failed)
    if failed:
        raise NotEnqueued(f"{failed} messages were not taken by their queues")
    return sent


def _is_work(upload: Upload) -> bool:
    """Whether any worker is to see it. The key is not logged: it may say more than a log should keep."""
    if upload.bucket != bucket:
        reason = "it is not in the uploads bucket"
    elif upload.is_folder:
        reason = "it stands for a folder"
    elif not any(takes(worker, upload.key) for worker in workers):
        reason = "no worker takes such keys"
    else:
        return True
    logger.info("upload ignored", upload_id=upload.id, bucket=upload.bucket, reason=reason)
    return False


def _wake(worker: QueueWorker, done: Sequence[Upload]) -> None:
    groups = {name for upload in done if (name := group(worker, upload.key))}
    try:
        woken = wake(sqs, ecs, memory, worker, len(done), groups)
    except Exception:  # the messages are in the queue, so nothing is to be repeated; the scaler comes within a minute
        logger.warning("service not woken", worker=worker.name, exc_info=True)
        woken = False
    metrics.add_metric("Woken", MetricUnit.Count, int(woken))
