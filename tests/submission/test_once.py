"""The same key is the same job, whatever breaks."""

from __future__ import annotations

import pytest
from batch_stack import Stack
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from batchjobs import Refused
from batchjobs.once import KEPT_SECONDS, LEASE_SECONDS

pytestmark = pytest.mark.xdist_group("submission")
THROTTLED = ClientError({"Error": {"Code": "TooManyRequestsException", "Message": "slow"}}, "SubmitJob")
BROKEN = ClientError(
    {"Error": {"Code": "ServerException"}, "ResponseMetadata": {"HTTPStatusCode": 500}},  # type: ignore[typeddict-item]
    "SubmitJob",
)
LOST = ReadTimeoutError(endpoint_url="https://batch")
AWAY = EndpointConnectionError(endpoint_url="https://batch")


class Died(BaseException):
    """The process is gone, between one line and the next."""


def jobs_of(stack: Stack, name: str) -> int:
    filters = [{"name": "JOB_NAME", "values": [name]}]
    listed = [
        stack.cloud.batch.list_jobs(jobQueue=f"serverless-batch-test-{queue}", filters=filters)["jobSummaryList"]
        for queue in ("standard", "urgent", "large")
    ]
    return sum(len(jobs) for jobs in listed)


def test_a_key_that_is_submitted_again_is_the_same_job(stack: Stack) -> None:
    first = stack.jobs.submit("probe", {"n": 1}, key="again")
    second = stack.jobs.submit("probe", {"n": 1}, key="again")
    assert (first.repeated, second.repeated) == (False, True)
    assert first.job_id == second.job_id
    assert jobs_of(stack, first.name) == 1
    assert stack.jobs.submit("probe", {"n": 1}).job_id != stack.jobs.submit("probe", {"n": 1}).job_id


def test_a_key_cannot_stand_for_two_submissions(stack: Stack) -> None:
    stack.jobs.submit("probe", {"n": 1}, key="mine")
    for other in ({"input": {"n": 2}}, {"input": {"n": 1}, "array": 2}):
        with pytest.raises(Refused, match="This key stands for another submission"):
            stack.jobs.submit("probe", **{"key": "mine", **other})


def test_who_died_between_the_row_and_the_job_leaves_a_key_that_can_be_submitted_again(stack: Stack) -> None:
    stack.submitting.fail("submit_job", Died())  # type: ignore[arg-type]
    with pytest.raises(Died):
        stack.jobs.submit("probe", {}, key="died-before")
    submitted = stack.jobs.submit("probe", {}, key="died-before")
    assert sum(stack.slept) >= LEASE_SECONDS  # it may have been slow, and not dead
    assert not submitted.repeated
    assert jobs_of(stack, submitted.name) == 1


def test_who_died_after_the_job_leaves_one_that_is_found_by_its_name(stack: Stack) -> None:
    stack.submitting.fail("submit_job", Died(), late=True)  # type: ignore[arg-type]
    with pytest.raises(Died):
        stack.jobs.submit("probe", {}, key="died-after")
    stack.now += LEASE_SECONDS
    submitted = stack.jobs.submit("probe", {}, key="died-after")
    assert submitted.repeated
    assert stack.slept == []
    assert jobs_of(stack, submitted.name) == 1
    assert stack.jobs.submit("probe", {}, key="died-after").job_id == submitted.job_id


@pytest.mark.parametrize("key", ["lost", None])
def test_an_answer_that_is_lost_does_not_make_a_second_job(stack: Stack, key: str | None) -> None:
    for error in (LOST, BROKEN):
        stack.submitting.fail("submit_job", error, late=True)
        submitted = stack.jobs.submit("probe", {}, key=key and f"{key}-{type(error).__name__}")
        assert jobs_of(stack, submitted.name) == 1


@pytest.mark.parametrize("error", [THROTTLED, AWAY], ids=["throttled", "away"])
def test_a_request_that_did_not_arrive_is_made_again(stack: Stack, error: Exception) -> None:
    stack.submitting.fail("submit_job", error, times=3)
    submitted = stack.jobs.submit("probe", {}, key=f"patient-{type(error).__name__}")
    assert len(stack.submitted()) == 4
    assert stack.slept == [0.5, 1, 2]
    assert jobs_of(stack, submitted.name) == 1


def test_in_the_end_the_error_comes_through(stack: Stack) -> None:
    stack.submitting.fail("submit_job", THROTTLED, times=9)
    with pytest.raises(ClientError, match="TooManyRequests"):
        stack.jobs.submit("probe", {}, key="throttled-out")
    assert len(stack.submitted()) == 5


def test_a_refusal_leaves_the_key_free(stack: Stack) -> None:
    gone = "00000000-0000-4000-8000-000000000000"
    with pytest.raises(ClientError, match="does not exist"):
        stack.jobs.submit("probe", {}, key="refused", after=[gone])
    assert "Item" not in stack.table.get_item(Key={"id": "batch#probe#refused"})
    assert not stack.jobs.submit("probe", {}, key="refused").repeated
    assert stack.slept == []


def test_who_comes_while_another_submits_waits_and_gets_its_job(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    submit = stack.clients.submitting.submit_job
    others: list[str] = []

    def meanwhile(seconds: float) -> None:
        """The first one ends while the second one sleeps."""
        stack.now += seconds
        row = stack.table.get_item(Key={"id": "batch#probe#both"})["Item"]
        stack.table.put_item(Item=row | {"job_id": "the first one's"})

    def slow(**arguments: object) -> dict[str, str]:
        monkeypatch.setattr(stack.once, "_sleep", meanwhile)
        found, repeated = stack.once.job("batch#probe#both", "x", find=lambda: None, submit=lambda: "never")
        others.append(found)
        assert repeated
        return submit(**arguments)

    stack.once.job(
        "batch#probe#both", "x", find=lambda: None, submit=lambda: slow(
            jobName="both", jobQueue="serverless-batch-test-standard", jobDefinition="serverless-batch-test-probe"
        )["jobId"]
    )  # fmt: skip
    assert others == ["the first one's"]


def test_a_key_is_forgotten_after_two_weeks(stack: Stack) -> None:
    first = stack.jobs.submit("probe", {"n": 1}, key="old")
    row = stack.table.get_item(Key={"id": "batch#probe#old"})["Item"]
    assert row["expiration"] == int(stack.now) + KEPT_SECONDS
    stack.now += KEPT_SECONDS + 1
    assert stack.jobs.submit("probe", {"n": 2}, key="old").job_id != first.job_id
