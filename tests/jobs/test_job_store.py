from __future__ import annotations

import itertools
from typing import Any

import boto3
import pytest
from boto3.dynamodb.types import TypeDeserializer
from botocore.exceptions import ClientError

from jobs import ALLOWED, TERMINAL, Conflict, Job, JobStore, Lock, Status
from jobs.cost import fargate_usd
from jobs.links import result_link, s3_client


def new_job(number: int = 0, **fields: Any) -> Job:
    return Job(**{"job_id": f"job-{number}", "worker": "summariser", "input": {"n": number}, **fields})


def running(store: JobStore, job: Job, task_arn: str = "arn:task") -> Job:
    launched = store.launch(job, "receipt")
    claimed = store.claim(job.job_id, launched.attempt, task_arn=task_arn, capacity_provider="FARGATE_SPOT")
    assert claimed
    return claimed


def test_a_job_comes_back_as_it_was_written(store: JobStore):
    job = new_job(input={"f": 0.1, "i": 10**30, "n": None, "s": "é🎉", "l": [True, {}]}, expires_at=2_000_000_000)
    store.create(job)
    assert store.get(job.job_id) == job


def test_an_id_is_taken_once(store: JobStore):
    store.create(new_job(request_hash="first"))
    with pytest.raises(Conflict) as conflict:
        store.create(new_job(request_hash="second"))
    assert conflict.value.job
    assert conflict.value.job.request_hash == "first"


def test_a_job_runs_through_its_states(store: JobStore):
    job = running(store, store.create(new_job()))
    assert (job.status, job.attempt, job.capacity_provider) == (Status.RUNNING, 1, "FARGATE_SPOT")
    done = store.succeed(job, bucket="results", key="a/b", engine="offline", cost_usd=0.001, peak_memory_mb=200)
    assert (done.status, done.result_key) == (Status.SUCCEEDED, "a/b")
    assert (done.cost_usd, done.peak_memory_mb) == (0.001, 200)
    assert done.duration_seconds is not None
    assert done.duration_seconds >= 0
    assert store.get(job.job_id) == done


def test_a_launched_job_has_one_task(store: JobStore):
    job = store.launch(store.create(new_job()), "receipt")
    claims = [store.claim(job.job_id, 1, task_arn=f"arn:{n}", capacity_provider="FARGATE") for n in range(3)]
    assert [bool(claim) for claim in claims] == [True, False, False]


def test_a_released_attempt_is_not_claimed_again(store: JobStore):
    job = running(store, store.create(new_job()))
    released = store.release(job, "Spot reclaim", failed=False)
    assert (released.status, released.failures) == (Status.QUEUED, 0)
    assert store.claim(job.job_id, 1, task_arn="arn:late", capacity_provider="FARGATE") is None
    again = running(store, released, "arn:second")
    assert (again.attempt, again.task_arn) == (2, "arn:second")


def test_a_task_that_was_given_up_changes_nothing_any_more(store: JobStore):
    old = running(store, store.create(new_job()))
    store.launch(old, "receipt", lost="its task was lost")
    for change in (
        lambda: store.succeed(old, bucket="b", key="k", engine=None, cost_usd=0.0, peak_memory_mb=1),
        lambda: store.fail(old, "late"),
        lambda: store.release(old, "late", failed=True),
    ):
        with pytest.raises(Conflict):
            change()
    job = store.get(old.job_id)
    assert job
    assert (job.status, job.attempt, job.failures, job.reason) == (Status.QUEUED, 2, 1, "its task was lost")


def test_a_cancelled_job_stays_cancelled(store: JobStore):
    job = running(store, store.create(new_job()))
    store.cancel(job.job_id, "why")
    with pytest.raises(Conflict):
        store.succeed(job, bucket="b", key="k", engine=None, cost_usd=0.0, peak_memory_mb=1)
    with pytest.raises(Conflict):
        store.cancel(job.job_id, "why")
    cancelled = store.get(job.job_id)
    assert cancelled and (cancelled.status, cancelled.reason) == (Status.CANCELLED, "why")
    with pytest.raises(Conflict) as conflict:
        store.cancel("unknown", "why")
    assert conflict.value.job is None


def test_only_a_job_to_which_nothing_has_happened_is_discarded(store: JobStore):
    store.create(new_job())
    store.discard("job-0")
    assert store.get("job-0") is None
    store.launch(store.create(new_job(1)), "receipt")
    with pytest.raises(Conflict):
        store.discard("job-1")


def test_ended_states_allow_nothing():
    assert all(ALLOWED[status] == frozenset() for status in TERMINAL)


def test_places_are_as_many_as_the_cap_and_counted_for_each_worker(store: JobStore):
    jobs = [new_job(n) for n in range(3)]
    assert [store.reserve(job, 2) for job in jobs] == [True, True, False]
    assert store.reserve(jobs[0], 2)  # it has its place already
    assert store.reserve(new_job(9, worker="translator"), 1)
    store.vacate(jobs[0])
    store.vacate(jobs[0])
    assert store.reserve(jobs[2], 2)
    store.vacate(new_job(5, worker="nobody"))


def test_a_workers_lock_is_taken_once_and_passes_on_only_from_whom_it_is_taken_over(store: JobStore):
    first, second, third = (new_job(n) for n in range(3))
    assert store.lock(first, 100) == Lock("job-0", 100)
    assert store.lock(second, 200) == Lock("job-0", 100)
    assert store.lock(first, 300) == Lock("job-0", 300)  # it asks again
    assert store.lock(second, 200, over="job-0") == Lock("job-1", 200)
    assert store.lock(third, 400, over="job-0") == Lock("job-1", 200)  # too late
    assert store.lock(new_job(9, worker="translator"), 500) == Lock("job-9", 500)


def test_a_job_is_untouched_until_it_is_launched_or_ends(store: JobStore):
    assert store.create(new_job()).untouched
    launched = store.launch(store.create(new_job(1)), "receipt")
    assert not launched.untouched
    assert not store.cancel("job-0", "why").untouched
    assert not store.release(running(store, store.create(new_job(2))), "why", failed=False).untouched


def test_lists_page_over_workers_and_states_newest_first(store: JobStore):
    workers = itertools.cycle(["summariser", "translator", "other"])
    for n in range(9):
        store.create(new_job(n, worker=next(workers), created_at=f"2026-11-20T09:00:00.{n:03}Z"))
    store.cancel("job-3", "why")
    store.reserve(new_job(), 1)
    listed: list[str] = []
    before = None
    while True:
        page, before = store.list(["summariser", "translator"], Status, 2, before)
        listed += [job.job_id for job in page]
        if before is None:
            break
    assert listed == ["job-7", "job-6", "job-4", "job-3", "job-1", "job-0"]
    assert [job.job_id for job in store.list(["summariser"], [Status.CANCELLED], 5)[0]] == ["job-3"]


def test_errors_of_the_table_come_through(store: JobStore):
    missing = JobStore("missing")
    job = new_job()
    for call in (
        lambda: missing.get("a"),
        lambda: missing.create(job),
        lambda: missing.discard("a"),
        lambda: missing.reserve(job, 1),
        lambda: missing.fail(job, "a"),
    ):
        with pytest.raises(ClientError):
            call()
    assert store.get("job-0") is None


def test_an_item_of_the_stream_is_a_job(store: JobStore):
    job = store.create(new_job(duration_seconds=1.5))
    item = boto3.client("dynamodb").get_item(TableName="jobs", Key={"job_id": {"S": job.job_id}})["Item"]
    assert Job.from_item({name: TypeDeserializer().deserialize(value) for name, value in item.items()}) == job


def test_a_job_without_a_result_has_no_link(store: JobStore):
    assert result_link(s3_client(), store.create(new_job())) is None
    link = result_link(s3_client(), new_job(1, result_bucket="results", result_key="a/result.json"))
    assert link
    assert link.startswith("https://results.s3.eu-central-1.amazonaws.com/a/result.json?")


def test_costs_are_those_of_the_price_list():
    half = {"vcpu": 0.5, "memory_gb": 1, "architecture": "x86_64"}
    assert fargate_usd(**half, seconds=3600, spot=False) == pytest.approx(0.024685)
    assert fargate_usd(**half, seconds=3600, spot=True) == pytest.approx(0.0074055)
    assert fargate_usd(**half, seconds=1, spot=False) == fargate_usd(**half, seconds=60, spot=False)
