"""Retries with full jitter, and a circuit breaker, around calls of a model's service."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import TypeVar

import pybreaker
import tenacity

from workers.engines.base import EngineBusy

ATTEMPTS = 4
LONGEST_WAIT = 20.0  # seconds; cap of the exponential wait
LONGEST_RETRY_AFTER = 60.0  # seconds; asked to wait longer, the job goes back to its queue instead of paying for a wait
OPEN_AFTER = 5  # failures in a row
OPEN_SECONDS = 60.0

T = TypeVar("T")


class Guard:
    """Calls a service for one engine. The circuit opens after 5 failures in a row and tries one call after 60 s.

    sleep: waits that many seconds. circuit: where the breaker keeps its state.
    """

    def __init__(
        self, *, sleep: Callable[[float], None] = time.sleep, circuit: pybreaker.CircuitBreakerStorage | None = None
    ):
        self._breaker = pybreaker.CircuitBreaker(
            fail_max=OPEN_AFTER,
            reset_timeout=OPEN_SECONDS,
            exclude=[lambda error: not isinstance(error, EngineBusy)],
            throw_new_error_on_trip=False,
            state_storage=circuit,
        )
        self._retrying = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(ATTEMPTS),
            retry=tenacity.retry_if_exception(_worth_waiting),
            wait=_wait,
            sleep=sleep,
            reraise=True,
        )

    def call(self, call: Callable[[], T]) -> T:
        """The result of `call`, which raises EngineBusy for what may pass. While the circuit is open: EngineBusy."""
        try:
            return self._retrying(self._breaker.call, call)
        except pybreaker.CircuitBreakerError as error:
            raise EngineBusy(f"the engine failed {OPEN_AFTER} times in a row and is left alone for now") from error


def _worth_waiting(error: BaseException) -> bool:
    return isinstance(error, EngineBusy) and (error.retry_after or 0) <= LONGEST_RETRY_AFTER


_jitter = tenacity.wait_random_exponential(multiplier=1, max=LONGEST_WAIT)


def _wait(state: tenacity.RetryCallState) -> float:
    """Full jitter; on top of Retry-After if the service named one, so that all its callers do not return at once."""
    error = state.outcome.exception() if state.outcome else None
    asked = error.retry_after if isinstance(error, EngineBusy) else None
    return (asked or 0.0) + _jitter(state)


def retry_after(header: str | None) -> float | None:
    """Seconds to wait from a Retry-After header, which holds seconds or an HTTP date; None if it holds neither."""
    if not header:
        return None
    try:
        return max(0.0, float(header))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(header) - dt.datetime.now(dt.UTC)).total_seconds())
    except (ValueError, TypeError):
        return None
