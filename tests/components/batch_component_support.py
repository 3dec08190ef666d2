"""Batch workers for tests, and the stack around them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from component_support import PROJECT, SITE, Declared, alerts, bucket, declared, idempotency_table

from components.batch_events import BatchEvents, BatchEventsArgs
from components.batch_jobs import BatchJobs, BatchTier, BatchWorker
from components.batch_queues import BatchQueues
from components.batch_settings import Batch, BatchAlarms, BatchQueue
from components.network import Network, NetworkArgs
from components.task import FargateTaskArgs

EXTRA: Any = {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["arn:aws:s3:::b/*"]}
SECRET = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:key-AbCdEf"
TASK: dict[str, Any] = {"image": "i", "repository_arn": "arn:aws:ecr:eu-central-1:123456789012:repository/r"}
TASK |= {"cpu": 512, "memory": 1024, "scratch": None, "architecture": "arm64", "environment": {"LEVEL": "3"}}
TASK |= {"secrets": {"KEY": SECRET}, "log_retention_days": 7}
QUEUES = {"standard": BatchQueue(priority=10), "urgent": BatchQueue(priority=100), "large": BatchQueue(compute="ec2")}


def worker(name: str = "lines", **changes: Any) -> BatchWorker:
    args: dict[str, Any] = {"queue": "standard", "array": 1, "share": "lines", "timeout": 300, "attempts": 3}
    args["tiers"] = [BatchTier(up_to=None, vcpu=0.5, memory=1024, queue="standard")]
    task = FargateTaskArgs(**TASK | changes.pop("task", {}), statements=[EXTRA])
    return BatchWorker(name=name, task=task, **args | changes)


def batch(
    *workers: BatchWorker,
    queues: Mapping[str, BatchQueue] = QUEUES,
    mode: Any = "public",
    alarms: BatchAlarms | None = None,
    max_vcpus: int = 256,
    preview: bool = False,
) -> Declared:
    def declare() -> None:
        network = Network("tasks", SITE, NetworkArgs(mode=mode))
        declared_queues = BatchQueues("batch", SITE, Batch(max_vcpus=max_vcpus), queues, network=network, scratch=40)
        buckets = {name: bucket(name) for name in ("uploads", "results")}
        jobs = [
            BatchJobs(
                one,
                SITE,
                queues,
                assign_public_ip=network.assign_public_ip,
                **buckets,
            )
            for one in workers
        ]
        if workers:
            BatchEvents(
                "batch-events",
                SITE,
                PROJECT,
                BatchEventsArgs(
                    workers=list(zip(workers, jobs, strict=True)),
                    alarms=alarms or BatchAlarms(),
                    log_retention_days=7,
                ),
                batch=declared_queues,
                idempotency=idempotency_table(),
                alerts=alerts(),
            )

    return declared(declare, preview=preview)
