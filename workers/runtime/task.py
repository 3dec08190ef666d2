"""What the ECS agent knows about this task."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import urllib3


@dataclass(frozen=True)
class Task:
    """started_at: when its image began to be pulled, from which on Fargate bills; None if the agent does not say."""

    arn: str
    started_at: dt.datetime | None


def this_task(metadata_uri: str) -> Task:
    """Ask the task metadata endpoint, version 4. urllib3's `HTTPError` if it does not answer."""
    retries = urllib3.Retry(total=4, backoff_factor=0.2, status_forcelist=range(500, 600))
    answer = urllib3.request("GET", f"{metadata_uri}/task", timeout=2.0, retries=retries).json()
    pulled = answer.get("PullStartedAt")
    return Task(answer["TaskARN"], dt.datetime.fromisoformat(pulled) if pulled else None)
