"""Fixtures of the tests of Kubernetes in the sandbox."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from kubernetes_cloud import KubernetesCloud
from scripted_cluster import Cluster

from sandbox.clock import Clock
from sandbox.compute import memory


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    clock = Clock(0)
    yield Cluster(clock)
    clock.close()


@pytest.fixture
def cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[KubernetesCloud]:
    monkeypatch.setattr(memory, "SAMPLE_SECONDS", 0.05)
    cloud = KubernetesCloud(tmp_path)
    with cloud.cloud:
        yield cloud
