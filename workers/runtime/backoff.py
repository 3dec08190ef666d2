"""How long what has failed waits for its next attempt."""

from __future__ import annotations

import math

MAX_BACKOFF_SECONDS = 900


def backoff_seconds(base: float, failures: int) -> int:
    """Wait before the next attempt, after so many failures before this one: base, then twice that, and so on."""
    return math.ceil(min(base * 2.0 ** min(failures, 20), MAX_BACKOFF_SECONDS))
