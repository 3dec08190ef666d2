"""The time of everything that the sandbox does by the clock.

Metrics, alarms, scaling, cooldowns, schedules and the pauses of Kubernetes go by this clock, and functions read it, so
that a test can step it and a demonstration can hurry it. Messages' visibility and delay, the workers' processes and
the protection of their tasks stay in real time: moto and the processes know no other. At a factor of 30, a worker that
takes a second looks as if it had taken half a minute.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
import time
from collections.abc import Callable

Action = Callable[[], object]

logger = logging.getLogger(__name__)


class Clock:
    """Runs actions when they are due, one after the other in the order of their instants.

    A clock that is hurried or stepped stands still while an action runs. So it never skips a minute, however slow the
    machine is for its factor: it goes slower instead.
    """

    def __init__(self, factor: float = 1):
        """factor: seconds of this clock in a second; 0 stands still until it is stepped."""
        self._factor = factor
        self._base, self._since = time.time(), time.monotonic()
        self._held: float | None = None
        self._due: list[tuple[float, int, Action]] = []
        self._order = itertools.count()
        self._changed = threading.Condition()
        self._turn = threading.RLock()  # held by whoever runs actions
        self._closed = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def factor(self) -> float:
        return self._factor

    @factor.setter
    def factor(self, factor: float) -> None:
        with self._changed:
            self._base, self._since, self._factor = self._now(), time.monotonic(), factor
            self._changed.notify_all()

    def now(self) -> float:
        """Seconds of the epoch; the real time until the clock was first hurried or stepped."""
        with self._changed:
            return self._now()

    def at(self, instant: float, action: Action) -> None:
        """Run the action once. instant: seconds of the epoch; one that has passed is now."""
        with self._changed:
            self._add(instant, action)

    def after(self, seconds: float, action: Action) -> None:
        """Run the action once."""
        with self._changed:
            self._add(self._now() + seconds, action)

    def every(self, seconds: float, action: Action, *, aligned: bool = False) -> None:
        """Run the action again and again; aligned: at the multiples of `seconds`, as at each full minute."""
        with self._changed:
            now = self._now()
            self._repeat((now // seconds + 1) * seconds if aligned else now + seconds, seconds, action)

    def step(self, seconds: float) -> None:
        """Go ahead by so many seconds; what is due on the way has run when this returns."""
        with self._turn:
            with self._changed:
                until = self._now() + seconds
            self._run_due(until)
            with self._changed:
                self._base, self._since, self._held = until, time.monotonic(), None
                self._changed.notify_all()

    def close(self) -> None:
        """Runs nothing more; waits for an action under way."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join()

    def _now(self) -> float:
        if self._held is not None:
            return self._held
        return self._base + (time.monotonic() - self._since) * self._factor

    def _add(self, due: float, action: Action) -> None:
        heapq.heappush(self._due, (due, next(self._order), action))
        self._changed.notify_all()

    def _repeat(self, due: float, seconds: float, action: Action) -> None:
        def run() -> None:
            with self._changed:
                self._repeat(due + seconds, seconds, action)
            action()

        self._add(due, run)

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._closed and (wait := self._wait()) != 0:
                    self._changed.wait(wait)
                if self._closed:
                    return
            with self._turn:
                self._run_due(None)

    def _wait(self) -> float | None:
        """Seconds until the next action; None: until something changes."""
        if not self._due or not self._factor:
            return None
        return min(max(0.0, (self._due[0][0] - self._now()) / self._factor), threading.TIMEOUT_MAX)

    def _run_due(self, until: float | None) -> None:
        """Run what is due by `until`, or by now."""
        while True:
            with self._changed:
                if self._closed or not self._due or self._due[0][0] > (self._now() if until is None else until):
                    return
                due, _, action = heapq.heappop(self._due)
                if until is not None or self._factor != 1:
                    self._held = max(due, self._held or due)
            try:
                action()
            except Exception:  # the clock outlives whatever goes wrong
                logger.exception("an action of the clock failed")
            with self._changed:
                if self._held is not None:
                    self._base, self._since = self._held, time.monotonic()
                if until is None:
                    self._held = None
