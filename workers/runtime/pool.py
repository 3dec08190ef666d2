"""The processes that a worker's code runs in: warm, replaced when they hang, crash, leak or grow old.

Everything here happens in the service's thread; what the processes tell comes to it through the inbox.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from aws_lambda_powertools import Logger

from workers.runtime.crew import Inbox
from workers.runtime.execution import Call, Outcome, crashed, outcome_of, timed_out
from workers.runtime.held import Held
from workers.runtime.process import Line, WorkerProcess
from workers.runtime.report import Report

RECYCLE_MESSAGES = 100_000  # a process that has run so many is replaced, whatever its memory
LOAD_SECONDS = 300.0
LOAD_TRIES = 3
RECALL_SECONDS = 1.0  # a call that runs for so long is not short: those that wait behind it are taken back

Ended = tuple[Held, Outcome | None, float]  # outcome: None if it was stopped for another's sake; seconds it took


class Unfit(Exception):
    """The worker cannot be loaded, so no message can be processed."""


@dataclass
class _Run:
    """A call that a process has. began: when it could begin at the earliest; None while others are before it."""

    held: Held
    seconds: float
    began: float | None = None
    overdue: bool = False
    interrupted: bool = False


@dataclass(eq=False)
class _Child:
    """runs: in order; the first of them, as many as the process has lanes, have begun. outbox: not yet sent."""

    process: WorkerProcess
    started: float
    ready: bool = False
    retiring: bool = False
    served: int = 0
    recalled: bool = False
    rss_mb: int = 0
    runs: dict[int, _Run] = field(default_factory=dict)
    outbox: list[Line] = field(default_factory=list)


class Pool:
    """So many processes with so many lanes each. A process whose memory exceeds rss_limit_mb is replaced once idle."""

    def __init__(self, *, processes: int, lanes: int, rss_limit_mb: float, inbox: Inbox, log: Logger, report: Report):
        self.lanes = processes * lanes
        self._lanes = lanes
        self._rss_limit_mb = rss_limit_mb
        self._inbox = inbox
        self._log = log
        self._report = report
        self._number = 0
        self._failed_loads = 0
        self._children: dict[WorkerProcess, _Child] = {}
        self._ended: list[Ended] = []
        self._closing = False
        for _ in range(processes):
            self._start()

    def _start(self) -> None:
        process = WorkerProcess(
            lanes=self._lanes,
            told=lambda process, lines: self._inbox.put(lambda: self._hear(process, lines)),
            ended=lambda process: self._inbox.put(lambda: self._gone(process)),
        )
        self._children[process] = _Child(process, time.monotonic())

    @property
    def running(self) -> int:
        """How many calls the processes have."""
        return sum(len(child.runs) for child in self._children.values())

    @property
    def loaded(self) -> bool:
        """Whether a process could take a call, now or when it has room."""
        return any(child.ready and not child.retiring for child in self._children.values())

    def room(self, parcel: int) -> int:
        """How many calls could be given now, where each process may have so many beyond those that it can run."""
        now = time.monotonic()
        return sum(max(0, self._places(child, parcel, now) - len(child.runs)) for child in self._open())

    def _places(self, child: _Child, parcel: int, now: float) -> int:
        return self._lanes + (0 if self._slow(child, now) else parcel)

    def _slow(self, child: _Child, now: float) -> bool:
        first = next(iter(child.runs.values()), None)
        return first is not None and first.began is not None and now >= first.began + RECALL_SECONDS

    def submit(self, held: Held, call: Call, parcel: int) -> bool:
        """Give it to the process that has the least to do, when `send` is called next. False if there is no place."""
        now = time.monotonic()
        places = [child for child in self._open() if not (held.alone and child.runs)]
        child = min(places, key=lambda child: len(child.runs), default=None)
        if child is None or len(child.runs) >= self._places(child, parcel, now):
            return False
        self._number += 1
        child.runs[self._number] = _Run(held, call.seconds)
        child.outbox.append(call.line(self._number))
        self._note_begun(child)
        return True

    def send(self) -> None:
        for child in self._children.values():
            if child.outbox:
                child.process.send(child.outbox)
                child.outbox = []

    def take_ended(self) -> list[Ended]:
        """What has ended since the last call."""
        ended, self._ended = self._ended, []
        return ended

    def wakes_at(self) -> float | None:
        """When the next call is overdue, or a process that loads."""
        times = [run.began + run.seconds for _, run in self._begun() if not run.overdue and run.began is not None]
        times += [
            first.began + RECALL_SECONDS
            for child in self._children.values()
            if len(child.runs) > self._lanes
            and not child.recalled
            and (first := self._first(child)[0]).began is not None
        ]
        times += [child.started + LOAD_SECONDS for child in self._children.values() if not child.ready]
        return min(times, default=None)

    def stop_overdue(self, now: float) -> None:
        """Kill the processes in which a call has taken too long."""
        for child, run in self._begun():
            if run.began is not None and now >= run.began + run.seconds:
                run.overdue = True
                self._kill(child)
        for child in self._children.values():
            if not child.ready and now >= child.started + LOAD_SECONDS:
                self._kill(child)

    def recall(self, now: float, *, everything: bool) -> None:
        """Take back calls that have not begun, all or those behind one that takes long. Their outcome will be None."""
        for child in self._children.values():
            waits = len(child.runs) > self._lanes and not child.recalled
            if waits and (everything or self._slow(child, now)):
                child.recalled = True
                child.outbox.append({"recall": True})
        self.send()

    def interrupt(self, held: Held) -> None:
        """Kill the process that runs this message. Its outcome will be None."""
        for child in self._children.values():
            for run in child.runs.values():
                if run.held is held:
                    run.interrupted = True
                    self._kill(child)

    def close(self) -> None:
        """Kill every process. The outcome of what still runs will be None."""
        self._closing = True
        for child in self._children.values():
            for run in child.runs.values():
                run.interrupted = True
            self._kill(child)

    def join(self) -> None:
        """Kill every process and wait until nothing is left of them."""
        self.close()
        for child in self._children.values():
            child.process.close()

    def _kill(self, child: _Child) -> None:
        child.retiring = True
        child.process.kill()

    def _open(self) -> list[_Child]:
        return [
            child
            for child in self._children.values()
            if child.ready and not child.retiring and not any(run.held.alone for run in child.runs.values())
        ]

    def _begun(self) -> list[tuple[_Child, _Run]]:
        return [(child, run) for child in self._children.values() for run in self._first(child)]

    def _first(self, child: _Child) -> list[_Run]:
        return list(child.runs.values())[: self._lanes]

    def _note_begun(self, child: _Child) -> None:
        now = time.monotonic()
        for run in self._first(child):
            run.began = run.began or now

    def _hear(self, process: WorkerProcess, lines: Sequence[Line]) -> None:
        child = self._children.get(process)
        if child is None:
            return  # a descendant of a dead process still had the pipe
        for line in lines:
            if "unfit" in line:
                self._closing = True
                raise Unfit(line["unfit"])
            if "rss" in line:
                child.rss_mb = line["rss"]
                self._report.memory(process, line["peak"])
            if "ready" in line:
                child.ready, self._failed_loads = True, 0
                continue
            if "returned" in line:
                child.recalled = False
                self._ended += [(child.runs.pop(number).held, None, 0.0) for number in line["returned"]]
                continue
            run = child.runs.pop(line["call"])
            child.served += 1
            self._ended.append((run.held, outcome_of(line), line["seconds"]))
        self._note_begun(child)
        self._retire(child)

    def _retire(self, child: _Child) -> None:
        large = child.served > 0 and child.rss_mb > self._rss_limit_mb
        if not child.retiring and (large or child.served >= RECYCLE_MESSAGES):
            child.retiring = True
            self._report.count(Counter(Recycled=1))
            self._log.info("a process is replaced", rss_mb=child.rss_mb, messages=child.served)
        if child.retiring and not child.runs:
            child.process.kill()

    def _gone(self, process: WorkerProcess) -> None:
        child = self._children.pop(process)
        self._report.gone(process)
        suspects = [run for run in self._first(child) if not run.interrupted]
        stopped = any(run.overdue or run.interrupted for run in child.runs.values())
        now = time.monotonic()
        for run in child.runs.values():
            outcome: Outcome | None = None
            if run.overdue:
                outcome = timed_out(run.seconds)
            elif not stopped and run in suspects:
                if len(suspects) == 1:
                    outcome = crashed(process.returncode)
                else:
                    run.held.alone = True  # one of them did it: next time each has a process for itself
            self._ended.append((run.held, outcome, now - (run.began or now)))
        if self._closing:
            return
        if not child.ready:
            self._failed_loads += 1
            if self._failed_loads >= LOAD_TRIES:
                self._closing = True
                raise Unfit(f"the worker's process ended {LOAD_TRIES} times while it loaded the worker")
        self._start()
