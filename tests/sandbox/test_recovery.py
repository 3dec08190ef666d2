"""Tasks that are reclaimed, lost or not to be had, and a bucket that is gone: nothing is lost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from live_stack import Gate, Live

from jobs import Status
from tests.waiting import until

pytestmark = pytest.mark.xdist_group("recovery")


def test_a_reclaimed_job_goes_back_to_the_queue_and_runs_again_without_a_failure(live: Live, gate: Gate) -> None:
    job_id = live.submit(do="wait", pipe=gate.path)
    gate.wait_for_worker()
    [task] = live.tasks(job_id)
    live.cloud.compute.fargate.reclaim(task)
    until(lambda: task.model.last_status == "STOPPED")
    gate.wait_for_worker()
    assert live.client.call("GET", f"/jobs/{job_id}")["reason"].startswith("its task was told to stop (SIGTERM)")
    gate.open()
    job = live.succeed(job_id)
    assert (job.attempt, job.failures, job.reason) == (2, 0, None)
    assert live.exit_codes(job_id) == [0, 0]
    assert task.model.stopped_reason == "Your Spot Task was interrupted."
    assert not live.messages("probe-dlq.fifo")


def test_a_job_whose_task_is_killed_is_started_again_when_its_message_reappears(live: Live, gate: Gate) -> None:
    job_id = live.submit(do="wait", pipe=gate.path)
    gate.wait_for_worker()
    [task] = live.tasks(job_id)
    task.kill()
    assert live.exit_codes(job_id) == [137]
    assert live.job(job_id).status is Status.RUNNING
    live.surface(job_id)
    gate.wait_for_worker()
    job = live.job(job_id)
    assert (job.status, job.attempt, job.failures) == (Status.RUNNING, 2, 1)
    assert "exit code 137" in (job.reason or "")
    gate.open()
    assert live.succeed(job_id).failures == 1


@contextmanager
def shortage(live: Live, *providers: str) -> Iterator[None]:
    """While Fargate has no capacity of these providers."""
    unavailable = live.cloud.compute.fargate.unavailable
    unavailable.update(providers)
    try:
        yield
    finally:
        unavailable.clear()


def test_a_job_runs_on_demand_while_spot_has_no_capacity(live: Live) -> None:
    with shortage(live, "FARGATE_SPOT"):
        dear = live.succeed(live.submit(do="echo"))
    cheap = live.succeed(live.submit(do="echo"))
    assert (dear.capacity_provider, dear.attempt, dear.failures) == ("FARGATE", 1, 0)
    assert cheap.capacity_provider == "FARGATE_SPOT"
    assert dear.cost_usd and cheap.cost_usd and dear.cost_usd > 3 * cheap.cost_usd


def test_a_job_waits_in_the_queue_while_there_is_no_capacity_at_all(live: Live) -> None:
    with shortage(live, "FARGATE_SPOT", "FARGATE"):
        job_id = live.submit(do="echo")
        live.put_off(job_id)
        waiting = live.job(job_id)
        assert (waiting.status, waiting.failures) == (Status.QUEUED, 0)
        assert not live.tasks(job_id)
    live.surface(job_id)
    job = live.succeed(job_id)
    assert job.failures == 0
    assert not live.messages("probe-dlq.fifo")


@contextmanager
def without_bucket(live: Live, bucket: str) -> Iterator[None]:
    """While a bucket does not exist."""
    s3 = live.cloud.client("s3")
    for found in s3.list_objects_v2(Bucket=bucket).get("Contents", []):
        s3.delete_object(Bucket=bucket, Key=found["Key"])
    s3.delete_bucket(Bucket=bucket)
    try:
        yield
    finally:
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": live.cloud.region})


def test_a_result_that_cannot_be_stored_leads_to_the_dead_letters_and_a_redrive_runs_it_again(live: Live) -> None:
    with without_bucket(live, live.created("aws:s3/bucket:Bucket", "results").id):
        job_id = live.submit(do="echo", text="kept")
        failed = live.end(job_id)
        assert (failed.status, failed.attempt, failed.failures) == (Status.FAILED, 2, 2)
        assert "the result could not be stored" in (failed.reason or "") and "NoSuchBucket" in (failed.reason or "")
        assert live.client.call("GET", f"/jobs/{job_id}")["dead_lettered"] is True
        letter = live.dead_letter(job_id)
        assert letter["MessageAttributes"]["reason"]["StringValue"] == failed.reason
        assert live.exit_codes(job_id) == [1, 1]
    live.send_again(json.loads(letter["Body"])["job_id"])
    until(lambda: live.store.get(f"{job_id}-r1"))
    retried = live.succeed(f"{job_id}-r1")
    assert retried.attempt == 1
    assert live.result(retried.job_id) == {"text": "kept", "engine": "echo"}
    assert live.job(job_id) == failed
    assert live.is_told_once(job_id) and live.is_told_once(retried.job_id)
