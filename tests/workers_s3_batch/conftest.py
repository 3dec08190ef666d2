"""Fixtures of the batch worker's tests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from batch_support import Batch

from tests.mocked_s3 import mocked_s3


@pytest.fixture(scope="module")
def s3() -> Iterator[Any]:
    with mocked_s3() as client:
        yield client


@pytest.fixture
def batch(s3: Any) -> Batch:
    found = Batch(s3)
    found.empty()
    return found
