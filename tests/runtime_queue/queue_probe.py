"""A worker of a queue that does what its input says."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from functools import cache
from pathlib import Path
from typing import Any

from workers.runtime import BadInput, Context, Downstream

together = threading.Barrier(4)
leaked: list[bytearray] = []


def handle(input: dict[str, Any], context: Context) -> Any:
    context.log.info("begun")
    return globals()[input["do"]](input, context)


def empty(input: dict[str, Any], context: Context) -> dict[str, Any]:
    return {}


def describe(input: dict[str, Any], context: Context) -> dict[str, Any]:
    assert list(context.workdir.iterdir()) == []
    (context.workdir / "notes.txt").write_text("scratch")
    context.metrics.add_metric("Words", "Count", 3)
    text = context.objects.read(None, input["key"], max_bytes=100).decode()
    copy = context.objects.write(f"processed/{input['key']}", text.encode(), "text/plain")
    return {"text": text, "copy": copy, "in time": 0 < context.remaining_seconds() <= 20}


def count(input: dict[str, Any], context: Context) -> dict[str, Any]:
    """The effect: 1 more in the table, once for the message's id, however often this is run."""
    table, id = os.environ["EFFECTS_TABLE"], context.job_id
    _dynamodb().update_item(
        TableName=table,
        Key={"id": {"S": f"runs#{id}"}},
        UpdateExpression="ADD runs :one",
        ExpressionAttributeValues={":one": {"N": "1"}},
    )
    time.sleep(input.get("seconds", 0))
    marker = {
        "TableName": table,
        "Item": {"id": {"S": f"done#{id}"}},
        "ConditionExpression": "attribute_not_exists(id)",
    }
    counter = {
        "TableName": table,
        "Key": {"id": {"S": f"effects#{id}"}},
        "UpdateExpression": "ADD effects :one",
        "ExpressionAttributeValues": {":one": {"N": "1"}},
    }
    try:
        _dynamodb().transact_write_items(TransactItems=[{"Put": marker}, {"Update": counter}])
    except _dynamodb().exceptions.TransactionCanceledException:
        context.log.info("the effect was there already")
    return {}


@cache
def _dynamodb() -> Any:
    import boto3  # takes long, and is needed for this only
    from botocore.config import Config

    return boto3.client("dynamodb", config=Config(retries={"mode": "standard", "total_max_attempts": 8}))


def note(input: dict[str, Any], context: Context) -> dict[str, Any]:
    """Write down when it ran, in one file for all processes; fails the first so many times."""
    notes = Path(input["notes"])
    with notes.open("a") as file:
        file.write(f"begin {context.job_id}\n")
    time.sleep(input.get("seconds", 0))
    with notes.open("a") as file:
        file.write(f"end {context.job_id}\n")
    if notes.read_text().count(f"begin {context.job_id}\n") <= input.get("failures", 0):
        raise ValueError("not yet")
    return {}


def mark(input: dict[str, Any], context: Context) -> dict[str, Any]:
    """The effect: a file of the message's name, made once however often this is run. Every run is noted."""
    folder = Path(input["folder"])
    with (folder / "runs").open("a") as file:
        file.write(f"{context.job_id}\n")
    time.sleep(0.04)
    try:
        os.close(os.open(folder / f"effect-{context.job_id}", os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        context.log.info("the effect was there already")
    return {}


def refuse(input: dict[str, Any], context: Context) -> None:
    raise BadInput("the page is empty")


def fail(input: dict[str, Any], context: Context) -> None:
    raise ValueError(f"cannot read {input['words']}")


def need(input: dict[str, Any], context: Context) -> dict[str, Any]:
    """Needs a service, which is there if the file is."""
    time.sleep(0.06)
    if not Path(input["service"]).exists():
        raise Downstream("the service does not answer")
    return {}


def wait(input: dict[str, Any], context: Context) -> dict[str, Any]:
    """Until the test opens the other end of the pipe."""
    return {"read": Path(input["pipe"]).read_text()}


def meet(input: dict[str, Any], context: Context) -> dict[str, Any]:
    """Until four run at once."""
    together.wait(20)
    return {}


def leak(input: dict[str, Any], context: Context) -> dict[str, Any]:
    leaked.append(bytearray(os.urandom(1024) * 1024 * input["mb"]))
    return {"process": os.getpid()}


def hang(input: dict[str, Any], context: Context) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        pass


def doze(input: dict[str, Any], context: Context) -> dict[str, Any]:
    time.sleep(input["seconds"])
    return {}


def leave(input: dict[str, Any], context: Context) -> None:
    sys.exit(3)


def vanish(input: dict[str, Any], context: Context) -> None:
    os._exit(7)


def segfault(input: dict[str, Any], context: Context) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)
    time.sleep(10)


def answer(input: dict[str, Any], context: Context) -> Any:
    return {"nan": {"n": float("nan")}, "list": [1]}[input["with"]]
