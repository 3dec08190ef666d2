"""Workers that run jobs, for tests, and the stack around them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from component_support import PROJECT, SITE, Declared, alerts, bucket, declared, jobs_table

from components.alerts import Alerts
from components.cluster import Cluster
from components.job_runner import JobRunner, JobWorker
from components.network import Network, NetworkArgs
from components.storage import Bucket
from components.tables import JobsTable
from components.task import FargateTaskArgs

TASK: dict[str, Any] = {"image": "i", "repository_arn": None, "cpu": 256, "memory": 512, "scratch": None}
TASK |= {"architecture": "arm64", "environment": {"LEVEL": "3"}, "secrets": {}, "log_retention_days": 7}
EXTRA = {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["arn:aws:s3:::b/*"]}


def worker(name: str, **changes: Any) -> JobWorker:
    args: dict[str, Any] = {"name": name, "description": f"{name} it.", "input": {"type": "object"}, "concurrency": 4}
    args |= {"timeout": 300, "attempts": 3, "backoff": 10, "spot_share": 70}
    return JobWorker(**args | {"task": FargateTaskArgs(**TASK, statements=[EXTRA])} | changes)


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    runner: JobRunner
    cluster: Cluster
    jobs: JobsTable
    uploads: Bucket
    results: Bucket
    alerts: Alerts


def with_runner(
    *workers: JobWorker,
    mode: Any = "public",
    then: Callable[[Surroundings], object] = lambda _: None,
    preview: bool = False,
) -> Declared:
    """A job runner for these workers, and what `then` declares on top of it."""

    def declare() -> None:
        around = {
            "cluster": Cluster("tasks", SITE, spot_share=100, on_demand_base=0),
            "jobs": jobs_table(),
            "uploads": bucket("uploads"),
            "results": bucket("results"),
            "alerts": alerts(),
        }
        network = Network("tasks", SITE, NetworkArgs(mode=mode))
        runner = JobRunner("jobs", SITE, PROJECT, workers, network=network, log_retention_days=7, **around)
        then(Surroundings(runner=runner, **around))

    return declared(declare, preview=preview)
