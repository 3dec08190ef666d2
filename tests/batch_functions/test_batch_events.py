"""What follows from the end of a Batch job."""

from __future__ import annotations

import json
from typing import Any

import pytest
from batch_stack import PREFIX
from listener import Listener, metrics

pytestmark = pytest.mark.xdist_group("batch-functions")
TOO_MUCH = "170"  # MiB: more than tier 1 has, with the interpreter; less than tier 2


def environment(job: dict[str, Any]) -> dict[str, str]:
    return {item["name"]: item["value"] for item in job["container"]["environment"]}


def memory(job: dict[str, Any]) -> str:
    return next(item["value"] for item in job["container"]["resourceRequirements"] if item["type"] == "MEMORY")


def test_a_job_that_lacked_memory_is_submitted_once_with_the_next_tier(
    listener: Listener, capsys: pytest.CaptureFixture[str]
) -> None:
    listener.stack.define(HOLD=TOO_MUCH)
    job = listener.stack.jobs.submit("probe", {"n": 1}, key="large").job_id
    event = listener.ended(job)
    assert listener.hear(event) == []
    assert listener.hear(event, {**event, "id": "another"}) == []  # repeated, by SQS and by EventBridge
    successor = listener.successor(job)
    assert successor and memory(successor) == "256"
    told = environment(successor)
    assert (told["JOB_KEY"], told["INPUT"], told["MEMORY_GB"]) == ("large", '{"n": 1}', "0.25")
    named = {"name": "JOB_NAME", "values": [successor["jobName"]]}
    queue = f"{PREFIX}-standard"
    assert len(listener.stack.cloud.batch.list_jobs(jobQueue=queue, filters=[named])["jobSummaryList"]) == 1
    assert listener.topic.notices == []
    assert [line["JobsReplaced"] for line in metrics(capsys.readouterr().out)] == [1, 1]  # of two events
    assert listener.stack.cloud.end(successor["jobId"])["status"] == "SUCCEEDED"


def test_the_next_tier_may_be_in_another_queue(listener: Listener) -> None:
    listener.stack.define(HOLD="300")
    job = listener.stack.jobs.submit("probe", {}, size=4000).job_id
    listener.hear(listener.ended(job))
    successor = listener.successor(job)
    assert successor and successor["jobQueue"].endswith(f"/{PREFIX}-large")
    assert memory(successor) == "1024"
    urgent = listener.stack.jobs.submit("probe", {}, queue="urgent").job_id
    listener.hear(listener.ended(urgent))
    again = listener.successor(urgent)
    assert again and again["jobQueue"].endswith(f"/{PREFIX}-urgent")  # where it had been sent


def test_of_an_array_only_the_parts_that_lacked_memory_run_again_together(listener: Listener) -> None:
    listener.stack.define(HOLD_I0=TOO_MUCH, HOLD_I2=TOO_MUCH)
    job = listener.stack.jobs.submit("probe", {}, array=4).job_id
    parts = [listener.ended(f"{job}:{index}") for index in range(4)]
    assert listener.hear(*parts, listener.ended(job)) == []
    successor = listener.successor(job)
    assert successor and successor["arrayProperties"]["size"] == 2
    told = environment(successor)
    assert (told["ARRAY_INDEXES"], told["ARRAY_SIZE"]) == ("0,2", "4")
    assert all(listener.successor(f"{job}:{index}") is None for index in range(4))


def test_an_array_of_which_a_part_failed_otherwise_has_failed_for_good(listener: Listener) -> None:
    listener.stack.define(HOLD_I0=TOO_MUCH, EXIT_I1="64")
    submitted = listener.stack.jobs.submit("probe", {}, array=3)
    parts = [listener.ended(f"{submitted.job_id}:{index}") for index in range(3)]
    assert listener.hear(*parts, listener.ended(submitted.job_id)) == []
    assert listener.successor(submitted.job_id) is None
    [notice] = listener.topic.notices
    assert "2 of its 3 parts failed; the results of the others are kept." in notice["Message"]


def test_what_waited_for_a_replaced_job_waits_for_its_successor_whichever_event_comes_first(
    listener: Listener,
) -> None:
    listener.stack.define(HOLD=TOO_MUCH)
    first = listener.stack.jobs.submit("probe", {}, array=2).job_id
    each = listener.stack.jobs.submit("probe", {}, array=2, after_each=first, size=4000).job_id
    last = listener.stack.jobs.submit("probe", {}, after=[each], size=4000).job_id
    assert listener.hear(*[listener.ended(job) for job in (last, each, first)]) == []
    replaced = {job: listener.successor(job) for job in (first, each, last)}
    assert all(replaced.values())
    assert replaced[each]["dependsOn"] == [{"jobId": replaced[first]["jobId"], "type": "N_TO_N"}]  # type: ignore[index]
    assert replaced[last]["dependsOn"] == [{"jobId": replaced[each]["jobId"]}]  # type: ignore[index]
    assert [memory(job) for job in replaced.values() if job] == ["256", "256", "256"]
    assert listener.stack.cloud.end(replaced[last]["jobId"])["status"] == "SUCCEEDED"  # type: ignore[index]
    assert listener.topic.notices == []


def test_a_part_of_an_n_to_n_array_that_followed_alone_waits_for_the_whole_successor(listener: Listener) -> None:
    listener.stack.define(HOLD_I0=TOO_MUCH)
    first = listener.stack.jobs.submit("probe", {}, array=2).job_id
    each = listener.stack.jobs.submit("probe", {}, array=2, after_each=first, size=4000).job_id
    listener.hear(listener.ended(each))
    successor, other = listener.successor(each), listener.successor(first)
    assert successor and other
    assert successor["dependsOn"] == [{"jobId": other["jobId"]}]
    assert environment(successor)["ARRAY_INDEXES"] == "0"
    assert environment(successor)["ARRAY_SIZE"] == "2"


def test_a_sequential_array_goes_on_where_it_stopped(listener: Listener) -> None:
    listener.stack.define(HOLD_I1=TOO_MUCH)
    job = listener.stack.jobs.submit("probe", {}, array=4, sequential=True).job_id
    listener.hear(listener.ended(job))
    successor = listener.successor(job)
    assert successor and successor["dependsOn"] == [{"type": "SEQUENTIAL"}]
    assert environment(successor)["ARRAY_INDEXES"] == "1-3"
    assert memory(successor) == "256"


def test_what_waited_for_a_job_that_failed_for_good_has_failed_for_good(listener: Listener) -> None:
    listener.stack.define(EXIT="64")
    first = listener.stack.jobs.submit("probe", {}).job_id
    second = listener.stack.jobs.submit("probe", {}, after=[first]).job_id
    listener.hear(listener.ended(first), listener.ended(second))
    assert listener.successor(first) is None and listener.successor(second) is None
    assert [notice["Subject"] for notice in listener.topic.notices] == ["probe: a Batch job failed"] * 2


@pytest.mark.parametrize(
    "changes",
    [
        {"isTerminated": True},
        {"isCancelled": True},
        {"statusReason": "Job attempt duration exceeded timeout"},
        {"statusReason": "Your Spot Task was interrupted."},
        {"statusReason": "Host EC2 (instance i-1) terminated."},
    ],
)
def test_who_was_ended_from_outside_did_not_lack_memory(listener: Listener, changes: dict[str, Any]) -> None:
    listener.stack.define(HOLD=TOO_MUCH)
    job = listener.stack.jobs.submit("probe", {}).job_id
    listener.hear(listener.ended(job, **changes))
    assert listener.successor(job) is None
    assert len(listener.topic.notices) == 1


def test_a_job_of_a_state_machine_is_left_to_that_which_also_tells_of_failures(
    listener: Listener, capsys: pytest.CaptureFixture[str]
) -> None:
    listener.stack.define(HOLD=TOO_MUCH, MANAGED_BY_AWS="STARTED_BY_STEP_FUNCTIONS")
    job = listener.stack.jobs.submit("probe", {}).job_id
    listener.hear(listener.ended(job))
    assert listener.successor(job) is None
    assert listener.topic.notices == []
    assert "JobsFailed" not in metrics(capsys.readouterr().out)[0]


def test_a_failure_in_between_brings_the_message_back_and_nothing_is_done_twice(
    listener: Listener, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    listener.stack.define(EXIT="64")
    good, bad = (listener.stack.jobs.submit("probe", {}).job_id for _ in range(2))
    listener.topic.faults = 1
    events = [listener.ended(good), listener.ended(bad)]
    assert listener.hear(*events) == ["0"]
    assert listener.hear(events[0]) == []
    assert len(listener.topic.notices) == 2
    assert len(metrics(capsys.readouterr().out)) == 2


def test_a_successor_whose_submitter_died_is_found(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    listener.stack.define(HOLD=TOO_MUCH)
    job = listener.stack.jobs.submit("probe", {}).job_id
    event, measure = listener.ended(job), listener.module.measure
    monkeypatch.setattr(listener.module, "measure", lambda *_, **__: 1 / 0)
    assert listener.hear(event) == ["0"]
    first = listener.successor(job)
    monkeypatch.setattr(listener.module, "measure", measure)
    assert listener.hear(event) == []
    assert first and listener.successor(job) == listener.stack.cloud.job(first["jobId"])


def job_of(
    *attempts: tuple[int, int], queue: str = "standard", prefix: str = PREFIX, capacity: str = "spot", **more: Any
) -> dict[str, Any]:
    """A job as DescribeJobs has it. attempts: instants in seconds."""
    cluster = f"AWSBatch-{prefix}-fargate-{capacity}-1a2b-0c0c"
    return {
        "jobId": "1",
        "jobName": "probe-1",
        "jobQueue": f"arn:aws:batch:eu-central-1:1:job-queue/{prefix}-{queue}",
        "status": "SUCCEEDED",
        "createdAt": 1000,
        "attempts": [
            {
                "startedAt": start * 1000,
                "stoppedAt": end * 1000,
                "container": {"taskArn": f"arn:aws:ecs:eu-central-1:1:task/{cluster}/1"},
            }
            for start, end in attempts
        ],
        "container": {
            "environment": [{"name": "WORKER", "value": "probe"}, {"name": "ARCHITECTURE", "value": "arm64"}],
            "resourceRequirements": [{"type": "VCPU", "value": "0.5"}, {"type": "MEMORY", "value": "1024"}],
        },
        **more,
    }


def test_a_jobs_wait_duration_memory_and_cost_are_told_by_worker_and_by_queue(
    listener: Listener, capsys: pytest.CaptureFixture[str]
) -> None:
    listener.hear({"id": "1", "detail": job_of((11, 71), (100, 3700))})
    [told] = metrics(capsys.readouterr().out)
    assert told["dimensions"] == [["worker"], ["worker", "queue"]]
    assert (told["JobsSucceeded"], told["QueueWait"], told["Duration"]) == (1, 10, 3600)
    assert told["MemoryRequested"] == 1024
    hourly = 0.5 * 0.03238 + 0.00356  # on ARM, of which Spot takes 30 %
    assert told["CostUsd"] == pytest.approx(hourly * 0.3 * (3660 / 3600), rel=1e-4)


@pytest.mark.parametrize(("capacity", "share"), [("spot", 0.3), ("on-demand", 1)])
def test_what_a_stack_is_called_does_not_make_its_jobs_cheaper(
    listener: Listener, capacity: str, share: float, capsys: pytest.CaptureFixture[str]
) -> None:
    job = job_of((11, 3611), prefix="serverless-batch-a-spot-b", capacity=capacity)
    listener.module.measure("probe", "standard", job, replaced=False)
    [told] = metrics(capsys.readouterr().out)
    assert told["CostUsd"] == pytest.approx((0.5 * 0.03238 + 0.00356) * share, rel=1e-4)


@pytest.mark.parametrize(
    ("job", "names"),
    [
        (job_of((11, 71), dependsOn=[{"jobId": "0"}]), {"JobsSucceeded", "Duration", "MemoryRequested", "CostUsd"}),
        (job_of((2, 3), arrayProperties={"index": 1}), {"QueueWait", "Duration", "MemoryRequested", "CostUsd"}),
        (job_of(arrayProperties={"size": 2, "statusSummary": {}}), {"JobsSucceeded"}),
        (job_of(status="FAILED", arrayProperties={"index": 1}), set()),
        (job_of(status="FAILED", statusReason="x"), {"JobsFailed"}),
    ],
    ids=["dependent", "part", "array", "part that never ran", "never ran"],
)
def test_only_what_is_known_of_a_job_is_told(
    listener: Listener, capsys: pytest.CaptureFixture[str], job: dict[str, Any], names: set[str]
) -> None:
    listener.hear({"id": json.dumps([sorted(names), job["status"]]), "detail": job})
    told: dict[str, Any] = next(iter(metrics(capsys.readouterr().out)), {})
    assert told.keys() - {"dimensions", "worker"} == names


def test_a_job_of_no_worker_is_left_alone(listener: Listener, capsys: pytest.CaptureFixture[str]) -> None:
    foreign = job_of((1, 2)) | {"container": {"environment": []}, "status": "FAILED"}
    assert listener.hear({"id": "foreign", "detail": foreign}) == []
    assert metrics(capsys.readouterr().out) == []
    assert listener.topic.notices == []
