"""Queues, a worker `probe` with tiers, its buckets and the table, and what submits to them."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "sandbox_batch"))  # what runs the jobs here
from batch_cloud import REGION, BatchCloud

from batchjobs import Clients, Jobs, Names, clients
from batchjobs.once import Once
from batchjobs.submission import Submissions
from sandbox.compute import memory

PREFIX = "serverless-batch-test"
KB = 1024
TIERS = [
    {"up_to": 1 * KB, "vcpu": 1, "memory": 128, "queue": "standard"},
    {"up_to": 4 * KB, "vcpu": 1, "memory": 256, "queue": "standard"},
    {"up_to": None, "vcpu": 2, "memory": 1024, "queue": "large"},
]
QUEUES = ("standard", "urgent", "large", "shared")
CONTAINER = {
    "WORKER": "probe",
    "TIERS": json.dumps(TIERS),
    "DEFINITIONS": json.dumps(dict.fromkeys(QUEUES, f"{PREFIX}-probe")),
    "UPLOADS_BUCKET": "uploads",
    "RESULTS_BUCKET": "results",
    "JOURNAL": "/dev/null",
    "NAME": "probe",
}


class Breaking:
    """A client of which one method fails, so many times: before it reaches AWS or, if it is late, after."""

    def __init__(self, client: Any):
        self._client = client
        self._faults: dict[str, list[tuple[Exception, bool]]] = {}
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def fail(self, method: str, error: Exception, *, late: bool = False, times: int = 1) -> None:
        self._faults[method] = [(error, late)] * times

    def mend(self) -> None:
        self._faults.clear()
        self.calls.clear()

    def __getattr__(self, name: str) -> Any:
        real: Callable[..., Any] = getattr(self._client, name)
        if name not in ("submit_job", "describe_jobs", "terminate_job"):
            return real

        def call(**arguments: Any) -> Any:
            self.calls.append((name, arguments))
            error, late = self._faults[name].pop(0) if self._faults.get(name) else (None, False)
            if error and not late:
                raise error
            answer = real(**arguments)
            if error:
                raise error
            return answer

        return call


class Stack:
    """now: what its clock says, in seconds; to sleep puts it forward."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch):
        self.cloud = BatchCloud(folder)
        cloud = self.cloud
        patch.setattr(memory, "SAMPLE_SECONDS", 0.05)
        for name, value in cloud.cloud.environment().items():
            patch.setenv(name, value)
        environment = cloud.environment("machines")
        for queue in ("standard", "urgent", "large"):
            cloud.queue(f"{PREFIX}-{queue}", environment)
        policy = cloud.create("aws:batch/schedulingPolicy:SchedulingPolicy", "fair", fairSharePolicy={})
        cloud.queue(f"{PREFIX}-shared", environment, policy=policy["arn"])
        self.define()
        self.s3 = cloud.cloud.client("s3")
        for bucket in ("uploads", "results"):
            self.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        cloud.cloud.client("dynamodb").create_table(
            TableName="idempotency",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        self.now = 1_800_000_000.0
        self.slept: list[float] = []
        self._clients = clients(boto3.Session(region_name=REGION))
        self.submitting = Breaking(self._clients.submitting)
        self.clients: Clients = replace(self._clients, submitting=self.submitting)
        self.names = Names(PREFIX, "idempotency")
        self.table: Any = self.clients.dynamodb.Table("idempotency")
        self.jobs = Jobs(self.clients, self.names, lambda: self.now, self.sleep)
        self.once = Once(self.table, lambda: self.now, self.sleep)
        self.submissions = Submissions(self.clients, self.names, self.once)

    def define(self, **variables: str) -> None:
        environment = [{"name": name, "value": value} for name, value in (CONTAINER | variables).items()]
        self.cloud.define(f"{PREFIX}-probe", container={"environment": environment})

    def mend(self) -> None:
        self.submitting.mend()
        self.slept.clear()

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def put(self, key: str, size: int) -> str:
        self.s3.put_object(Bucket="uploads", Key=key, Body=b"x" * size)
        return key

    def submitted(self) -> list[dict[str, Any]]:
        """Arguments of each SubmitJob."""
        return [arguments for name, arguments in self.submitting.calls if name == "submit_job"]

    def environment(self, job_id: str) -> dict[str, str]:
        return {item["name"]: item["value"] for item in self.cloud.job(job_id)["container"]["environment"]}

    def requirements(self, job_id: str) -> dict[str, str]:
        return {item["type"]: item["value"] for item in self.cloud.job(job_id)["container"]["resourceRequirements"]}

    def queue(self, job_id: str) -> str:
        return self.cloud.job(job_id)["jobQueue"].rsplit("/", 1)[-1]
