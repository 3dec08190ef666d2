"""The messages of a batch, and what becomes of each."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Message:
    """A message of a worker's queue. receives: how often it was received, this time included."""

    id: str
    receipt: str
    job_id: str
    receives: int

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Message:
        """`ValueError` if the body is not `{"job_id": "…"}`."""
        body = json.loads(record["body"])
        if not isinstance(body, dict) or not isinstance(body.get("job_id"), str):
            raise ValueError("the body of the message names no job")
        return cls(
            id=record["messageId"],
            receipt=record["receiptHandle"],
            job_id=body["job_id"],
            receives=int(record["attributes"]["ApproximateReceiveCount"]),
        )


@dataclass(frozen=True)
class Drop:
    """Acknowledge the message: nothing is left to do for it."""


@dataclass(frozen=True)
class Keep:
    """Leave the message in the queue, hidden for so many seconds."""

    seconds: int


def backoff(receives: int) -> int:
    """Seconds until a message that found no capacity is tried again."""
    return min(30 * 2 ** (min(receives, 10) - 1), 900)
