"""The scheduled workers, as the starter knows them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Worker:
    """
    schema: JSON schema of a job's input. given: what the schedule puts into every input.
    overlap: "forbid", "allow" or "replace" a run while an earlier one has not ended.
    max_attempts: failures that end a job. timeout_seconds: for one attempt. backoff_seconds: before the second one.
    """

    name: str
    queue_url: str
    schema: Mapping[str, Any]
    given: Mapping[str, Any]
    overlap: str
    max_attempts: int
    timeout_seconds: int
    backoff_seconds: int


def read_workers(file: Path) -> Mapping[str, Worker]:
    """The catalogue that the deployment writes beside the function's files."""
    entries = json.loads(file.read_text(encoding="utf-8"))
    return {
        name: Worker(
            name=name,
            queue_url=entry["queue_url"],
            schema=entry["input"],
            given=entry["given"],
            overlap=entry["overlap"],
            max_attempts=entry["max_attempts"],
            timeout_seconds=entry["timeout_seconds"],
            backoff_seconds=entry["backoff_seconds"],
        )
        for name, entry in entries.items()
    }
