"""Runs one handle() in a process of its own, whatever triggered it.

A hang, a crash, sys.exit() or running out of memory in a worker's code ends that process and nothing else: the task
can still say what became of the job. The process is a new one rather than a fork, because a fork shares locks and
connections with the threads of its parent, and is unsafe on macOS.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from enum import Enum, auto
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any

MAX_REASON = 1000  # characters; goes into the job's record and into a message attribute


class Event(Enum):
    """What a waiting task can be woken by."""

    ENDED = auto()  # the worker's process
    TERMINATED = auto()  # SIGTERM: a Spot reclaim, a cancelled job, StopTask
    FENCED = auto()  # the job is no longer ours


Events = SimpleQueue[Event]  # its put() may be called by a signal handler


@dataclass(frozen=True, kw_only=True)
class Call:
    """What handle() is to be called with. seconds: time it has."""

    job_id: str
    attempt: int
    input: dict[str, Any]
    seconds: float


@dataclass(frozen=True)
class Result:
    """handle() returned. body: its result as JSON. engine: who answered, as the result says."""

    body: str
    engine: str | None


@dataclass(frozen=True)
class Refused:
    """The input cannot be used. Another attempt would end the same way."""

    reason: str


@dataclass(frozen=True)
class TimedOut:
    """handle() took too long; as final as a refusal."""

    reason: str


@dataclass(frozen=True)
class Failure:
    """The worker's code failed; another attempt may go better."""

    reason: str


@dataclass(frozen=True)
class Crashed:
    """The worker's process ended without a word; another attempt may go better."""

    reason: str


@dataclass(frozen=True)
class Interrupted:
    """handle() was stopped before its end, for no fault of its own."""

    event: Event


Outcome = Result | Refused | TimedOut | Failure | Crashed | Interrupted


class Execution:
    """A process that imports the worker at once and waits for `run`; a context manager, which leaves nothing behind."""

    def __init__(self, events: Events):
        self._events = events
        self._scratch = Path(tempfile.mkdtemp())
        workdir = self._scratch / "work"
        workdir.mkdir()
        self._child = subprocess.Popen(
            [sys.executable, "-m", "workers.runtime.child", str(self._scratch)],
            stdin=subprocess.PIPE,
            env=os.environ | {"TMPDIR": str(workdir)},
            start_new_session=True,  # a process group, so that what the worker's code starts ends with it
        )
        Thread(target=self._wait, daemon=True).start()

    def _wait(self) -> None:
        self._child.wait()
        self._events.put(Event.ENDED)

    def __enter__(self) -> Execution:
        return self

    def __exit__(self, *_: object) -> None:
        self._kill()
        shutil.rmtree(self._scratch, ignore_errors=True)

    def run(self, call: Call) -> Outcome:
        """Let the process call handle(), and wait for its end, its timeout or an event."""
        deadline = time.monotonic() + call.seconds  # a clock that all processes of a machine share
        written = json.dumps(asdict(call) | {"deadline": deadline})
        (self._scratch / "call.json").write_text(written, encoding="utf-8")
        self._start()
        try:
            event = self._events.get(timeout=call.seconds)
        except Empty:
            self._kill()
            return TimedOut(f"did not finish within {call.seconds:g} s (the manifest's timeout)")
        if event is Event.ENDED:
            return self._outcome()
        self._kill()
        return Interrupted(event)

    def _start(self) -> None:
        assert self._child.stdin
        with suppress(BrokenPipeError):  # it has died already; the next event says so
            self._child.stdin.write(b"\n")
            self._child.stdin.flush()

    def _kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._child.pid, signal.SIGKILL)
        self._child.wait()

    def _outcome(self) -> Outcome:
        try:
            outcome = json.loads((self._scratch / "outcome.json").read_bytes())
        except FileNotFoundError:
            return Crashed(f"the worker's process ended without a result: {_ending(self._child.returncode)}")
        match outcome:
            case {"body": body, "engine": engine}:
                return Result(body, engine)
            case {"refused": reason}:
                return Refused(readable(reason))
            case _:
                return Failure(readable(outcome["failed"]))


def readable(reason: str) -> str:
    """A reason cut to its limit, without the control characters that a message attribute may not hold."""
    text = "".join(c if c.isprintable() or c in "\n\t" else "\ufffd" for c in reason)
    return text if len(text) <= MAX_REASON else text[: MAX_REASON - 1] + "…"


def _ending(returncode: int) -> str:
    if returncode >= 0:
        return f"exit code {returncode}"
    ending = f"killed by signal {-returncode} ({signal.strsignal(-returncode)})"
    return ending + (", as happens when memory runs out" if returncode == -signal.SIGKILL else "")
