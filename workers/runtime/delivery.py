"""A message as it was received, and what its body asks for."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

MAX_ID = 512  # characters; it becomes part of keys in S3 and DynamoDB


class Undecodable(Exception):
    """The body of a message is not what the enqueuer sends. The message says what is wrong, and quotes nothing."""


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One delivery of a message.

    receives: how often it has been delivered, this time included; a fresh copy of a message begins anew.
    group: its message group; None in a standard queue without fair groups.
    attributes: its message attributes, as SQS has them.
    """

    message_id: str
    receipt: str
    body: str
    receives: int
    group: str | None
    attributes: dict[str, Any]


@dataclass(frozen=True)
class Work:
    """What a message asks for. id: the same for every message that asks for the same work."""

    id: str
    input: dict[str, Any]


def decode(body: str) -> Work:
    """`Undecodable` unless it is {"id": …, "input": {…}}; further fields are ignored."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Undecodable("the body is not JSON") from error
    if not isinstance(found, dict):
        raise Undecodable("the body is not a JSON object")
    id, input = found.get("id"), found.get("input")
    if not isinstance(id, str) or not 0 < len(id) <= MAX_ID or not id.isprintable() or "/" in id:
        raise Undecodable(f"`id` is not a text of 1 to {MAX_ID} printable characters without a slash")
    if not isinstance(input, dict):
        raise Undecodable("`input` is not a JSON object")
    return Work(id, input)
