"""A namespace has room for so many pods, and no more."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from scripted_cluster import POD_SPEC, Cluster

from sandbox.compute.kubernetes.admission import Refused
from sandbox.compute.kubernetes.quantity import mebibytes, quantity


def sized(cpu: str = "500m", memory: str = "1Gi") -> dict[str, Any]:
    """A template whose pods ask for so much."""
    size = {"limits": {"cpu": cpu, "memory": memory}}
    return {"spec": POD_SPEC | {"containers": [POD_SPEC["containers"][0] | {"resources": size}]}}


def test_pods_over_the_quota_wait_for_those_before(cluster: Cluster) -> None:
    cluster.create("ResourceQuota", "batch", {"hard": {"pods": "2"}})
    cluster.job(completions=3, parallelism=3)
    assert cluster.indexes() == [0, 1]
    [refused] = [one for one in cluster.kubernetes.events.of("Job", "default", "etl") if one["type"] == "Warning"]
    assert refused["reason"] == "FailedCreate"
    assert "exceeded quota: batch, requested: pods=1, used: pods=2, limited: pods=2" in refused["message"]
    cluster.exit(0, 0)
    assert cluster.indexes() == [1, 2]


@pytest.mark.parametrize("hard", [{"requests.cpu": "1"}, {"limits.memory": "2Gi"}, {"cpu": "1200m"}])
def test_requests_and_limits_count(cluster: Cluster, hard: dict[str, str]) -> None:
    cluster.create("ResourceQuota", "batch", {"hard": hard})
    cluster.job(completions=3, parallelism=3, template=sized())
    assert cluster.indexes() == [0, 1]


def test_a_larger_quota_lets_waiting_pods_in(cluster: Cluster) -> None:
    cluster.create("ResourceQuota", "batch", {"hard": {"pods": "0"}})
    cluster.job(completions=3, parallelism=3)
    assert cluster.running() == []
    cluster.kubernetes.change(
        {"kind": "ResourceQuota", "metadata": {"name": "batch", "namespace": "default"}, "spec": {"hard": {"pods": 2}}}
    )
    assert cluster.indexes() == [0, 1]


def test_jobs_of_a_namespace_share_its_quota(cluster: Cluster) -> None:
    cluster.create("ResourceQuota", "batch", {"hard": {"pods": "1"}})
    cluster.job("first")
    cluster.job("second")
    assert [script.pod.job.name for script in cluster.running()] == ["first"]
    cluster.exit(0, 0)
    assert [script.pod.job.name for script in cluster.running()] == ["second"]


def test_a_pod_that_does_not_say_what_is_limited_is_refused(cluster: Cluster) -> None:
    cluster.create("ResourceQuota", "batch", {"hard": {"limits.memory": "2Gi", "requests.cpu": "1"}})
    cluster.job()
    [refused] = cluster.kubernetes.events.of("Job", "default", "etl")
    assert "failed quota: batch: must specify limits.memory,requests.cpu for: worker" in refused["message"]


def test_a_quota_that_is_no_quantity_is_refused(cluster: Cluster) -> None:
    with pytest.raises(Refused, match=r"ResourceQuota batch: limits.memory: '1 GBB' is no quantity"):
        cluster.create("ResourceQuota", "batch", {"hard": {"limits.memory": "1 GBB"}})


@pytest.mark.parametrize(
    ("text", "value"),
    [("500m", "0.5"), ("2", "2"), ("1.5Gi", "1610612736"), ("1k", "1000"), ("2e3", "2000"), (".5", "0.5")],
)
def test_quantities_are_read_as_kubernetes_reads_them(text: str, value: str) -> None:
    assert quantity(text) == Decimal(value)


def test_memory_is_told_in_mebibytes() -> None:
    assert mebibytes("2Gi") == 2048


@pytest.mark.parametrize("text", ["1 GB", "1GBB", "GB", "", "1Ki2", "ten"])
def test_other_texts_are_no_quantities(text: str) -> None:
    with pytest.raises(ValueError, match="is no quantity"):
        quantity(text)
