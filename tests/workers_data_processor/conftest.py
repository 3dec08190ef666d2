"""Fixtures of the data processor's tests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from data_support import Data

from tests.mocked_s3 import mocked_s3
from workers.data_processor import division


@pytest.fixture(scope="module")
def s3() -> Iterator[Any]:
    with mocked_s3() as client:
        yield client


@pytest.fixture
def data(s3: Any, monkeypatch: pytest.MonkeyPatch) -> Data:
    """Even small objects are cut."""
    monkeypatch.setattr(division, "SMALL", 0)
    found = Data(s3)
    found.empty()
    return found
