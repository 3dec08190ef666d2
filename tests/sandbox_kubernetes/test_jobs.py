"""Which pods a Job has, and when it is over."""

from __future__ import annotations

from typing import Any

import pytest
from scripted_cluster import POD_SPEC, Cluster

from sandbox.compute.kubernetes.admission import Refused


def test_no_more_pods_run_than_the_parallelism_and_the_first_indexes_go_first(cluster: Cluster) -> None:
    cluster.job(completions=5, parallelism=2)
    assert cluster.indexes() == [0, 1]
    cluster.exit(1, 0)
    assert cluster.indexes() == [0, 2]
    cluster.exit(0, 0)
    cluster.exit(2, 0)
    assert cluster.indexes() == [3, 4]
    cluster.exit(4, 0)
    assert cluster.indexes() == [3]
    assert cluster.status()["completedIndexes"] == "0-2,4"
    cluster.exit(3, 0)
    status = cluster.status()
    assert (status["succeeded"], status["failed"], status["completedIndexes"]) == (5, 0, "0-4")
    assert cluster.conditions() == {"SuccessCriteriaMet": "CompletionsReached", "Complete": "CompletionsReached"}
    assert status["completionTime"] >= status["startTime"]
    assert cluster.events() == {"SuccessfulCreate": 5, "Completed": 1}


def test_pods_tell_what_they_are(cluster: Cluster) -> None:
    cluster.job(completions=2, parallelism=2)
    for script in cluster.running():
        script.run()
    pods = cluster.kubernetes.pods("default", "etl")
    assert [pod["status"]["phase"] for pod in pods] == ["Running", "Running"]
    metadata = pods[1]["metadata"]
    assert metadata["name"].startswith("etl-1-")
    assert metadata["labels"]["batch.kubernetes.io/job-name"] == "etl"
    assert metadata["annotations"]["batch.kubernetes.io/job-completion-index"] == "1"
    assert pods[1]["spec"]["containers"][0]["env"][-1]["name"] == "JOB_COMPLETION_INDEX"


def test_a_job_without_indexes_counts_its_successes(cluster: Cluster) -> None:
    cluster.job(indexed=False, completions=3, parallelism=2)
    for _ in range(3):
        cluster.exit(None, 0)
    assert cluster.status()["succeeded"] == 3
    assert "completedIndexes" not in cluster.status()
    assert "Complete" in cluster.conditions()


def test_a_deadline_ends_all_pods_and_the_job(cluster: Cluster) -> None:
    cluster.stubborn = True
    cluster.job(completions=4, parallelism=2, activeDeadlineSeconds=60)
    cluster.clock.step(59)
    assert not any(script.told_to_stop for script in cluster.started)
    cluster.clock.step(1)
    assert [script.told_to_stop for script in cluster.started] == [True, True]
    assert cluster.conditions() == {"FailureTarget": "DeadlineExceeded"}
    assert cluster.status()["terminating"] == 2
    for index in (0, 1):
        cluster.exit(index, 137)
    assert cluster.conditions() == {"FailureTarget": "DeadlineExceeded", "Failed": "DeadlineExceeded"}
    assert len(cluster.started) == 2


def test_a_finished_job_goes_when_its_time_to_live_is_over(cluster: Cluster) -> None:
    cluster.job(ttlSecondsAfterFinished=100)
    cluster.clock.step(500)
    cluster.exit(0, 0)
    cluster.clock.step(99)
    assert "Complete" in cluster.conditions()
    cluster.clock.step(1)
    with pytest.raises(LookupError, match=r'jobs.batch "etl" not found'):
        cluster.status()


def test_the_time_to_live_of_a_deleted_job_is_not_that_of_its_successor(cluster: Cluster) -> None:
    cluster.job(ttlSecondsAfterFinished=100)
    cluster.exit(0, 0)
    cluster.kubernetes.delete("Job", "default", "etl")
    cluster.job()
    cluster.clock.step(100)
    assert cluster.status()["active"] == 1


def test_a_suspended_job_has_no_pods_and_its_deadline_begins_anew(cluster: Cluster) -> None:
    cluster.job(completions=3, parallelism=2, activeDeadlineSeconds=60, suspend=True)
    assert cluster.started == []
    assert cluster.conditions() == {"Suspended": "JobSuspended"}
    cluster.change("Job", "etl", suspend=False)
    assert cluster.indexes() == [0, 1]
    cluster.exit(0, 0)
    cluster.clock.step(50)
    cluster.change("Job", "etl", suspend=True)
    status = cluster.status()
    assert cluster.running() == []
    assert (status["active"], status["succeeded"], status["failed"]) == (0, 1, 0)
    assert "startTime" not in status
    cluster.clock.step(1000)
    cluster.change("Job", "etl", suspend=False)
    assert cluster.indexes() == [1, 2]
    cluster.clock.step(59)
    assert cluster.conditions() == {}
    cluster.clock.step(1)
    assert "Failed" in cluster.conditions()
    assert cluster.events()["Suspended"] == 2


def test_a_smaller_parallelism_ends_pods_without_a_failure(cluster: Cluster) -> None:
    cluster.job(completions=4, parallelism=3)
    cluster.started[0].run()
    cluster.change("Job", "etl", parallelism=1)
    assert cluster.indexes() == [0]  # the one that runs
    assert cluster.status()["failed"] == 0


def test_a_deleted_job_takes_its_pods_along(cluster: Cluster) -> None:
    cluster.job(completions=2, parallelism=2)
    cluster.kubernetes.delete("Job", "default", "etl")
    assert all(script.told_to_stop for script in cluster.started)
    assert cluster.kubernetes.jobs() == []


def test_a_deleted_namespace_takes_all_that_is_in_it_along(cluster: Cluster) -> None:
    cluster.cron_job("* * * * *", zone=None)
    cluster.job()
    cluster.clock.step(60)
    cluster.kubernetes.delete("Namespace", "", "default")
    assert cluster.running() == cluster.kubernetes.jobs() == cluster.kubernetes.cron_jobs() == []
    with pytest.raises(Refused, match='Job etl: namespaces "default" not found'):
        cluster.job()


def test_pods_over_the_places_of_the_cluster_wait(cluster: Cluster) -> None:
    small = Cluster(cluster.clock, places=2)
    small.job(completions=3, parallelism=3)
    assert small.indexes() == [0, 1]
    assert [pod["status"]["phase"] for pod in small.kubernetes.pods("default", "etl")] == ["Pending"] * 3
    small.exit(0, 0)
    assert small.indexes() == [1, 2]


def test_a_pod_waits_for_what_it_mounts(cluster: Cluster) -> None:
    volumes = [{"name": "sources", "configMap": {"name": "etl"}}]
    cluster.job(template={"spec": POD_SPEC | {"volumes": volumes, "serviceAccountName": "etl"}})
    assert cluster.kubernetes.pods("default", "etl") == []
    assert cluster.events() == {"FailedCreate": 1}
    cluster.create("ServiceAccount", "etl")
    [pod] = cluster.kubernetes.pods("default", "etl")
    assert pod["status"]["containerStatuses"][0]["state"]["waiting"]["message"] == 'configmap "etl" not found'
    cluster.create("ConfigMap", "etl", data={"sources.json": "[]"})
    assert cluster.indexes() == [0]


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ({"indexed": False, "backoffLimitPerIndex": 1}, "backoffLimitPerIndex needs completionMode Indexed"),
        ({"maxFailedIndexes": 1}, "maxFailedIndexes needs backoffLimitPerIndex"),
        (
            {"podFailurePolicy": {"rules": [{"action": "FailIndex"}]}},
            "the pod failure policy's action FailIndex needs backoffLimitPerIndex",
        ),
        (
            {"backoffLimitPerIndex": 1, "template": {"spec": POD_SPEC | {"restartPolicy": "OnFailure"}}},
            "podFailurePolicy and backoffLimitPerIndex need restartPolicy Never",
        ),
    ],
)
def test_what_the_api_server_refuses_is_refused(cluster: Cluster, spec: dict[str, Any], reason: str) -> None:
    with pytest.raises(Refused, match=f"Job etl: {reason}"):
        cluster.job(**spec)


def test_a_quantity_that_is_none_is_refused(cluster: Cluster) -> None:
    container = POD_SPEC["containers"][0] | {"resources": {"limits": {"memory": "1 GBB"}}}
    with pytest.raises(Refused, match=r"limits.memory of container worker: '1 GBB' is no quantity, such as"):
        cluster.job(template={"spec": POD_SPEC | {"containers": [container]}})


@pytest.mark.parametrize(
    ("spec", "unknown"),
    [
        ({"template": {"spec": POD_SPEC | {"restartPolicy": "OnFailure"}}}, "restartPolicy but Never"),
        ({"template": {"spec": POD_SPEC | {"containers": POD_SPEC["containers"] * 2}}}, "pods of more than one"),
        ({"successPolicy": {}}, "successPolicy"),
        ({"podReplacementPolicy": "TerminatingOrFailed"}, "podReplacementPolicy but Failed"),
        ({"template": {"spec": POD_SPEC | {"volumes": [{"name": "v", "hostPath": {}}]}}}, "volume like v"),
    ],
)
def test_what_the_sandbox_cannot_run_is_said(cluster: Cluster, spec: dict[str, Any], unknown: str) -> None:
    with pytest.raises(NotImplementedError, match=f"Job etl: the sandbox runs no {unknown}"):
        cluster.job(**spec)


def test_a_name_is_taken_once(cluster: Cluster) -> None:
    cluster.job()
    with pytest.raises(Refused, match=r'jobs.batch "etl" already exists'):
        cluster.job()
    with pytest.raises(Refused, match='namespaces "kube-system" already exists'):
        cluster.create("Namespace", "kube-system")


def test_a_template_cannot_be_changed(cluster: Cluster) -> None:
    cluster.job()
    with pytest.raises(Refused, match=r"Job etl: spec.template: field is immutable"):
        cluster.change("Job", "etl", template={"spec": POD_SPEC | {"serviceAccountName": "other"}})
