"""Makes moto change what it stores at once, as the services do.

It reads and writes in several steps, and a request has a thread of its own: two conditional writes could both
succeed, and a message that is sent while another is deleted could be lost.
"""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable
from typing import Any

POLL_SECONDS = 0.05

_lock = threading.RLock()


@functools.cache
def make_atomic() -> None:
    """For this process, once and for all clouds."""
    from moto.dynamodb.responses import DynamoHandler
    from moto.sqs.models import SQSBackend

    DynamoHandler.call_action = _alone(DynamoHandler.call_action)
    for change in ("send_message", "delete_message", "change_message_visibility"):
        setattr(SQSBackend, change, _alone(getattr(SQSBackend, change)))
    SQSBackend.receive_message = _receive(_alone(SQSBackend.receive_message))


def _alone(change: Callable[..., Any]) -> Callable[..., Any]:
    def alone(*args: Any, **kwargs: Any) -> Any:
        with _lock:
            return change(*args, **kwargs)

    return alone


def _receive(receive: Callable[..., Any]) -> Callable[..., Any]:
    """A long poll that lets go of the lock between its looks at the queue."""

    def receive_message(backend: Any, queue_name: str, count: int, wait_seconds_timeout: int, *args: Any) -> Any:
        end = time.monotonic() + wait_seconds_timeout
        while not (found := receive(backend, queue_name, count, 0, *args)) and time.monotonic() < end:
            time.sleep(POLL_SECONDS)
        return found

    return receive_message
