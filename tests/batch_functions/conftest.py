"""Fixtures of the tests of the function that hears of Batch jobs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "submission"))  # where there are jobs to hear of
from batch_stack import Stack
from listener import Listener


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listener]:
    """One a process at a time: tests that use it are of one xdist group."""
    with pytest.MonkeyPatch.context() as patch:
        stack = Stack(tmp_path_factory.mktemp("stack"), patch)
        with stack.cloud.cloud:
            yield Listener(stack, tmp_path_factory.mktemp("function"))


@pytest.fixture
def listener(deployed: Listener, monkeypatch: pytest.MonkeyPatch) -> Iterator[Listener]:
    deployed.begin(monkeypatch)
    yield deployed
    deployed.stack.define()
