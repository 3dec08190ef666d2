"""Fixtures of the tests of submissions; see `batch_stack`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from batch_stack import Stack


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One a process at a time: tests that use it are of one xdist group."""
    with pytest.MonkeyPatch.context() as patch:
        stack = Stack(tmp_path_factory.mktemp("stack"), patch)
        with stack.cloud.cloud:
            yield stack


@pytest.fixture(autouse=True)
def _as_before(request: pytest.FixtureRequest) -> Iterator[None]:
    """Nothing is broken when a test begins."""
    if "stack" in request.fixturenames:
        stack: Stack = request.getfixturevalue("stack")
        stack.mend()
    yield
