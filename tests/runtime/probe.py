"""A worker that does what its input says."""

from __future__ import annotations

import os
import signal
import sys
import warnings
from pathlib import Path
from typing import Any

from workers.runtime import BadInput, Context


def handle(input: dict[str, Any], context: Context) -> Any:
    context.log.info("begun")
    return globals()[input["do"]](input, context)


def describe(input: dict[str, Any], context: Context) -> dict[str, Any]:
    (context.workdir / "notes.txt").write_text("scratch")
    context.metrics.add_metric("Words", "Count", 3)
    text = context.objects.read(input.get("bucket"), input["key"], max_bytes=100).decode()
    copy = context.objects.write("copy.txt", text.encode(), "text/plain")
    warnings.warn("an old option", stacklevel=1)
    return {"text": text, "copy": copy, "engine": "none", "in time": 0 < context.remaining_seconds() <= 20}


def report(input: dict[str, Any], context: Context) -> dict[str, Any]:
    file = context.objects.write("report.pdf", b"%PDF", "application/pdf")
    return {"notice": {"text": input["text"], "file": input.get("file", file)}}


def refuse(input: dict[str, Any], context: Context) -> None:
    raise BadInput("the page is empty")


def fail(input: dict[str, Any], context: Context) -> None:
    raise ValueError(f"cannot read {input['words']}\0")


def wait(input: dict[str, Any], context: Context) -> dict[str, Any]:
    """Until the test opens the other end of the pipe."""
    return {"read": Path(input["pipe"]).read_text()}


def hang(input: dict[str, Any], context: Context) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        pass


def leave(input: dict[str, Any], context: Context) -> None:
    sys.exit(3)


def vanish(input: dict[str, Any], context: Context) -> None:
    os._exit(7)


def die(input: dict[str, Any], context: Context) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def answer(input: dict[str, Any], context: Context) -> Any:
    answers = {"nan": {"n": float("nan")}, "set": {"s": {1}}, "list": [1], "large": {"t": "x" * 11_000_000}}
    return answers[input["with"]]


def trespass(input: dict[str, Any], context: Context) -> None:
    context.objects.write(input["name"], b"", "text/plain")


def empty(input: dict[str, Any], context: Context) -> dict[str, Any]:
    return {}
