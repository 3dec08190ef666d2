"""What becomes of jobs in the sandbox, as AWS Batch has it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from batch_cloud import GROUP, BatchCloud
from botocore.exceptions import ClientError

from tests.waiting import until

pytestmark = pytest.mark.xdist_group("sandbox-batch")


def statuses(cloud: BatchCloud, parent: str) -> dict[str, int]:
    summary = cloud.job(parent)["arrayProperties"]["statusSummary"]
    return {state: count for state, count in summary.items() if count}


def test_a_job_runs_with_what_batch_and_its_submission_tell_it_and_its_log_is_in_its_stream(cloud: BatchCloud) -> None:
    job = cloud.end(cloud.submit(env={"COLOUR": "blue"}))
    assert (job["status"], job["attempts"][0]["container"]["exitCode"]) == ("SUCCEEDED", 0)
    assert job["createdAt"] <= job["startedAt"] <= job["stoppedAt"]
    stream = job["container"]["logStreamName"]
    assert stream.startswith("probe/default/")
    events = cloud.cloud.client("logs").get_log_events(logGroupName=GROUP, logStreamName=stream)["events"]
    said = events[0]["message"]
    expected = {
        "AWS_BATCH_JOB_ID": job["jobId"],
        "AWS_BATCH_JOB_ATTEMPT": "1",
        "AWS_BATCH_CE_NAME": "machines",
        "AWS_BATCH_JQ_NAME": "standard",
        "COLOUR": "blue",
    }
    assert expected.items() <= json.loads(said.removeprefix("began ").replace("'", '"')).items()


def test_a_job_of_a_queue_with_priority_overtakes_those_that_wait(cloud: BatchCloud) -> None:
    gates = [cloud.gate(), cloud.gate()]
    busy = [cloud.submit(f"busy{n}", env={"WAIT": gate.path}) for n, gate in enumerate(gates)]
    for gate in gates:
        gate.wait_for_job()
    low = [cloud.submit(f"low{n}") for n in range(3)]
    high = cloud.submit("high", queue="urgent")
    assert [cloud.status(job) for job in (*low, high)] == ["RUNNABLE"] * 4
    gates[0].open()
    for job in (*low, high):
        cloud.end(job)
    assert cloud.began()[2:] == ["high", "low0", "low1", "low2"]
    gates[1].open()
    assert [cloud.end(job)["status"] for job in busy] == ["SUCCEEDED"] * 2


def test_jobs_keep_within_the_vcpus_of_their_environment(cloud: BatchCloud) -> None:
    gate = cloud.gate()
    large = cloud.submit("large", env={"WAIT": gate.path}, overrides={
        "resourceRequirements": [{"type": "VCPU", "value": "2"}],
        "environment": [{"name": "NAME", "value": "large"}, {"name": "WAIT", "value": gate.path}],
    })  # fmt: skip
    gate.wait_for_job()
    small = cloud.submit("small")
    assert cloud.status(small) == "RUNNABLE"
    gate.open()
    assert cloud.end(large)["stoppedAt"] <= cloud.end(small)["startedAt"]
    never = cloud.submit("never", overrides={"resourceRequirements": [{"type": "VCPU", "value": "4"}]})
    until(lambda: "MISCONFIGURATION" in cloud.job(never).get("statusReason", ""))
    assert cloud.end(cloud.submit("behind"))["status"] == "SUCCEEDED"


def test_small_jobs_of_a_lower_queue_do_not_keep_a_large_one_waiting(cloud: BatchCloud) -> None:
    gate = cloud.gate()
    busy = cloud.submit("busy", env={"WAIT": gate.path})
    gate.wait_for_job()
    large = {"resourceRequirements": [{"type": "VCPU", "value": "2"}]}
    environment = [{"name": "NAME", "value": "large"}]
    jobs = [cloud.submit("large", queue="urgent", overrides={"environment": environment, **large})]
    jobs += [cloud.submit(f"small{n}") for n in range(2)]
    until(lambda: cloud.engine.status()[1]["waiting"] == 2)
    gate.open()
    for job in (busy, *jobs):
        assert cloud.end(job)["status"] == "SUCCEEDED"
    assert cloud.began()[:2] == ["busy", "large"]


def test_an_array_waits_pending_counts_its_children_and_fails_when_all_have_ended(cloud: BatchCloud) -> None:
    gate = cloud.gate()
    parent = cloud.submit("array", arrayProperties={"size": 3}, env={"EXIT_I1": 64, "WAIT_I2": gate.path})
    gate.wait_for_job()
    cloud.end(f"{parent}:1")
    cloud.end(f"{parent}:0")
    assert cloud.status(parent) == "PENDING"
    assert statuses(cloud, parent) == {"SUCCEEDED": 1, "FAILED": 1, "RUNNING": 1}
    gate.open()
    ended = cloud.end(parent)
    assert (ended["status"], ended["statusReason"]) == ("FAILED", "Array Child Job failed")
    assert statuses(cloud, parent) == {"SUCCEEDED": 2, "FAILED": 1}
    assert cloud.job(f"{parent}:1")["arrayProperties"]["index"] == 1
    failed = cloud.batch.list_jobs(arrayJobId=parent, jobStatus="FAILED")["jobSummaryList"]
    assert [(child["jobId"], child["container"]["exitCode"]) for child in failed] == [(f"{parent}:1", 64)]


def test_an_attempt_that_fails_is_made_again_alone_as_long_as_there_are_any(cloud: BatchCloud) -> None:
    parent = cloud.submit("array", arrayProperties={"size": 2}, env={"EXIT_I1_A1": 1, "EXIT_I1_A2": 7})
    assert cloud.end(parent)["status"] == "SUCCEEDED"
    codes = [attempt["container"]["exitCode"] for attempt in cloud.job(f"{parent}:1")["attempts"]]
    assert codes == [1, 7, 0]
    assert len(cloud.job(f"{parent}:0")["attempts"]) == 1
    spent = cloud.end(cloud.submit("spent", env={"EXIT": 9}))
    assert (spent["status"], len(spent["attempts"])) == ("FAILED", 3)


def test_a_job_that_holds_too_much_memory_is_killed_and_not_tried_again(cloud: BatchCloud) -> None:
    job = cloud.end(cloud.submit(env={"HOLD": 200}))
    [attempt] = job["attempts"]
    assert attempt["container"]["exitCode"] == 137
    assert attempt["container"]["reason"] == "OutOfMemoryError: Container killed due to memory usage"
    assert job["statusReason"] == "Essential container in task exited"


def test_a_job_that_takes_too_long_is_stopped_and_not_tried_again(cloud: BatchCloud) -> None:
    cloud.define("brief", timeout={"attemptDurationSeconds": 0.2})
    gate = cloud.gate()
    job = cloud.end(cloud.submit(definition="brief", env={"WAIT": gate.path, "POLITE": 1}))
    assert (job["status"], job["statusReason"]) == ("FAILED", "Job attempt duration exceeded timeout")
    assert len(job["attempts"]) == 1


def test_a_job_whose_container_cannot_be_started_says_why(cloud: BatchCloud) -> None:
    cloud.define("missing", container={"command": ["no-such-command"]}, retryStrategy={"attempts": 1.0})
    job = cloud.end(cloud.submit(definition="missing"))
    assert job["statusReason"] == "Task failed to start"
    assert job["container"]["reason"].startswith("CannotStartContainerError: ")
    assert "no-such-command" in job["container"]["reason"]


def test_cancel_takes_what_has_not_started_and_leaves_what_has(cloud: BatchCloud) -> None:
    gates = [cloud.gate(), cloud.gate()]
    running = [cloud.submit(env={"WAIT": gate.path}) for gate in gates]
    for gate in gates:
        gate.wait_for_job()
    waiting, pending = cloud.submit("waiting"), cloud.submit("pending", dependsOn=[{"jobId": running[0]}])
    for job in (*running, waiting, pending):
        cloud.batch.cancel_job(jobId=job, reason="not needed")
    ended = cloud.end(waiting)
    assert (ended["status"], ended["statusReason"], ended["isCancelled"]) == ("FAILED", "not needed", True)
    assert cloud.status(pending) == "PENDING"  # until what it waits for has ended
    for gate in gates:
        gate.open()
    assert cloud.end(running[0])["status"] == "SUCCEEDED"
    assert cloud.end(pending)["statusReason"] == "not needed"


def test_terminate_ends_a_job_in_any_state_with_all_of_an_array(cloud: BatchCloud) -> None:
    gate = cloud.gate()
    parent = cloud.submit("array", arrayProperties={"size": 4}, env={"WAIT": gate.path, "POLITE": 1})
    until(lambda: cloud.job(f"{parent}:0")["status"] == "RUNNING")
    gate.wait_for_job()
    cloud.batch.terminate_job(jobId=parent, reason="enough")
    ended = cloud.end(parent)
    assert (ended["status"], ended["statusReason"], ended["isTerminated"]) == ("FAILED", "enough", True)
    children = [cloud.job(f"{parent}:{index}") for index in range(4)]
    assert {child["statusReason"] for child in children} == {"enough"}
    assert max(len(child.get("attempts", [])) for child in children) == 1


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        ({"queue": "nowhere"}, "Job Queue nowhere not found"),
        ({"definition": "nothing"}, "JobDefinition does not exist: nothing"),
        ({"arrayProperties": {"size": 10_001}}, "Array size must be between 2 and 10000"),
        ({"arrayProperties": {"size": 1}}, "Array size must be between 2 and 10000"),
        ({"dependsOn": [{"jobId": "gone"}]}, "Job gone that this job depends on does not exist"),
        ({"dependsOn": [{"jobId": "gone"}] * 21}, "at most 20 jobs"),
        ({"dependsOn": [{"type": "SEQUENTIAL"}]}, "SEQUENTIAL dependency is for array jobs"),
        ({"shareIdentifier": "me"}, "without a scheduling policy"),
        ({"timeout": {"attemptDurationSeconds": 59}}, "at least 60"),
        ({"retryStrategy": {"attempts": 11}}, "attempts must be between 1 and 10"),
        ({"retryStrategy": {"attempts": 2, "evaluateOnExit": [{"onReason": "*Spot*", "action": "retry"}]}}, "asterisk"),
        ({"overrides": {"environment": [{"name": "AWS_BATCH_X", "value": ""}]}}, "cannot start with AWS_BATCH"),
        ({"overrides": {"resourceRequirements": [{"type": "VCPU", "value": "0.5"}]}}, r"\(0.5 vCPU, 128 MiB\) not"),
    ],
)
def test_what_batch_would_refuse_is_refused(cloud: BatchCloud, request_: dict[str, Any], said: str) -> None:
    with pytest.raises(ClientError, match=said) as refusal:
        cloud.submit(**request_)
    assert refusal.value.response["Error"]["Code"] == "ClientException"


def test_on_fargate_only_its_sizes_are_taken(cloud: BatchCloud) -> None:
    cloud.queue("fargate", cloud.environment("serverless", "FARGATE"))
    cloud.define("small", platform="FARGATE")
    assert cloud.end(cloud.submit(queue="fargate", definition="small"))["status"] == "SUCCEEDED"
    too_little = {"resourceRequirements": [{"type": "MEMORY", "value": "128"}]}
    with pytest.raises(ClientError, match=r"Fargate resource requirements \(0.25 vCPU, 128 MiB\) not valid"):
        cloud.submit(queue="fargate", definition="small", overrides=too_little)
    with pytest.raises(ClientError, match="not compatible"):
        cloud.submit(queue="fargate")


def test_fargate_and_ec2_cannot_be_in_one_queue(cloud: BatchCloud) -> None:
    with pytest.raises(ValueError, match="Fargate and EC2"):
        cloud.queue("mixed", cloud.environment("a", "FARGATE"), cloud.environment("b", "SPOT"))


def test_jobs_are_listed_by_state_or_by_name_the_newest_first(cloud: BatchCloud) -> None:
    first, second = cloud.submit("alpha-1"), cloud.submit("Alpha-2")
    cloud.end(first), cloud.end(second)
    names = {"name": "JOB_NAME", "values": ["alpha*"]}
    listed = cloud.batch.list_jobs(jobQueue="standard", filters=[names])["jobSummaryList"]
    assert sorted(job["jobId"] for job in listed) == sorted([first, second])
    assert cloud.batch.list_jobs(jobQueue="standard", jobStatus="FAILED")["jobSummaryList"] == []
    pages = cloud.batch.get_paginator("list_jobs").paginate(
        jobQueue="standard", jobStatus="SUCCEEDED", PaginationConfig={"PageSize": 1}
    )
    assert [len(page["jobSummaryList"]) for page in pages] == [1, 1]


def test_what_is_declared_is_described(cloud: BatchCloud) -> None:
    [queue] = cloud.batch.describe_job_queues(jobQueues=["urgent"])["jobQueues"]
    assert (queue["priority"], queue["state"]) == (100, "ENABLED")
    [environment] = cloud.batch.describe_compute_environments()["computeEnvironments"]
    assert queue["computeEnvironmentOrder"][0]["computeEnvironment"] == environment["computeEnvironmentArn"]
    assert environment["computeResources"]["maxvCpus"] == 2
    cloud.define()
    revisions = cloud.batch.describe_job_definitions(jobDefinitionName="probe", status="ACTIVE")["jobDefinitions"]
    assert [one["revision"] for one in revisions] == [2, 1]
    assert revisions[0]["retryStrategy"]["evaluateOnExit"][3] == {"onExitCode": "137", "action": "EXIT"}
