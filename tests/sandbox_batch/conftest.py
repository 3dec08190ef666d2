"""Fixtures of the tests of Batch in the sandbox."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from batch_cloud import BatchCloud

from sandbox.compute import memory


@pytest.fixture
def cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[BatchCloud]:
    """The queues `urgent`, before `standard`, on one environment with room for two jobs; the definition `probe`."""
    monkeypatch.setattr(memory, "SAMPLE_SECONDS", 0.05)
    cloud = BatchCloud(tmp_path)
    with cloud.cloud:
        environment = cloud.environment("machines", max_vcpus=2.0)
        cloud.queue("urgent", environment, priority=100.0)
        cloud.queue("standard", environment)
        cloud.define()
        yield cloud
