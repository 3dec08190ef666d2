"""Calls of handle() and how they end, whatever triggered them; and the execution of a single one."""

from __future__ import annotations

import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from queue import Empty, SimpleQueue
from typing import Any

from workers.runtime.process import Line, WorkerProcess

MAX_REASON = 1000  # characters; goes into the job's record and into a message attribute


class Event(Enum):
    """What a waiting task can be woken by."""

    ENDED = auto()  # the worker's process
    TERMINATED = auto()  # SIGTERM: a Spot reclaim, a cancelled job, StopTask
    FENCED = auto()  # the job is no longer ours


Events = SimpleQueue[Event]  # its put() may be called by a signal handler


@dataclass(frozen=True, kw_only=True)
class Call:
    """What handle() is to be called with.

    prefix: of the keys that it writes in the results bucket. seconds: time it has.
    index, size: which part of an array job it is, of how many.
    """

    job_id: str
    attempt: int
    input: dict[str, Any]
    prefix: str
    seconds: float
    index: int = 0
    size: int = 1

    def line(self, number: int) -> Line:
        """The call as the worker's process is told it; its outcome will carry the number."""
        return {
            "call": number,
            "job_id": self.job_id,
            "attempt": self.attempt,
            "input": self.input,
            "prefix": self.prefix,
            "index": self.index,
            "size": self.size,
            "deadline": time.monotonic() + self.seconds,  # of a clock that all processes of a machine share
        }


@dataclass(frozen=True)
class Result:
    """handle() returned. body: its result as JSON. engine: who answered, as the result says.

    summary, document_key: what its `notice` says: a sentence, and the key of the file that people are to open.
    """

    body: str
    engine: str | None
    summary: str | None
    document_key: str | None


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
class LackedMemory(Failure):
    """With more of it, another attempt may go better."""


@dataclass(frozen=True)
class CallFailed(Failure):
    """A call that the worker's code made of AWS was refused. So may be the next message's, for the same cause."""


@dataclass(frozen=True)
class DownstreamFailed(CallFailed):
    """Something that the worker's code depends on is failing, for no fault of the input."""


@dataclass(frozen=True)
class Crashed:
    """The worker's process ended without a word; another attempt may go better.

    killed: by SIGKILL, which is how the kernel takes memory back.
    """

    reason: str
    killed: bool = False


@dataclass(frozen=True)
class Interrupted:
    """handle() was stopped before its end, for no fault of its own."""

    event: Event


Outcome = Result | Refused | TimedOut | Failure | Crashed | Interrupted


class Execution:
    """A process that imports the worker at once and waits for `run`; a context manager, which leaves nothing behind."""

    def __init__(self, events: Events):
        self._events = events
        self._last: Line | None = None
        self._process = WorkerProcess(lanes=1, told=self._hear, ended=lambda _: events.put(Event.ENDED))

    def _hear(self, _: WorkerProcess, lines: Sequence[Line]) -> None:
        for line in lines:
            if "ready" not in line:
                self._last = line
                self._events.put(Event.ENDED)

    def __enter__(self) -> Execution:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.close()

    def run(self, call: Call) -> Outcome:
        """Let the process call handle(), and wait for its end, its timeout or an event."""
        self._process.send([call.line(1)])
        try:
            event = self._events.get(timeout=call.seconds)
        except Empty:
            return timed_out(call.seconds)
        finally:
            self._process.close()
        if event is not Event.ENDED:
            return Interrupted(event)
        return crashed(self._process.returncode) if self._last is None else outcome_of(self._last)


def outcome_of(line: Line) -> Outcome:
    """What the worker's process has told about a call, or about itself if it cannot load the worker."""
    match line:
        case {"body": body, "engine": engine, "summary": summary, "document_key": document_key}:
            return Result(body, engine, summary, document_key)
        case {"refused": reason}:
            return Refused(readable(reason))
        case {"failed": reason, "blame": "memory"}:
            return LackedMemory(readable(reason))
        case {"failed": reason, "blame": "downstream"}:
            return DownstreamFailed(readable(reason))
        case {"failed": reason, "blame": "call"}:
            return CallFailed(readable(reason))
        case {"failed": reason} | {"unfit": reason}:
            return Failure(readable(reason))
        case _:
            raise ValueError(f"the worker's process told nothing that is known: {sorted(line)}")


def timed_out(seconds: float) -> TimedOut:
    return TimedOut(f"did not finish within {seconds:g} s (the manifest's timeout)")


def crashed(returncode: int | None) -> Crashed:
    reason = f"the worker's process ended without a result: {_ending(returncode or 0)}"
    return Crashed(reason, killed=returncode == -signal.SIGKILL)


def readable(reason: str) -> str:
    """A reason cut to its limit, without the control characters that a message attribute may not hold."""
    text = "".join(c if c.isprintable() or c in "\n\t" else "\ufffd" for c in reason)
    return text if len(text) <= MAX_REASON else text[: MAX_REASON - 1] + "…"


def _ending(returncode: int) -> str:
    if returncode >= 0:
        return f"exit code {returncode}"
    ending = f"killed by signal {-returncode} ({signal.strsignal(-returncode)})"
    return ending + (", as happens when memory runs out" if returncode == -signal.SIGKILL else "")
