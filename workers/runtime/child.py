"""The process that a worker's code runs in: `python -m workers.runtime.child WORK LANES OUTLET`, see `process`.

WORK is an empty folder on the scratch volume. On stdin comes a line for each call. To the file descriptor OUTLET goes
`ready` once the worker is imported, or why it cannot be; then an outcome for each call, when it has ended. The line
`recall` takes back the calls that have not begun.
"""

from __future__ import annotations

import faulthandler
import importlib
import json
import os
import shutil
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import Any

from aws_lambda_powertools import Logger

from workers.runtime import telemetry
from workers.runtime.context import BadInput, Context, Downstream
from workers.runtime.inputs import Handle, checked
from workers.runtime.objects import MIB, Objects
from workers.runtime.settings import Settings, load, mode

MAX_RESULT_BYTES = 10 * MIB  # larger output belongs into objects of its own
MAX_REASON = 4000  # characters; the parent cuts it further
MAX_SUMMARY = 500  # the same of a notice's text, which phones show
# An outcome also tells the memory of the process, unless the call was short: to find it out takes some 0.05 ms.
SHORT_SECONDS = 0.005
MEMORY_SECONDS = 1.0


def main(work: Path, lanes: int, outlet: int) -> None:
    """Returns only if the worker cannot be loaded."""
    calls: SimpleQueue[dict[str, Any]] = SimpleQueue()
    tell = _Teller(outlet)
    _follow_parent(calls, tell)
    with suppress(OSError):  # Linux only: when memory runs out, this process must go, not its parent
        Path("/proc/self/oom_score_adj").write_text("1000")
    faulthandler.enable()
    settings = load(os.environ)
    log = telemetry.logger(settings.worker)
    try:
        handle, engine = _import(settings)
    except BaseException as error:
        tell({"unfit": f"the worker cannot be loaded: {_failed(log, error)['failed']}"})
        return
    tell({"ready": True})
    places = [work] if lanes == 1 else [work / str(number) for number in range(lanes)]
    first, *others = [Lane(settings, log, calls, tell, handle, engine, place, shared=lanes > 1) for place in places]
    for lane in others:
        Thread(target=_or_exit, args=[lane.serve], daemon=True).start()
    first.serve()  # in the main thread, where code that handles signals works, too


def _or_exit(serve: Callable[[], None]) -> None:
    """A lane that breaks must not leave its call unanswered: the end of the process answers it."""
    try:
        serve()
    except BaseException:
        traceback.print_exc()
        os._exit(1)


def _follow_parent(calls: SimpleQueue[dict[str, Any]], tell: _Teller) -> None:
    """Take the calls from stdin, or give back those that have not begun. When stdin ends the parent is gone, and this
    process ends too."""
    control = os.fdopen(os.dup(0), "rb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)  # what the worker's code starts must not read the parent's lines

    def follow() -> None:
        for line in control:
            call = json.loads(line)
            if "recall" in call:
                tell({"returned": list(_take_all(calls))})
            else:
                calls.put(call)
        os._exit(1)

    Thread(target=follow, daemon=True).start()


def _take_all(calls: SimpleQueue[dict[str, Any]]) -> Iterator[int]:
    """Numbers of the calls that no lane has taken, and will not."""
    with suppress(Empty):
        while True:
            yield calls.get_nowait()["call"]


class _Teller:
    """Writes lines to the parent, each in one piece."""

    def __init__(self, outlet: int):
        os.set_inheritable(outlet, False)
        self._stream = os.fdopen(outlet, "wb", buffering=0)
        self._lock = Lock()
        self._next_memory = 0.0

    def __call__(self, line: dict[str, Any]) -> None:
        sys.stdout.flush()
        with self._lock:
            now = time.monotonic()
            if now >= self._next_memory or line.get("seconds", 0) > SHORT_SECONDS:
                self._next_memory = now + MEMORY_SECONDS
                line |= telemetry.process_memory()
            left = memoryview(json.dumps(line).encode() + b"\n")
            while left:
                left = left[self._stream.write(left) :]


def _import(settings: Settings) -> tuple[Handle, Any]:
    """The worker's function and the engine it may ask."""
    module = importlib.import_module(f"workers.{settings.worker}.handler")
    handle = module.handle
    if mode(os.environ) != "api":  # the API has checked it
        handle = checked(handle, Path(str(module.__file__)).with_name("worker.yaml"))
    if settings.engine is None:
        return handle, None
    return handle, importlib.import_module("workers.engines").engine_from(settings.engine)


class Lane:
    """Takes one call after another, in a folder of its own.

    shared: whether other lanes run in the same process; log keys are then kept by thread.
    """

    def __init__(
        self,
        settings: Settings,
        log: Logger,
        calls: SimpleQueue[dict[str, Any]],
        tell: Callable[[dict[str, Any]], None],
        handle: Handle,
        engine: Any,
        workdir: Path,
        *,
        shared: bool,
    ):
        self._settings = settings
        self._log = log
        self._calls = calls
        self._tell = tell
        self._handle = handle
        self._engine = engine
        self._workdir = workdir
        self._keep_keys = log.thread_safe_append_keys if shared else log.append_keys
        workdir.mkdir(exist_ok=True)

    def serve(self) -> None:
        while True:
            call = self._calls.get()
            self._keep_keys(job_id=call["job_id"], worker=self._settings.worker, attempt=call["attempt"])
            began = time.monotonic()
            outcome = self._run(call["input"], self._context(call))
            self._tell(outcome | {"call": call["call"], "seconds": time.monotonic() - began})
            self._wipe()

    def _context(self, call: dict[str, Any]) -> Context:
        settings, job_id, attempt = self._settings, call["job_id"], call["attempt"]
        return Context(
            job_id=job_id,
            worker=settings.worker,
            attempt=attempt,
            log=self._log,
            metrics=telemetry.metrics(settings, job_id=job_id, attempt=attempt),
            workdir=self._workdir,
            objects=Objects(uploads=settings.uploads_bucket, results=settings.results_bucket, prefix=call["prefix"]),
            uploads=settings.uploads_bucket,
            results=settings.results_bucket,
            engine=self._engine,
            deadline=call["deadline"],
            index=call["index"],
            size=call["size"],
        )

    def _run(self, input: dict[str, Any], context: Context) -> dict[str, Any]:
        try:
            result = self._handle(input, context)
            outcome = {"body": _encode(result), "engine": _engine(result), **_notice(result, context.objects.prefix)}
        except BadInput as error:
            context.log.info("input refused")
            outcome = {"refused": str(error) or "the input cannot be used"}
        except BaseException as error:  # sys.exit() too
            outcome = _failed(context.log, error)
        if context.metrics.metric_set:
            context.metrics.flush_metrics()
        return outcome

    def _wipe(self) -> None:
        try:
            with os.scandir(self._workdir) as entries:
                clean = next(entries, None) is None
        except OSError:
            clean = False
        if not clean:
            shutil.rmtree(self._workdir, ignore_errors=True)
            self._workdir.mkdir(exist_ok=True)


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


def _notice(result: dict[str, Any], prefix: str) -> dict[str, str | None]:
    """The text of the result's `notice`, cut if it is long, and its file's key if that is one of this job's."""
    match result.get("notice"):
        case {"text": str(text), "file": {"key": str(key)}} if key.startswith(f"{prefix}/"):
            return {"summary": text[:MAX_SUMMARY], "document_key": key}
        case {"text": str(text)}:
            return {"summary": text[:MAX_SUMMARY], "document_key": None}
        case _:
            return {"summary": None, "document_key": None}


def _failed(log: Logger, error: BaseException) -> dict[str, Any]:
    """The reason, with the error's message, is for the job's record; the log gets no message, see `telemetry.stack`."""
    log.error("the worker's code failed", error=type(error).__name__, stack=telemetry.stack(error))
    failed = {"failed": f"{type(error).__name__}: {error}"[:MAX_REASON]}
    if isinstance(error, MemoryError):
        return failed | {"blame": "memory"}
    if isinstance(error, Downstream):
        return failed | {"blame": "downstream"}
    if "botocore" in sys.modules:  # else it is none of its errors, and importing it takes time and memory
        from workers.runtime import faults

        if faults.is_service_fault(error):
            return failed | {"blame": "downstream"}
        if isinstance(error, faults.AwsError):
            return failed | {"blame": "call"}
    return failed


if __name__ == "__main__":
    _or_exit(lambda: main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
    sys.stdout.flush()
    os._exit(1)  # sys.exit() would wait for threads that the worker's code has left behind
