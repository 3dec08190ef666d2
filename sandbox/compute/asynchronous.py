"""Asynchronous invocations: what EventBridge and its Scheduler do with a function.

An event is handed over and forgotten; if the function fails, Lambda tries twice more, after one and after two minutes
of the clock, unless the function is set to fewer attempts. In the end it goes to the function's own dead-letter queue.
The dead-letter queue of a rule's target or of a schedule gets only what could not be handed over at all: an event for
a function that does not exist.
"""

from __future__ import annotations

import json
import logging
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from sandbox.clock import Clock
from sandbox.compute.functions import FunctionError, Functions

if TYPE_CHECKING:
    from sandbox.cloud import Cloud

RETRY_SECONDS = (60, 120)  # Source: AWS Lambda, asynchronous invocation, error handling
THREADS = max(2, os.cpu_count() or 2)  # more would only wait for the processor

logger = logging.getLogger(__name__)


class Asynchronous:
    """Invokes functions without anybody waiting."""

    def __init__(self, cloud: Cloud, clock: Clock, functions: Functions):
        self._cloud, self._clock, self._functions = cloud, clock, functions
        self._pool = ThreadPoolExecutor(THREADS)
        self._retries: dict[str, int] = {}
        self._under_way = 0
        self._changed = threading.Condition()
        self._closed = False

    def set_retries(self, function: str, retries: int) -> None:
        """function: its name. retries: 0, 1 or 2."""
        self._retries[function] = retries

    def invoke(self, function: str, event: Any, undelivered: str | None = None, *, wait: bool = False) -> None:
        """Hand an event over. function: ARN. undelivered: ARN of the queue for what cannot be handed over.

        wait: for the end of the first attempt, before whatever else there is to do.
        """
        if not self._functions.exists(function):
            self._dead_letter(undelivered, event, "NO_PERMISSIONS", f"no function {function}")
        elif wait:
            self._begin()
            self._attempt(function, event, 0)
        else:
            self._submit(function, event, 0)

    def settle(self, seconds: float = 60) -> bool:
        """Wait until no attempt is under way; False if it takes longer. Attempts that are due later do not count."""
        with self._changed:
            return self._changed.wait_for(lambda: self._under_way == 0, seconds)

    def close(self) -> None:
        self._closed = True
        self._pool.shutdown(cancel_futures=True)

    def _submit(self, function: str, event: Any, attempt: int) -> None:
        if not self._closed:
            self._begin()
            self._pool.submit(self._attempt, function, event, attempt)

    def _begin(self) -> None:
        with self._changed:
            self._under_way += 1

    def _attempt(self, function: str, event: Any, attempt: int) -> None:
        try:
            self._functions.invoke(function, event)
        except FunctionError as error:
            if self._closed:
                return
            if attempt < self._retries.get(function.rsplit(":", 1)[-1], len(RETRY_SECONDS)):
                self._clock.after(RETRY_SECONDS[attempt], lambda: self._submit(function, event, attempt + 1))
            else:
                self._dead_letter(self._functions.dead_letters(function), event, "RetriesExhausted", str(error))
        except Exception:
            logger.exception("%s: an event is lost", function)
        finally:
            with self._changed:
                self._under_way -= 1
                self._changed.notify_all()

    def _dead_letter(self, queue: str | None, event: Any, code: str, text: str) -> None:
        if queue is None:
            logger.error("an event is lost, there is no dead-letter queue for it: %s", text)
            return
        sqs = self._cloud.client("sqs")
        attributes = {"ERROR_CODE": code, "ERROR_MESSAGE": text[:1000]}
        sqs.send_message(
            QueueUrl=sqs.get_queue_url(QueueName=queue.rsplit(":", 1)[-1])["QueueUrl"],
            MessageBody=json.dumps(event),
            MessageAttributes={
                name: {"DataType": "String", "StringValue": value or "-"} for name, value in attributes.items()
            },
        )
