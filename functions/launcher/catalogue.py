"""The workers, as the launcher knows them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Worker:
    """
    family, container: of the task definition. cap: most tasks at a time. max_attempts: failures that end a job.
    spot_share: percent of the jobs that go to FARGATE_SPOT.
    """

    name: str
    queue_url: str
    dlq_url: str
    family: str
    container: str
    cap: int
    max_attempts: int
    spot_share: int


def read_workers(file: Path) -> Mapping[str, Worker]:
    """Workers by the name of their queue."""
    entries = json.loads(file.read_text(encoding="utf-8"))
    workers = [
        Worker(
            name=name,
            queue_url=entry["queue_url"],
            dlq_url=entry["dlq_url"],
            family=entry["family"],
            container=entry["container"],
            cap=entry["cap"],
            max_attempts=entry["max_attempts"],
            spot_share=entry["spot_share"],
        )
        for name, entry in entries.items()
    ]
    return {worker.queue_url.rpartition("/")[2]: worker for worker in workers}
