"""Fixtures of the tests of the sandbox's queue half."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from small_cloud import Small


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Small]:
    """An empty cloud whose clock stands still until it is stepped."""
    small = Small(tmp_path)
    with small.cloud:
        yield small
