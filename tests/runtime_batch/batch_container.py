"""Containers that run one job (processes), their buckets by moto."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import boto3

REGION = "eu-central-1"
COMMON = {
    "PATH": os.environ["PATH"],
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_REGION": REGION,
    "WORKER": "probe",
    "TIMEOUT_SECONDS": "20",
    "MEMORY_GB": "1",
    "POWERTOOLS_SERVICE_NAME": "probe",
    "POWERTOOLS_METRICS_NAMESPACE": "serverless-batch",
}
BATCH = {
    "BATCH": "1",
    "AWS_BATCH_JOB_ID": "1234",
    "AWS_BATCH_JOB_ATTEMPT": "1",
}


class Batch:
    """What a container finds: two buckets, and what Batch (or who runs it instead) and the submission tell it."""

    def __init__(self, endpoint: str, app: Path, told: Mapping[str, str] = BATCH):
        self._app = app
        self.s3 = boto3.client(
            "s3", endpoint_url=endpoint, region_name=REGION, aws_access_key_id="t", aws_secret_access_key="t"
        )
        name = uuid.uuid4().hex[:12]
        self.uploads, self.results = f"uploads-{name}", f"results-{name}"
        for bucket in (self.uploads, self.results):
            self.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        self._environment = {
            **COMMON,
            **told,
            "AWS_ENDPOINT_URL": endpoint,
            "UPLOADS_BUCKET": self.uploads,
            "RESULTS_BUCKET": self.results,
            "TMPDIR": str(app / "tmp"),
        }
        self._processes: list[subprocess.Popen[str]] = []

    def start(self, **environment: str) -> subprocess.Popen[str]:
        self._processes.append(
            subprocess.Popen(
                [sys.executable, "-m", "workers.runtime"],
                cwd=self._app,
                env=self._environment | environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        )
        return self._processes[-1]

    def run(self, input: Any = None, **environment: str) -> tuple[int, str]:
        """Exit code and log. input: as JSON in INPUT; None for no such variable."""
        own = {} if input is None else {"INPUT": json.dumps(input)}
        process = self.start(**own, **environment)
        assert process.stdout
        log = process.stdout.read()
        return process.wait(), log

    def written(self) -> dict[str, Any]:
        """Every object of the results, the JSON ones as values."""
        keys = [item["Key"] for item in self.s3.list_objects_v2(Bucket=self.results).get("Contents", [])]
        bodies = {key: self.s3.get_object(Bucket=self.results, Key=key)["Body"].read() for key in keys}
        return {key: json.loads(body) if key.endswith(".json") else body for key, body in bodies.items()}

    def close(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()
            if process.stdout:
                process.stdout.close()
