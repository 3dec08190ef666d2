"""A stack as submissions see it: its clients and its names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config

# SubmitJob has no token: whether a request whose answer was lost has made a job, `Once` finds out before it asks again.
ASKS_ONCE = Config(retries={"total_max_attempts": 1, "mode": "standard"})


@dataclass(frozen=True)
class Clients:
    """batch, s3, logs: clients. submitting: of Batch, which asks once. dynamodb: the resource."""

    batch: Any
    submitting: Any
    s3: Any
    logs: Any
    dynamodb: Any


def clients(session: boto3.Session | None = None) -> Clients:
    """By default of the environment."""
    session = session or boto3.Session()
    return Clients(
        batch=session.client("batch"),
        submitting=session.client("batch", config=ASKS_ONCE),
        s3=session.client("s3"),
        logs=session.client("logs"),
        dynamodb=session.resource("dynamodb"),
    )


@dataclass(frozen=True)
class Names:
    """prefix: what names of the stack's queues and definitions begin with, `serverless-batch-dev`. table: of what is
    remembered of submissions."""

    prefix: str
    table: str

    def of(self, thing: str) -> str:
        """Physical name of a queue, or of a worker's definition."""
        return f"{self.prefix}-{thing}".replace("_", "-")

    def short(self, physical: str) -> str:
        """Of a queue, by its name or its ARN, what the stack's file calls it."""
        return physical.rsplit("/", 1)[-1].removeprefix(f"{self.prefix}-")
