"""The handler of the workers in these tests: each does what its input says."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

from workers.runtime import BadInput, Context


def handle(input: dict[str, Any], context: Context) -> Any:
    return globals()[input["do"]](input, context)


def echo(input: dict[str, Any], context: Context) -> dict[str, Any]:
    return {"text": input.get("text", ""), "engine": "echo"}


def read(input: dict[str, Any], context: Context) -> dict[str, Any]:
    return {"text": context.objects.read(None, input["key"]).decode()}


def wait(input: dict[str, Any], context: Context) -> dict[str, Any]:
    """Until the test opens the other end of the pipe."""
    return {"read": Path(input["pipe"]).read_text(), "attempt": context.attempt}


def fail_once(input: dict[str, Any], context: Context) -> dict[str, Any]:
    if context.attempt == 1:
        raise OSError("the first attempt fails")
    return {"attempt": context.attempt}


def alone(input: dict[str, Any], context: Context) -> dict[str, Any]:
    """Fails if another job of the worker runs at the same time; the first one waits like `wait`."""
    journal = Path(input["journal"])
    os.close(os.open(journal.with_suffix(".busy"), os.O_CREAT | os.O_EXCL))
    with journal.open("a") as lines:
        lines.write(f"{context.job_id}\n")
    if "pipe" in input:
        wait(input, context)
    journal.with_suffix(".busy").unlink()
    return {}


def refuse(input: dict[str, Any], context: Context) -> None:
    raise BadInput("the page is empty")


def hang(input: dict[str, Any], context: Context) -> None:
    time.sleep(600)


def leave(input: dict[str, Any], context: Context) -> None:
    sys.exit(3)


def vanish(input: dict[str, Any], context: Context) -> None:
    os._exit(7)


def nan(input: dict[str, Any], context: Context) -> dict[str, Any]:
    return {"n": float("nan")}
