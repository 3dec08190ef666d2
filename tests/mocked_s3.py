"""S3 in memory, for the tests of workers that make thousands of calls of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from moto.backends import get_backend
from moto.s3.models import S3Backend

from tests.mocked_aws import mocked_aws
from workers.runtime import clients


def account() -> S3Backend:
    """What moto holds, behind any client and its server. To ask a client instead would take longer."""
    return get_backend("s3")["123456789012"]["aws"]


@contextmanager
def mocked_s3() -> Iterator[Any]:
    """A client, and an account in memory; to make them anew for each test would take longer than most of the tests."""
    with mocked_aws("us-east-1"), pytest.MonkeyPatch.context() as patch:
        patch.setattr(S3Backend, "urls", account().urls)  # else made anew for each request
        clients._client.cache_clear()
        yield clients.client("s3")
        clients._client.cache_clear()
