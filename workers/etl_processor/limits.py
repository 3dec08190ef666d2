"""How much of the container DuckDB may hold."""

from __future__ import annotations

import os

GIB = 1024**3
SHARE = 0.4  # of the container's memory: what it holds beyond its limit, Python and the runtime need the rest
LEAST = 192 * 1024**2


def memory() -> int:
    """Bytes. By MEMORY_GB, which the platform sets."""
    return max(LEAST, int(float(os.environ.get("MEMORY_GB", "1")) * GIB * SHARE))
