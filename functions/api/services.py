"""What the API works with, made once for the life of the process."""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from description import Description
from problems import FieldError, Problem
from validation import Validator

from jobs import JobStore
from jobs.links import s3_client

# Well inside the gateway's 29 s, so that the caller hears 503 and not a timeout.
PATIENCE = Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 3, "mode": "standard"})


@dataclass(frozen=True)
class Worker:
    """One entry of the catalogue. concurrency: most tasks at a time; timeout_seconds: for one job."""

    name: str
    description: str
    input: Mapping[str, Any]
    queue_url: str
    concurrency: int
    timeout_seconds: float

    @cached_property
    def validator(self) -> Validator:
        return Validator(dict(self.input))


@dataclass(frozen=True, kw_only=True)
class Services:
    """workers: by name. job_seconds: how long a job's record is kept."""

    description: Description
    workers: Mapping[str, Worker]
    store: JobStore
    sqs: Any
    ecs: Any
    s3: Any
    cluster: str
    uploads_bucket: str
    job_seconds: int

    @classmethod
    def from_environment(cls, folder: Path) -> Services:
        """folder: where openapi.json and catalogue.json lie."""
        catalogue = json.loads((folder / "catalogue.json").read_text(encoding="utf-8"))
        return cls(
            description=Description(json.loads((folder / "openapi.json").read_text(encoding="utf-8"))),
            workers={name: _worker(name, entry) for name, entry in sorted(catalogue.items())},
            store=JobStore(os.environ["JOBS_TABLE"], boto3.resource("dynamodb", config=PATIENCE)),
            sqs=boto3.client("sqs", config=PATIENCE),
            ecs=boto3.client("ecs", config=PATIENCE),
            s3=s3_client(),
            cluster=os.environ["CLUSTER"],
            uploads_bucket=os.environ["UPLOADS_BUCKET"],
            job_seconds=int(os.environ["JOB_TTL_DAYS"]) * 24 * 3600,
        )

    def worker(self, name: str, error: FieldError) -> Worker:
        """`Problem` 404 with this error if there is no such worker."""
        worker = self.workers.get(name)
        if worker is None:
            near = difflib.get_close_matches(name[:64], self.workers, n=1)
            hint = f" Did you mean {near[0]}?" if near else ""
            detail = f"There is no such worker.{hint} Known: {', '.join(self.workers) or 'none'}."
            raise Problem(404, "unknown-worker", detail, [error])
        return worker


def _worker(name: str, entry: Mapping[str, Any]) -> Worker:
    return Worker(
        name=name,
        description=entry["description"],
        input=entry["input"],
        queue_url=entry["queue_url"],
        concurrency=entry["cap"],
        timeout_seconds=entry["timeout_seconds"],
    )
