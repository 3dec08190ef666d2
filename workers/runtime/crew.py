"""Threads for calls that wait, beside the one thread that decides."""

from __future__ import annotations

from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

T = TypeVar("T")
Inbox = SimpleQueue[Any]  # what the deciding thread has to do next: functions to call, and `execution.Event`s


class Crew:
    """So many threads that take one piece of work after another; one thread keeps its order.

    They end with the process.
    """

    def __init__(self, threads: int, inbox: Inbox):
        self._inbox = inbox
        self._work: SimpleQueue[Callable[[], None]] = SimpleQueue()
        for _ in range(threads):
            Thread(target=self._serve, daemon=True).start()

    def run(self, work: Callable[[], T], then: Callable[[T], None]) -> None:
        """Do the work in one of the threads and let the deciding thread do `then` with its result.

        What the work raises, the deciding thread raises.
        """

        def serve() -> None:
            try:
                result = work()
            except BaseException as error:
                self._inbox.put(_raiser(error))
            else:
                self._inbox.put(lambda: then(result))

        self._work.put(serve)

    def _serve(self) -> None:
        while True:
            self._work.get()()


def _raiser(error: BaseException) -> Callable[[], None]:
    def throw() -> None:
        raise error

    return throw
