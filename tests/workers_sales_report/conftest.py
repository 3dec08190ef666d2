"""Fixtures of the sales report's tests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from moto import mock_aws
from report_support import Shop

from workers.runtime import clients


@pytest.fixture(scope="package")
def s3() -> Iterator[Any]:
    """A client, and an account in memory; to make them anew for each test would take longer than most of the tests."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "x")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.delenv("AWS_ENDPOINT_URL", raising=False)
        clients._client.cache_clear()
        with mock_aws():
            yield clients.client("s3")
        clients._client.cache_clear()


@pytest.fixture
def shop(s3: Any) -> Shop:
    for name in ("uploads", "elsewhere"):
        s3.create_bucket(Bucket=name)
        for item in s3.list_objects_v2(Bucket=name).get("Contents", ()):
            s3.delete_object(Bucket=name, Key=item["Key"])
    return Shop(s3)
