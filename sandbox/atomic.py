"""Makes moto change what it stores at once, as the services do.

It reads and writes in several steps, and a request has a thread of its own: two conditional writes could both
succeed, a message that is sent while another is deleted could be lost, and writing an object twice at once could fail.
"""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable
from typing import Any

POLL_SECONDS = 0.05

_lock = threading.RLock()
_objects = threading.RLock()  # its own, since who stores an object may wait for a message that tells of it


@functools.cache
def make_atomic() -> None:
    """For this process, once and for all clouds."""
    from moto.dynamodb.responses import DynamoHandler
    from moto.s3.responses import S3Response
    from moto.sqs.models import SQSBackend

    DynamoHandler.call_action = _alone(DynamoHandler.call_action)
    for change in ("send_message", "delete_message", "change_message_visibility"):
        setattr(SQSBackend, change, _alone(getattr(SQSBackend, change)))
    for access in ("put_object", "get_object"):
        setattr(S3Response, access, _alone(getattr(S3Response, access), _objects))
    SQSBackend.receive_message = _receive(_alone(SQSBackend.receive_message))


def _alone(change: Callable[..., Any], lock: threading.RLock = _lock) -> Callable[..., Any]:
    def alone(*args: Any, **kwargs: Any) -> Any:
        with lock:
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
