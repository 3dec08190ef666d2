"""Fixtures of the data processor's tests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from data_support import Data, account
from moto.s3.models import S3Backend

from tests.mocked_aws import mocked_aws
from workers.data_processor import division
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
def data(s3: Any, monkeypatch: pytest.MonkeyPatch) -> Data:
    """Even small objects are cut."""
    monkeypatch.setattr(division, "SMALL", 0)
    found = Data(s3)
    found.empty()
    return found
