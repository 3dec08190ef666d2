"""A worker that does what its source says, and tells what it was given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from workers.runtime import BadInput, Context


def handle(input: dict[str, Any], context: Context) -> dict[str, Any]:
    context.log.info("begun")
    match (input.get("source") or {}).get("do"):
        case "refuse":
            raise BadInput("the orders are no CSV")
        case "fail":
            raise OSError("the disk is full")
        case "wait":
            Path(input["pipe"]).read_text()
    told = {"index": context.index, "size": context.size, "attempt": context.attempt, "job_id": context.job_id}
    return told | {"input": input}
