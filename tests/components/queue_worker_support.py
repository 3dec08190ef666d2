"""Queue workers for tests, and the stack around them."""

from __future__ import annotations

from typing import Any

from component_support import PROJECT, SITE, Declared, alerts, declared, idempotency_table

from components.cluster import Cluster
from components.network import Network, NetworkArgs
from components.queue_service import QueueWorker
from components.queue_worker import QueueWorkers, QueueWorkersArgs
from components.storage import Bucket
from components.task import FargateTaskArgs

EXTRA: Any = {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["arn:aws:s3:::b/*"]}
TASK: dict[str, Any] = {"image": "i", "repository_arn": None, "cpu": 256, "memory": 512, "scratch": None}
TASK |= {"architecture": "arm64", "environment": {"LEVEL": "3"}, "secrets": {}, "log_retention_days": 7}
WORKER: dict[str, Any] = {"prefix": "uploads/", "suffixes": [], "fifo": False, "tenant": None, "target": 5}
WORKER |= {"min_tasks": 0, "max_tasks": 10, "cooldown_out": 60, "cooldown_in": 300, "work": "cpu", "concurrency": 1}
WORKER |= {"effect": "once", "timeout": 300, "attempts": 3, "backoff": 10, "visibility": 180, "spot_share": 100}
WORKER |= {"on_demand_base": 0}


def worker(name: str = "sizes", **changes: Any) -> QueueWorker:
    return QueueWorker(name=name, **WORKER | {"task": FargateTaskArgs(**TASK, statements=[EXTRA])} | changes)


def queue_workers(*workers: QueueWorker, load_generator: bool = False, preview: bool = False) -> Declared:
    def declare() -> None:
        QueueWorkers(
            "queue-workers",
            SITE,
            PROJECT,
            QueueWorkersArgs(workers=workers, load_generator=load_generator, log_retention_days=7),
            network=Network("tasks", SITE, NetworkArgs(mode="public")),
            cluster=Cluster("tasks", SITE, spot_share=100, on_demand_base=0),
            idempotency=idempotency_table(),
            uploads=Bucket("uploads", SITE, expire_days=7, protect=False, announce=True),
            results=Bucket("results", SITE, expire_days=7, protect=False),
            alerts=alerts(),
        )

    return declared(declare, preview=preview)
