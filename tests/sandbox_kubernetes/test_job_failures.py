"""What the failure of a pod means: another one later, the end of its index, the end of the Job, or nothing."""

from __future__ import annotations

from typing import Any

import pytest
from scripted_cluster import Cluster

POLICY = {
    "rules": [
        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]},
        {"action": "FailIndex", "onExitCodes": {"containerName": "worker", "operator": "In", "values": [64]}},
    ]
}
EACH: dict[str, Any] = {"backoffLimitPerIndex": 3, "podFailurePolicy": POLICY}


def test_an_index_that_fails_twice_is_tried_again_after_ten_and_twenty_seconds(cluster: Cluster) -> None:
    cluster.job(completions=2, parallelism=2, **EACH)
    cluster.exit(1, 0)
    for seconds, failures in ((10, "1"), (20, "2")):
        cluster.exit(0, 1)
        cluster.clock.step(seconds - 1)
        assert cluster.running() == []
        cluster.clock.step(1)
        annotations = cluster.running()[0].pod.manifest["metadata"]["annotations"]
        assert annotations["batch.kubernetes.io/job-index-failure-count"] == failures
    cluster.exit(0, 0)
    status = cluster.status()
    assert (status["succeeded"], status["failed"], status["failedIndexes"]) == (2, 2, "")
    assert "Complete" in cluster.conditions()


def test_the_pause_doubles_up_to_six_minutes(cluster: Cluster) -> None:
    cluster.job(completions=1, backoffLimitPerIndex=20)
    for seconds in (10, 20, 40, 80, 160, 320, 360, 360):
        cluster.exit(0, 1)
        cluster.clock.step(seconds - 0.5)
        assert cluster.running() == []
        cluster.clock.step(0.5)
        assert cluster.indexes() == [0]


def test_an_index_that_fails_for_ever_is_reported_and_the_others_succeed(cluster: Cluster) -> None:
    cluster.job(completions=3, parallelism=3, **EACH)
    for index in (0, 2):
        cluster.exit(index, 0)
    for _ in range(4):
        cluster.exit(1, 1)
        cluster.clock.step(400)
    status = cluster.status()
    assert (status["completedIndexes"], status["failedIndexes"]) == ("0,2", "1")
    assert (status["succeeded"], status["failed"]) == (2, 4)
    assert cluster.conditions() == {"FailureTarget": "FailedIndexes", "Failed": "FailedIndexes"}
    assert cluster.events()["FailedIndexes"] == 1


def test_an_index_in_its_pause_keeps_its_place(cluster: Cluster) -> None:
    cluster.job(completions=3, parallelism=1, **EACH)
    cluster.exit(0, 1)
    cluster.clock.step(9)
    assert cluster.running() == []
    cluster.clock.step(1)
    assert cluster.indexes() == [0]


def test_a_refused_input_fails_its_index_at_once(cluster: Cluster) -> None:
    cluster.job(completions=2, parallelism=1, **EACH)
    cluster.exit(0, 64)
    assert cluster.indexes() == [1]
    assert cluster.status()["failedIndexes"] == "0"


def test_a_refused_input_fails_a_job_without_indexes(cluster: Cluster) -> None:
    rule = {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [64, 65]}}
    cluster.job(indexed=False, completions=2, parallelism=2, podFailurePolicy={"rules": [rule]})
    first, second = cluster.running()
    first.exit(65)
    assert second.told_to_stop
    [failed] = [one for one in cluster.status()["conditions"] if one["type"] == "Failed"]
    assert failed["reason"] == "PodFailurePolicy"
    pod = first.pod.name
    assert failed["message"] == (
        f"Container worker for pod default/{pod} failed with exit code 65 matching FailJob rule at index 0"
    )


def test_a_rule_may_be_for_all_other_codes(cluster: Cluster) -> None:
    rule = {"action": "FailJob", "onExitCodes": {"operator": "NotIn", "values": [1]}}
    cluster.job(indexed=False, podFailurePolicy={"rules": [rule]})
    cluster.exit(None, 1)
    assert cluster.conditions() == {}
    cluster.clock.step(10)
    cluster.exit(None, 2)
    assert cluster.conditions()["Failed"] == "PodFailurePolicy"


@pytest.mark.parametrize("fault", ["evict", "lose"])
def test_a_node_that_goes_is_no_failure(cluster: Cluster, fault: str) -> None:
    cluster.job(completions=2, parallelism=2, backoffLimitPerIndex=0, podFailurePolicy=POLICY)
    cluster.running()[0].run()
    name = getattr(cluster.kubernetes, fault)("etl-0")
    [lost] = [pod for pod in cluster.kubernetes.pods("default", "etl") if pod["metadata"]["name"] == name]
    assert lost["status"]["phase"] == "Failed"
    assert lost["status"]["conditions"][0]["type"] == "DisruptionTarget"
    cluster.clock.step(10)
    assert cluster.indexes() == [1, 0]
    for index in (0, 1):
        cluster.exit(index, 0)
    status = cluster.status()
    assert (status["succeeded"], status["failed"]) == (2, 0)
    assert "Complete" in cluster.conditions()


def test_a_pod_is_replaced_when_it_has_gone_not_before(cluster: Cluster) -> None:
    cluster.stubborn = True
    cluster.job(**EACH)
    cluster.running()[0].run()
    cluster.kubernetes.evict("etl-0")
    cluster.clock.step(100)
    assert len(cluster.started) == 1
    cluster.exit(0, 143)
    cluster.clock.step(10)
    assert len(cluster.started) == 2


def test_without_memory_a_pod_has_failed(cluster: Cluster) -> None:
    cluster.job(**EACH)
    cluster.running()[0].run()
    cluster.kubernetes.exhaust("etl-0")
    assert cluster.status()["failed"] == 1
    [pod] = cluster.kubernetes.pods("default", "etl")
    ended = pod["status"]["containerStatuses"][0]["state"]["terminated"]
    assert (ended["exitCode"], ended["reason"]) == (137, "OOMKilled")


def test_only_a_running_pod_can_be_taken_away(cluster: Cluster) -> None:
    cluster.job()
    with pytest.raises(LookupError, match=r"There is no pod etl running."):
        cluster.kubernetes.evict("etl")


def test_failures_over_the_limit_fail_the_job(cluster: Cluster) -> None:
    cluster.job(indexed=False, backoffLimit=2)
    for seconds in (10, 20, 40):
        assert cluster.conditions() == {}
        cluster.exit(None, 1)
        cluster.clock.step(seconds)
    assert cluster.conditions()["Failed"] == "BackoffLimitExceeded"
    assert len(cluster.started) == 3


def test_a_success_ends_the_pause_of_the_whole_job(cluster: Cluster) -> None:
    cluster.job(indexed=False, completions=3, parallelism=2)
    cluster.exit(None, 1)
    assert len(cluster.running()) == 1
    cluster.exit(None, 0)
    assert len(cluster.running()) == 2


def test_too_many_failed_indexes_end_the_job(cluster: Cluster) -> None:
    cluster.job(completions=5, parallelism=3, maxFailedIndexes=1, **EACH)
    cluster.exit(0, 64)
    assert cluster.conditions() == {}
    cluster.exit(1, 64)
    assert cluster.conditions()["Failed"] == "MaxFailedIndexesExceeded"
    assert cluster.running() == []


@pytest.mark.parametrize("text", ["1,3-5,7", "", "0-9", "2"])
def test_indexes_are_listed_as_ranges(cluster: Cluster, text: str) -> None:
    from sandbox.compute.kubernetes.indexes import indexes_text

    spans = [part.partition("-") for part in text.split(",") if part]
    numbers = [n for first, _, last in spans for n in range(int(first), int(last or first) + 1)]
    assert indexes_text(reversed(numbers)) == text
