"""A stack with Batch workers that is up in this process, as the program declares it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.waiting import until

sys.path.insert(0, str(Path(__file__).parents[1] / "sandbox"))  # a project of its own is what those tests have, too
from sandbox_project import Project

from batchjobs import Jobs, Names, clients
from components.stackfile import engine_config
from sandbox.cloud import Cloud
from sandbox.control import Control
from sandbox.deployment import Deployment, fresh_cloud

STACK = "test"
PREFIX = f"serverless-batch-{STACK}"
HANDLER = """
import os, signal, time
from pathlib import Path
from workers.runtime import BadInput

def handle(input, context):
    context.log.info("begun", index=context.index, size=context.size)
    told = lambda name: input.get(f"{name}_{context.index}", input.get(name))
    if "journal" in input:
        with open(input["journal"], "a") as lines:
            lines.write(f"{input.get('name', '')}:{context.index}:{context.attempt}\\n")
    if pipe := told("pipe"):
        if context.attempt == 1:
            Path(pipe).read_text()
    if size := told("hold"):
        held = bytearray(int(size) * 1024**2)
        held[::4096] = b"x" * len(held[::4096])
        time.sleep(2)
    if told("refuse"):
        raise BadInput(told("refuse"))
    if told("fail"):
        raise OSError(told("fail"))
    return {"index": context.index, "size": context.size, "attempt": context.attempt, "memory": os.environ["MEMORY_GB"]}
"""
INPUT = {"type": "object", "properties": {"key": {"type": "string"}, "hold": {"type": "integer"}}}
QUEUES = {
    "urgent": {"priority": 100},
    "standard": {"priority": 10},
    "machines": {"compute": "ec2", "architecture": "x86_64", "maxVcpus": 8},
    "shared": {"compute": "ec2", "architecture": "x86_64", "shares": {"weights": {"reports": 1}}},
}
SMALL = {"vcpu": 1, "memory": "256 MB"}
TIERS = [{"up_to": "1 MB", **SMALL}, {"up_to": "2 MB", "vcpu": 1, "memory": "512 MB"}, {"vcpu": 2, "memory": "1 GB"}]


class LiveBatch:
    """jobs: what submits to it. project: its folder."""

    def __init__(self, cloud: Cloud, project: Path, patience: Callable[[float], None]):
        self.cloud, self.project = cloud, project
        self.engine = cloud.compute.batch
        self._session = boto3.Session(region_name=cloud.region)
        self.names = Names(PREFIX, f"{PREFIX}-idempotency")
        self.jobs = Jobs(clients(self._session), self.names, sleep=patience)
        self.uploads = self._bucket("uploads")
        self.results = self._bucket("results")

    def upload(self, key: str, content: bytes) -> str:
        self.cloud.client("s3").put_object(Bucket=self.uploads, Key=key, Body=content)
        return key

    def result(self, *place: object) -> dict[str, Any]:
        """place: worker, key, index."""
        return self._json(*place, "result.json")

    def error(self, *place: object) -> dict[str, Any]:
        return self._json(*place, "error.json")

    def _json(self, *place: object) -> dict[str, Any]:
        key = "/".join(str(part) for part in place)
        return json.load(self.cloud.client("s3").get_object(Bucket=self.results, Key=key)["Body"])

    def job(self, job_id: str) -> dict[str, Any]:
        return self.cloud.client("batch").describe_jobs(jobs=[job_id])["jobs"][0]

    def runs(self, job_id: str) -> None:
        until(lambda: self.job(job_id)["status"] == "RUNNING")

    def settle(self) -> None:
        """Until the function is done with all events."""
        until(lambda: sum(self.cloud.compute.queues.backlog(f"{PREFIX}-batch-events")) == 0)

    def metrics(self, worker: str) -> dict[str, float]:
        """What the function has told of a worker: sums by name."""
        log = self.cloud.folder / "logs" / f"{PREFIX}-batch-events.log"
        sums: dict[str, float] = {}
        for line in log.read_text().splitlines() if log.exists() else []:
            if '"_aws"' in line and (document := json.loads(line)).get("worker") == worker:
                for metric in document["_aws"]["CloudWatchMetrics"][0]["Metrics"]:
                    name = metric["Name"]
                    sums[name] = sums.get(name, 0) + sum(document[name])
        return sums

    def _bucket(self, name: str) -> str:
        buckets = self.cloud.client("s3").list_buckets()["Buckets"]
        return next(b["Name"] for b in buckets if b["Name"].startswith(f"{PREFIX}-{name}-1"))


def write_project(folder: Path) -> Path:
    """cruncher: with tiers, on machines. plain: on Fargate, without."""
    project = Project(folder)
    batch = {"queue": "machines", "tiers": TIERS}
    common: dict[str, Any] = {"retry": {"attempts": 2}, "input": INPUT}
    project.add_worker("cruncher", trigger={"batch": batch}, **common)
    resources = {"vcpu": 0.25, "memory": "512 MB", "timeout": "1 min"}
    project.add_worker("plain", trigger={"batch": {}}, resources=resources, **common)
    for worker in ("cruncher", "plain"):
        (folder / "workers" / worker / "handler.py").write_text(HANDLER)
    project.write_stack(STACK, batch={"queues": QUEUES}, workers={"cruncher": {}, "plain": {}})
    return folder


@contextmanager
def live_batch(folder: Path, patience: Callable[[float], None]) -> Iterator[LiveBatch]:
    """patience: what waits between two looks at a job."""
    config = engine_config(folder, STACK)
    with fresh_cloud(folder, STACK, config) as cloud:
        Deployment(folder, STACK, config, cloud)
        with closing(Control(cloud)), pytest.MonkeyPatch.context() as patch:
            for name, value in cloud.environment().items():
                patch.setenv(name, value)
            yield LiveBatch(cloud, folder, patience)
