"""Reclaims, machines that go, capacity that is not there."""

from __future__ import annotations

import json

import pytest
from batch_cloud import BatchCloud

from sandbox.compute.batch.retry import tries_again
from tests.waiting import until

pytestmark = pytest.mark.xdist_group("sandbox-batch")


def fault(cloud: BatchCloud, job_id: str, kind: str) -> None:
    [job] = until(lambda: [job for job, _ in cloud.engine.running() if job.id == job_id])
    getattr(cloud.engine, kind)(job)


def test_a_part_whose_machine_goes_is_tried_again_alone(cloud: BatchCloud) -> None:
    gate = cloud.gate()
    array = cloud.submit("array", arrayProperties={"size": 2}, env={"WAIT_I1_A1": gate.path})
    gate.wait_for_job()
    fault(cloud, f"{array}:1", "lose")
    assert cloud.end(array)["status"] == "SUCCEEDED"
    lost, good = cloud.job(f"{array}:1")["attempts"]
    assert lost["statusReason"].startswith("Host EC2 (instance i-")
    assert "exitCode" not in lost["container"]
    assert good["container"]["exitCode"] == 0
    assert sorted(cloud.began()) == ["array:0", "array:1", "array:1"]


def test_a_reclaimed_spot_job_gets_sigterm_and_is_tried_again(cloud: BatchCloud) -> None:
    cloud.queue("spot", cloud.environment("cheap-spot", "FARGATE_SPOT"))
    cloud.define("small", platform="FARGATE")
    gate = cloud.gate()
    job = cloud.submit(queue="spot", definition="small", env={"POLITE": 1, "WAIT_A1": gate.path})
    gate.wait_for_job()
    fault(cloud, job, "reclaim")
    reclaimed, good = cloud.end(job)["attempts"]
    assert (reclaimed["statusReason"], reclaimed["container"]["exitCode"]) == ("Your Spot Task was interrupted.", 143)
    assert good["container"]["exitCode"] == 0
    assert "-spot-" in good["container"]["taskArn"]


def test_without_capacity_on_spot_jobs_go_to_the_environment_behind_it(cloud: BatchCloud) -> None:
    spot, on_demand = cloud.environment("cheap", "FARGATE_SPOT", 0.5), cloud.environment("dear", "FARGATE")
    cloud.queue("both", spot, on_demand)
    cloud.define("small", platform="FARGATE")

    def environment(job: str) -> str:
        stream = cloud.end(job)["container"]["logStreamName"]
        group = "/serverless-batch/test/batch/probe"
        [began] = cloud.cloud.client("logs").get_log_events(logGroupName=group, logStreamName=stream)["events"]
        return json.loads(began["message"].removeprefix("began ").replace("'", '"'))["AWS_BATCH_CE_NAME"]

    assert environment(cloud.submit(queue="both", definition="small")) == "cheap"
    cloud.cloud.compute.services.set_capacity("FARGATE_SPOT", False)
    assert environment(cloud.submit(queue="both", definition="small")) == "dear"
    cloud.cloud.compute.services.set_capacity("FARGATE_SPOT", True)
    gates = [cloud.gate(), cloud.gate()]
    busy = [cloud.submit(queue="both", definition="small", env={"WAIT": gate.path}) for gate in gates]
    for gate in gates:
        gate.wait_for_job()
    running = until(lambda: found if len(found := cloud.engine.running()) == 2 else None)
    assert {one.kind for _, one in running} == {"FARGATE_SPOT"}
    for gate in gates:
        gate.open()
    for job in busy:
        cloud.end(job)


def test_a_job_that_only_spot_could_run_waits_until_there_is_capacity(cloud: BatchCloud) -> None:
    cloud.queue("spot", cloud.environment("cheap", "SPOT"))
    cloud.cloud.compute.services.set_capacity("FARGATE_SPOT", False)
    job, other = cloud.submit(queue="spot"), cloud.submit("other")
    assert cloud.end(other)["status"] == "SUCCEEDED"
    assert cloud.status(job) == "RUNNABLE"
    cloud.cloud.compute.services.set_capacity("FARGATE_SPOT", True)
    assert cloud.end(job)["status"] == "SUCCEEDED"


def test_the_first_condition_that_holds_decides_and_none_is_another_attempt() -> None:
    strategy = {
        "attempts": 3,
        "evaluateOnExit": [
            {"onStatusReason": "Host EC2*", "action": "retry"},
            {"onExitCode": "13*", "onReason": "Out*", "action": "EXIT"},
            {"onExitCode": "64", "action": "EXIT"},
        ],
    }

    def again(status: str = "", reason: str = "", code: str = "", attempts: int = 1) -> bool:
        return tries_again(strategy, attempts, {"statusReason": status, "reason": reason, "exitCode": code})

    assert again(status="Host EC2 (instance i-1) terminated.", reason="OutOfMemoryError", code="137")
    assert not again(reason="OutOfMemoryError: …", code="137")
    assert again(code="137")  # both must hold
    assert not again(code="64")
    assert again(code="640")
    assert not again(code="1", attempts=3)
    assert not tries_again({}, 1, {"exitCode": "1"})


def test_the_status_tells_queues_by_priority_with_what_runs_and_what_waits(cloud: BatchCloud) -> None:
    gates = [cloud.gate(), cloud.gate()]
    for gate in gates:
        cloud.submit("busy", env={"WAIT": gate.path})
        gate.wait_for_job()
    waiting = cloud.submit("waiting")
    urgent, standard = cloud.engine.status()
    assert (urgent["name"], urgent["waiting"], urgent["placed"]) == ("urgent", 0, [])
    assert (standard["waiting"], standard["vcpus"], standard["max_vcpus"]) == (1, 2, 2)
    assert [job["name"] for job in standard["placed"]] == ["busy", "busy"]
    for gate in gates:
        gate.open()
    until(lambda: cloud.status(waiting) == "SUCCEEDED")
