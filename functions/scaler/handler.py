"""The scaler: each minute, a look at every queue worker's service, and the metrics of what it found."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
from attending import Attendant, Report
from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit
from botocore.config import Config

from scaling.catalogue import QueueWorker, read_workers
from scaling.decision import backlog_per_task
from scaling.memory import Memory

THREADS = 8  # a service that does not answer must not hold up the others
PATIENCE = Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 3, "mode": "standard"})

logger = Logger()
workers = read_workers(Path(__file__).parent / "catalogue.json")
sqs, ecs = boto3.client("sqs", config=PATIENCE), boto3.client("ecs", config=PATIENCE)
dynamodb: Any = boto3.resource("dynamodb", config=PATIENCE)
memory = Memory(dynamodb.meta.client, os.environ["SCALING_TABLE"])


class NotScaled(Exception):
    """Some services could not be looked after; the others were."""


@logger.inject_lambda_context(clear_state=True)
def handler(_: Any, __: Any) -> None:
    """One round over all workers."""
    attendant = Attendant(sqs, ecs, memory, time.time())
    with ThreadPoolExecutor(THREADS) as pool:
        reports = list(pool.map(lambda worker: _attend(attendant, worker), workers))
    for report in reports:
        if report:
            publish(report)
    failed = [worker.name for worker, report in zip(workers, reports, strict=True) if report is None]
    if failed:
        raise NotScaled(f"not looked after: {', '.join(failed)}")


def _attend(attendant: Attendant, worker: QueueWorker) -> Report | None:
    """None if it failed; why is in the log."""
    try:
        return attendant.attend(worker)
    except Exception:  # whatever it is, it is one worker's
        logger.exception("service not looked after", worker=worker.name)
        return None


def publish(report: Report) -> None:
    """A line in CloudWatch's embedded metric format. The queue is the only dimension: alarms name no other.

    The age of the oldest message is not among them: SQS publishes it itself, and reading it back would cost more.
    """
    found = EphemeralMetrics(service="")
    found.add_dimension("Queue", report.queue_name)
    found.add_metric("Backlog", MetricUnit.Count, report.backlog)
    found.add_metric("BacklogPerTask", MetricUnit.Count, backlog_per_task(report.backlog, report.running))
    found.add_metric("RunningTasks", MetricUnit.Count, report.running)
    found.add_metric("DesiredTasks", MetricUnit.Count, report.desired)
    if report.groups is not None:
        found.add_metric("MessageGroups", MetricUnit.Count, report.groups)
    if report.stalled_seconds is not None:
        found.add_metric("StalledSeconds", MetricUnit.Seconds, report.stalled_seconds)
    found.flush_metrics()
