"""A stack with a tiny queue worker, deployed from a copy of this project."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from moto.sqs.models import sqs_backends

from components.stackfile import engine_config
from sandbox.cloud import Cloud
from sandbox.compute.services import Service
from sandbox.deployment import Deployment, fresh_cloud
from sandbox.invented import ACCOUNT
from tests.waiting import until

REPOSITORY = Path(__file__).parents[2]
STACK = "test"
NAME = f"serverless-batch-{STACK}"
PARTS = (
    "__main__.py", "Pulumi.yaml", "batchctl", "batchjobs", "components", "functions", "jobs", "pipeline", "policies",
    "sandbox", "scaling", "schedules", "workflows",
    "workers/__init__.py", "workers/runtime", "workers/engines", "workers/Dockerfile", "workers/requirements.txt",
)  # fmt: skip
# What is uploaded says what to do with it.
HANDLER = """
import time
from workers.runtime import BadInput

def handle(input, context):
    text = context.objects.read(input["bucket"], input["key"]).decode()
    if text == "bad":
        raise BadInput("it says so")
    if text.startswith("sleep "):
        time.sleep(float(text.split()[1]))
    return {"text": text}
"""
MANIFEST = {
    "description": "Does what an upload says.",
    "trigger": {
        "queue": {"prefix": "in/", "suffixes": [".txt"], "target": 2, "max": 3, "effect": "repeatable"},
    },
    "resources": {"vcpu": 0.25, "memory": "512 MB", "timeout": "1 min"},
    "retry": {"attempts": 2, "backoff": "1 s"},
    "grants": [{"read": "uploads"}, {"write": "results"}],
    "input": {"type": "object"},
}


def write_project(folder: Path) -> None:
    """The project with one worker, `echo`, and the stack `test`."""
    for part in PARTS:
        source, target = REPOSITORY / part, folder / part
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(source, target)
    worker = folder / "workers" / "echo"
    worker.mkdir()
    (worker / "handler.py").write_text(HANDLER)
    (worker / "worker.yaml").write_text(yaml.safe_dump(MANIFEST, sort_keys=False))
    config = {"aws:region": "eu-central-1", "serverless-batch:workers": {"echo": {}}}
    (folder / f"Pulumi.{STACK}.yaml").write_text(yaml.safe_dump({"config": config}, sort_keys=False))


class Stack:
    """The stack that is up, its clock standing still until it is stepped."""

    service_name, queue, dead_letters = f"{NAME}-echo", f"{NAME}-echo", f"{NAME}-echo-dlq"

    def __init__(self, cloud: Cloud, deployment: Deployment):
        self.cloud, self.deployment, self.compute = cloud, deployment, cloud.compute
        self.clock = cloud.compute.clock
        self.uploads = self._bucket("uploads")
        self.results = self._bucket("results")

    @property
    def service(self) -> Service:
        return self.compute.services.get(self.service_name)

    @property
    def desired(self) -> int:
        return self.service.model.desired_count

    @property
    def running(self) -> int:
        return sum(kept.running for kept in self.service.tasks)

    def upload(self, name: str, text: str) -> str:
        """The key."""
        key = f"in/{name}.txt"
        self.cloud.client("s3").put_object(Bucket=self.uploads, Key=key, Body=text.encode())
        return key

    def texts(self) -> list[str]:
        """What the results say."""
        s3 = self.cloud.client("s3")
        keys = [thing["Key"] for thing in s3.list_objects_v2(Bucket=self.results).get("Contents", [])]
        bodies = [s3.get_object(Bucket=self.results, Key=key)["Body"].read() for key in keys if key.endswith(".json")]
        return sorted(json.loads(body)["text"] for body in bodies)

    def backlog(self) -> int:
        return sum(self.compute.queues.backlog(self.queue))

    def messages(self, queue: str) -> list[Any]:
        """All messages in a queue, in flight or not, as moto keeps them."""
        return sqs_backends[ACCOUNT][self.cloud.region].queues[queue]._messages

    def forget_dead_letters(self) -> None:
        self.messages(self.dead_letters).clear()

    def drain(self) -> None:
        until(lambda: self.compute.asynchronous.settle() and self.backlog() == 0, 60)

    def minutes(self, count: int) -> None:
        for _ in range(count):
            self.clock.step(60)

    def _bucket(self, name: str) -> str:
        buckets: list[dict[str, Any]] = self.cloud.client("s3").list_buckets()["Buckets"]
        return next(b["Name"] for b in buckets if b["Name"].startswith(f"{NAME}-{name}-{ACCOUNT}"))


@contextmanager
def queue_stack(folder: Path) -> Iterator[Stack]:
    write_project(folder)
    config = engine_config(folder, STACK)
    with fresh_cloud(folder, STACK, config) as cloud:
        cloud.compute.clock.factor = 0
        yield Stack(cloud, Deployment(folder, STACK, config, cloud))
