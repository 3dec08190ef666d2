"""Fixtures of the ETL worker's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from etl_support import Etl
from moto.backends import get_backend

from tests.mocked_aws import mocked_aws
from workers.runtime import clients


@pytest.fixture(scope="module")
def s3() -> Iterator[Any]:
    """A client, and an account in memory; to make them anew for each test would take longer than most of the tests."""
    with mocked_aws("us-east-1"):
        clients._client.cache_clear()
        yield clients.client("s3")
        clients._client.cache_clear()


@pytest.fixture
def etl(s3: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Etl:
    account = get_backend("s3")["123456789012"]["aws"]
    account.reset()
    for name in ("uploads", "results"):
        account.create_bucket(name, "us-east-1")
    monkeypatch.setenv("MAX_ATTEMPTS", "4")
    monkeypatch.delenv("WAREHOUSE_URL", raising=False)
    return Etl(s3, monkeypatch, tmp_path)
