"""The launcher: messages of the workers' queues → Fargate tasks."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from catalogue import read_workers
from fargate import Fargate
from launcher import Launcher
from messages import Message

from jobs import JobStore

METRICS = ("Launched", "NoCapacity", "Deferred", "DeadLettered")

logger = Logger()
metrics = Metrics()
workers = read_workers(Path(__file__).parent / "catalogue.json")
store = JobStore(os.environ["JOBS_TABLE"])
cluster, max_receives = os.environ["CLUSTER"], int(os.environ["MAX_RECEIVE_COUNT"])
sqs, ecs = boto3.client("sqs"), boto3.client("ecs")
network = {
    "awsvpcConfiguration": {
        "subnets": os.environ["SUBNETS"].split(","),
        "securityGroups": os.environ["SECURITY_GROUPS"].split(","),
        "assignPublicIp": os.environ["ASSIGN_PUBLIC_IP"],
    }
}


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answers an SQS event of one queue with the messages that stay in it, those of launched jobs included."""
    records = event["Records"]
    worker = workers[records[0]["eventSourceARN"].rpartition(":")[2]]
    messages, unusable = [], []
    for record in records:
        try:
            messages.append(Message.from_record(record))
        except ValueError:
            logger.exception("unusable message", message_id=record["messageId"])
            unusable.append(record["messageId"])  # the queue moves it to the dead letters in time
    fargate = Fargate(ecs, cluster=cluster, network=network, started_by=context.function_name)
    launcher = Launcher(worker, store, sqs, fargate, max_receives)
    kept = launcher.run(messages)
    metrics.add_dimension("worker", worker.name)
    for name in METRICS:
        metrics.add_metric(name, MetricUnit.Count, launcher.counts[name])
    return {"batchItemFailures": [{"itemIdentifier": id_} for id_ in [*unusable, *(m.id for m in kept)]]}
