"""How much of the container DuckDB may use."""

from __future__ import annotations

import os

GIB = 1024**3
DUCKDB_SHARE = 0.4  # of the container's memory: what it holds beyond its limit, Python and the runtime need the rest
LEAST = 192 * 1024**2


def memory() -> int:
    """Bytes. By MEMORY_GB, which the job's size sets."""
    return max(LEAST, int(float(os.environ.get("MEMORY_GB", "1")) * GIB * DUCKDB_SHARE))


def threads() -> int:
    """By VCPU: at least one, and no more than there are cores."""
    return max(1, min(int(float(os.environ.get("VCPU", "1"))), os.cpu_count() or 1))
