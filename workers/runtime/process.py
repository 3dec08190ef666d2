"""The process that a worker's handle() runs in, as its parent sees it. `child` is its other side.

A hang, a crash, sys.exit() or running out of memory in a worker's code ends that process and nothing else: the task
can still say what became of the work. The process is a new one rather than a fork, because a fork shares locks and
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
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any

Line = dict[str, Any]  # what one side tells the other: calls down, their outcomes up, one JSON object a line

_CHUNK = 64 * 1024  # what a pipe holds
_FAREWELL_SECONDS = 5


class WorkerProcess:
    """Imports the worker at once, then runs the calls that it is sent: in order, as many at a time as it has lanes.

    told: called with the lines that have come, in a thread of its own.
    ended: called in a thread when the process and all that it had started are gone and its last line has been told.
    """

    def __init__(
        self,
        *,
        lanes: int,
        told: Callable[[WorkerProcess, Sequence[Line]], None],
        ended: Callable[[WorkerProcess], None],
    ):
        self._told = told
        self._ended = ended
        self._scratch = Path(tempfile.mkdtemp())
        work = self._scratch / "work"
        work.mkdir()
        self._outcomes, outlet = os.pipe()
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "workers.runtime.child", str(work), str(lanes), str(outlet)],
                stdin=subprocess.PIPE,
                pass_fds=[outlet],
                env=os.environ | {"TMPDIR": str(work)},
                start_new_session=True,  # a process group, so that what the worker's code starts ends with it
            )
        finally:
            os.close(outlet)
        self._calls: SimpleQueue[bytes | None] = SimpleQueue()
        self._reader = Thread(target=self._read, daemon=True)
        self._waiter = Thread(target=self._wait, daemon=True)
        for thread in (self._reader, self._waiter, Thread(target=self._write, daemon=True)):
            thread.start()

    @property
    def returncode(self) -> int | None:
        """None while it runs; minus the signal that ended it."""
        return self._process.returncode

    def send(self, calls: Sequence[Line]) -> None:
        """Let it run these calls after those that it has. Returns at once, even if the process takes nothing more."""
        self._calls.put("".join(json.dumps(call) + "\n" for call in calls).encode())

    def kill(self) -> None:
        """End it with everything it has started; `ended` is called soon."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def close(self) -> None:
        """End it, and return when nothing is left of it."""
        self.kill()
        self._waiter.join()

    def _write(self) -> None:
        assert self._process.stdin
        while lines := self._calls.get():
            with suppress(BrokenPipeError):  # it has died: `ended` says so
                self._process.stdin.write(lines)
                self._process.stdin.flush()
        with suppress(BrokenPipeError):
            self._process.stdin.close()

    def _read(self) -> None:
        parts: list[bytes] = []  # of a line whose end has not come
        with os.fdopen(self._outcomes, "rb", buffering=0) as outcomes:
            while chunk := outcomes.read(_CHUNK):
                parts.append(chunk)
                if b"\n" in chunk:
                    *lines, rest = b"".join(parts).split(b"\n")
                    parts = [rest]
                    self._told(self, [json.loads(line) for line in lines])

    def _wait(self) -> None:
        self._process.wait()
        self.kill()  # what it has started and left behind
        self._reader.join(_FAREWELL_SECONDS)  # a descendant that has left the group may still hold the pipe
        self._calls.put(None)
        shutil.rmtree(self._scratch, ignore_errors=True)
        self._ended(self)
