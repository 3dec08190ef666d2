from __future__ import annotations

from collections.abc import Iterator

import pytest

from jobs import JobStore
from tests.functions.function_support import create_jobs_table
from tests.mocked_aws import mocked_aws


@pytest.fixture
def store() -> Iterator[JobStore]:
    """A store on an empty table."""
    with mocked_aws():
        create_jobs_table()
        yield JobStore("jobs")
