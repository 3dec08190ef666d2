"""Fixtures of the batch worker's tests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from batch_support import Batch, account
from moto.s3.models import S3Backend

from tests.mocked_aws import mocked_aws
from workers.runtime import clients


@pytest.fixture(scope="module")
def s3() -> Iterator[Any]:
    """A client, and an account in memory; to make them anew for each test would take longer than most of the tests."""
    with mocked_aws("us-east-1"), pytest.MonkeyPatch.context() as patch:
        patch.setattr(S3Backend, "urls", account().urls)  # else made anew for each request
        clients._client.cache_clear()
        yield clients.client("s3")
        clients._client.cache_clear()


@pytest.fixture
def batch(s3: Any) -> Batch:
    found = Batch(s3)
    found.empty()
    return found
