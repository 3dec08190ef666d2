"""The process that a worker's code runs in: `python -m workers.runtime.child SCRATCH`, started by `Execution`.

SCRATCH holds `work/` (the job's workdir) and, once a line has come on stdin, `call.json`. This process leaves
`outcome.json` there, in one piece or not at all.
"""

from __future__ import annotations

import faulthandler
import importlib
import json
import os
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread
from typing import Any

from aws_lambda_powertools import Logger

from workers.runtime import telemetry
from workers.runtime.context import BadInput, Context
from workers.runtime.objects import MIB, Objects
from workers.runtime.settings import Settings, load

MAX_RESULT_BYTES = 10 * MIB  # larger output belongs into objects of its own
Handle = Callable[[dict[str, Any], Context], Any]


def main(scratch: Path) -> None:
    started = _follow_parent()
    with suppress(OSError):  # Linux only: when memory runs out, this process must go, not its parent
        Path("/proc/self/oom_score_adj").write_text("1000")
    faulthandler.enable()
    settings = load(os.environ)
    log = telemetry.logger(settings.worker)
    try:
        handle, engine = _import(settings)
    except BaseException as error:
        outcome = _failed(log, error, "the worker cannot be loaded: ")
        started.wait()
    else:
        started.wait()
        call = json.loads((scratch / "call.json").read_bytes())
        log.append_keys(job_id=call["job_id"], worker=settings.worker, attempt=call["attempt"])
        outcome = _run(handle, call["input"], _context(settings, call, scratch / "work", log, engine))
    (scratch / "outcome.tmp").write_text(json.dumps(outcome), encoding="utf-8")
    (scratch / "outcome.tmp").replace(scratch / "outcome.json")


def _follow_parent() -> Event:
    """Set by the line on stdin that starts the job. When stdin ends the parent is gone, and this process ends too."""
    control = os.fdopen(os.dup(0), "rb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)  # what the worker's code starts must not read the parent's line
    started = Event()

    def follow() -> None:
        if control.readline():
            started.set()
            control.read()
        os._exit(1)

    Thread(target=follow, daemon=True).start()
    return started


def _import(settings: Settings) -> tuple[Handle, Any]:
    """The worker's function and the engine it may ask."""
    handle = importlib.import_module(f"workers.{settings.worker}.handler").handle
    if settings.engine is None:
        return handle, None
    return handle, importlib.import_module("workers.engines").engine_from(settings.engine)


def _context(settings: Settings, call: dict[str, Any], workdir: Path, log: Logger, engine: Any) -> Context:
    job_id, attempt = call["job_id"], call["attempt"]
    return Context(
        job_id=job_id,
        worker=settings.worker,
        attempt=attempt,
        log=log,
        metrics=telemetry.metrics(settings, job_id=job_id, attempt=attempt),
        workdir=workdir,
        objects=Objects(
            uploads=settings.uploads_bucket, results=settings.results_bucket, prefix=f"{settings.worker}/{job_id}"
        ),
        uploads=settings.uploads_bucket,
        engine=engine,
        deadline=call["deadline"],
    )


def _run(handle: Handle, input: dict[str, Any], context: Context) -> dict[str, Any]:
    try:
        result = handle(input, context)
        outcome = {"body": _encode(result), "engine": _engine(result)}
    except BadInput as error:
        context.log.info("input refused")
        outcome = {"refused": str(error) or "the input cannot be used"}
    except BaseException as error:  # sys.exit() too
        outcome = _failed(context.log, error)
    if context.metrics.metric_set:
        context.metrics.flush_metrics()
    return outcome


def _encode(result: Any) -> str:
    """The result as JSON; an error that says what is wrong with it if it cannot be that."""
    if not isinstance(result, dict):
        raise TypeError(f"handle() returned {type(result).__name__}, not dict")
    try:
        body = json.dumps(result, allow_nan=False, ensure_ascii=False)
        size = len(body.encode())
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"handle() returned what JSON cannot hold: {error}") from error
    if size > MAX_RESULT_BYTES:
        raise ValueError(f"handle() returned {size:,} bytes of JSON, of which at most {MAX_RESULT_BYTES:,} are taken")
    return body


def _engine(result: dict[str, Any]) -> str | None:
    engine = result.get("engine")
    return engine if isinstance(engine, str) else None


def _failed(log: Logger, error: BaseException, what: str = "") -> dict[str, Any]:
    """The reason, with the error's message, is for the job's record; the log gets no message, see `telemetry.stack`."""
    log.error("the worker's code failed", error=type(error).__name__, stack=telemetry.stack(error))
    return {"failed": f"{what}{type(error).__name__}: {error}"}


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]))
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    sys.stdout.flush()
    os._exit(0)  # sys.exit() would wait for threads that the worker's code has left behind
