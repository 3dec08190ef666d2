"""Fixtures of the sales report's tests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from report_support import Shop

from tests.mocked_aws import mocked_aws
from workers.runtime import clients


@pytest.fixture(scope="module")
def s3() -> Iterator[Any]:
    """A client, and an account in memory; to make them anew for each test would take longer than most of the tests."""
    with mocked_aws("us-east-1"):
        clients._client.cache_clear()
        s3 = clients.client("s3")
        s3.create_bucket(Bucket="uploads")
        yield s3
        clients._client.cache_clear()


@pytest.fixture
def shop(s3: Any) -> Shop:
    if there := s3.list_objects_v2(Bucket="uploads").get("Contents"):
        s3.delete_objects(Bucket="uploads", Delete={"Objects": [{"Key": item["Key"]} for item in there]})
    return Shop(s3)
