from __future__ import annotations

import time
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError

from jobs import Job, JobStore, Lock, Status
from jobs.record import now
from tests.functions.function_support import CONTEXT
from tests.schedule_functions.schedule_support import CATALOGUE, FailingOnce, Starter

# What failed has counted nothing, of which Powertools warns.
pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")

# --- one run ----------------------------------------------------------------------------------------------------


def test_a_schedules_invocation_becomes_a_job_in_the_workers_queue(starter: Starter) -> None:
    assert starter.fire("report") == {"job_id": "report-20261121T060000Z", "status": "QUEUED"}
    job = starter.job("report")
    assert (job.worker, job.status, job.attempt) == ("report", Status.QUEUED, 0)
    assert job.input == {"prefix": "orders/", "scheduled_at": "2026-11-21T06:00:00Z"}
    assert job.expires_at == pytest.approx(time.time() + 14 * 86_400, abs=60)
    assert starter.messages("report") == [job.job_id]


def test_a_job_bears_the_instant_of_its_run_in_utc_wherever_the_clock_stands(starter: Starter) -> None:
    starter.fire("report", scheduled="2026-11-21T07:00:00+01:00")
    assert starter.job("report").input["scheduled_at"] == "2026-11-21T06:00:00Z"


def test_an_event_may_bring_input_on_top_of_the_schedules(starter: Starter) -> None:
    starter.fire("report", input={"day": "2026-11-01", "prefix": "old/", "scheduled_at": "never"})
    expected = {"day": "2026-11-01", "prefix": "old/", "scheduled_at": "2026-11-21T06:00:00Z"}
    assert starter.job("report").input == expected


@pytest.mark.parametrize("worker", CATALOGUE)
def test_a_repeated_invocation_is_the_same_run(starter: Starter, worker: str) -> None:
    first, again = starter.fire(worker), starter.fire(worker)
    assert again == first
    assert starter.messages(worker) == [first["job_id"]]


@pytest.mark.parametrize("worker", CATALOGUE)
def test_a_run_that_is_under_way_or_over_is_not_started_again(starter: Starter, worker: str) -> None:
    job = starter.run(worker)
    starter.use(sqs=None)  # its queue drops a second message for a while only
    assert starter.fire(worker)["status"] == "RUNNING"
    starter.end(job)
    assert starter.fire(worker)["status"] == "SUCCEEDED"


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("worker", CATALOGUE)
def test_after_a_queue_that_did_not_answer_the_next_invocation_sends_the_message(
    starter: Starter, worker: str, late: bool
) -> None:
    starter.use(sqs=FailingOnce(starter.sqs, "send_message", late=late))
    with pytest.raises(BotoCoreError):
        starter.fire(worker)
    assert starter.job(worker).untouched
    starter.fire(worker)
    assert starter.messages(worker) == [starter.job(worker).job_id]


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ("text", "the event is no object"),
        ({}, "there is no scheduled worker None"),
        ({"worker": "reprot"}, "there is no scheduled worker 'reprot'"),
        ({"worker": ["report"]}, "there is no scheduled worker ['report']"),
        ({"worker": "report"}, "None is not when a run is scheduled"),
        ({"worker": "report", "scheduled": "<aws.scheduler.scheduled-time>"}, "is not when a run is scheduled"),
        ({"worker": "report", "scheduled": "2026-11-21T06:00:00"}, "does not say in which zone"),
        ({"worker": "report", "scheduled": "2026-11-21T06:00:00Z", "input": []}, "input is no object"),
        ({"worker": "report", "scheduled": "2026-11-21T06:00:00Z", "input": {"day": 1}}, "data.day must be string"),
    ],
)
def test_an_event_that_can_start_nothing_is_refused_in_words_and_not_tried_again(
    starter: Starter, caplog: pytest.LogCaptureFixture, event: Any, reason: str
) -> None:
    answer = starter.module.handler(event, CONTEXT)
    assert reason in answer["refused"]
    assert caplog.messages == ["event refused"]
    assert starter.store.get("report-20261121T060000Z") is None
    assert starter.messages("report") == []


# --- an earlier run that has not ended ----------------------------------------------------------------------------


def test_where_overlap_is_allowed_both_run(starter: Starter) -> None:
    starter.run("poll", 6)
    starter.fire("poll", 7)
    assert starter.messages("poll") == ["poll-20261121T060000Z", "poll-20261121T070000Z"]
    assert starter.job("poll", 6).status is Status.RUNNING


@pytest.mark.parametrize("running", [False, True])
def test_where_it_is_forbidden_the_run_is_skipped_and_says_why(starter: Starter, running: bool) -> None:
    if running:
        starter.run("report", 6)
    else:
        starter.fire("report", 6)
    assert starter.fire("report", 7) == {"job_id": "report-20261121T070000Z", "status": "CANCELLED"}
    skipped = starter.job("report", 7)
    assert skipped.reason == "skipped: report-20261121T060000Z is still running"
    assert skipped.completed_at
    assert starter.messages("report") == ["report-20261121T060000Z"]
    assert not starter.job("report", 6).completed_at


def test_a_skipped_run_stays_skipped(starter: Starter) -> None:
    job = starter.run("report", 6)
    starter.fire("report", 7)
    starter.end(job)
    assert starter.fire("report", 7)["status"] == "CANCELLED"


@pytest.mark.parametrize("worker", ["report", "sync"])
@pytest.mark.parametrize("ending", ["succeed", "fail", "cancel", "forgotten"])
def test_a_run_follows_one_that_has_ended(starter: Starter, store: JobStore, worker: str, ending: str) -> None:
    job = starter.run(worker, 6)
    starter.messages(worker)
    match ending:
        case "succeed":
            starter.end(job)
        case "fail":
            store.fail(job, "why", dead_lettered=True)
        case "cancel":
            store.cancel(job.job_id, "why")
        case "forgotten":
            starter.module.store._table.delete_item(Key={"job_id": job.job_id})
    starter.fire(worker, 7)
    assert starter.messages(worker) == [f"{worker}-20261121T070000Z"]
    assert starter.lock(worker) == f"{worker}-20261121T070000Z"
    assert starter.ecs.stopped == []


def test_where_it_is_to_be_replaced_the_earlier_run_is_cancelled_and_its_task_stopped(starter: Starter) -> None:
    starter.run("sync", 6)
    starter.messages("sync")
    assert starter.fire("sync", 7)["status"] == "QUEUED"
    replaced = starter.job("sync", 6)
    assert (replaced.status, replaced.reason) == (Status.CANCELLED, "replaced by sync-20261121T070000Z")
    reason = "replaced by sync-20261121T070000Z"
    assert starter.ecs.stopped == [{"cluster": "tasks", "task": "task/6", "reason": reason}]
    assert starter.messages("sync") == ["sync-20261121T070000Z"]
    # The task has yet to go, and gives its place back: until then the launcher lets the new run wait.
    assert starter.places("sync") == {"sync-20261121T060000Z"}


def test_a_task_that_cannot_be_stopped_does_not_keep_the_new_run_from_its_queue(starter: Starter) -> None:
    starter.run("sync", 6)
    starter.messages("sync")
    starter.ecs.fails = True
    starter.fire("sync", 7)
    assert starter.job("sync", 6).status is Status.CANCELLED
    assert starter.messages("sync") == ["sync-20261121T070000Z"]


def test_a_run_that_comes_late_does_not_replace_a_later_one(starter: Starter) -> None:
    starter.run("sync", 7)
    starter.fire("sync", 6)
    late = starter.job("sync", 6)
    assert (late.status, late.reason) == (
        Status.CANCELLED, "skipped: sync-20261121T070000Z, a later run, is under way",
    )  # fmt: skip
    assert starter.job("sync", 7).status is Status.RUNNING


@pytest.mark.parametrize("worker", ["report", "sync"])
def test_a_lost_run_cannot_hold_the_lock_for_ever(starter: Starter, worker: str) -> None:
    starter.run(worker, 6)
    starter.messages(worker)
    starter.expire_lock(worker)
    starter.fire(worker, 7)
    lost = starter.job(worker, 6)
    assert lost.status is Status.CANCELLED
    assert lost.reason and lost.reason.startswith("given up: nothing was heard of it")
    assert [stopped["task"] for stopped in starter.ecs.stopped] == ["task/6"]
    assert starter.places(worker) == set()
    assert starter.messages(worker) == [f"{worker}-20261121T070000Z"]


def test_a_lock_holds_as_long_as_all_attempts_with_all_pauses_may_take(starter: Starter) -> None:
    before = time.time()
    starter.fire("report")
    lock = starter.store.lock(Job(job_id="other", worker="report", input={}), 0)
    seconds = 3 * (300 + 15 * 60) + 10 + 20 + 2 * 3600
    assert lock == Lock("report-20261121T060000Z", lock.until)
    assert seconds - 1 <= lock.until - before <= seconds + 60


class Rivalled:
    """A store in which others act each time that somebody has looked at who has the lock."""

    def __init__(self, store: JobStore, *rivals: Any):
        self._store, self._rivals = store, list(rivals)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def get(self, job_id: str) -> Job | None:
        job = self._store.get(job_id)
        if self._rivals:
            self._rivals.pop(0)()
        return job


def _over(store: JobStore, hour: int, over: int) -> Any:
    """Another run, which takes the lock over and ends at once."""

    def act() -> None:
        rival = store.create(Job(job_id=f"sync-20261121T{hour:02}0000Z", worker="sync", input={}))
        store.lock(rival, 2**33, over=f"sync-20261121T{over:02}0000Z")
        store.cancel(rival.job_id, "why")

    return act


def test_of_two_that_find_the_lock_free_one_gets_it(starter: Starter, store: JobStore) -> None:
    starter.end(starter.run("report", 6))
    starter.messages("report")

    def rival() -> None:
        starter.use(store=store)
        starter.fire("report", 8)

    starter.use(store=Rivalled(store, rival))
    starter.fire("report", 7)
    assert starter.messages("report") == ["report-20261121T080000Z"]
    assert starter.job("report", 7).reason == "skipped: report-20261121T080000Z is still running"


def test_a_run_that_ends_while_it_is_to_be_replaced_is_left_as_it_is(starter: Starter, store: JobStore) -> None:
    job = starter.run("sync", 6)
    starter.messages("sync")
    starter.use(store=Rivalled(store, lambda: starter.end(job)))
    starter.fire("sync", 7)
    assert starter.job("sync", 6).status is Status.SUCCEEDED
    assert starter.messages("sync") == ["sync-20261121T070000Z"]


def test_a_lock_that_changes_hands_all_the_time_is_left_to_the_next_invocation(
    starter: Starter, store: JobStore
) -> None:
    starter.fire("sync", 0)
    starter.messages("sync")
    rivals = [_over(store, hour + 1, hour) for hour in range(5)]
    starter.use(store=Rivalled(store, *rivals))
    with pytest.raises(Exception, match="the lock of sync was not to be had"):
        starter.fire("sync", 12)
    starter.use(store=store)
    starter.fire("sync", 12)
    assert starter.messages("sync") == ["sync-20261121T120000Z"]


# --- together -----------------------------------------------------------------------------------------------------


def test_the_ids_of_a_workers_runs_are_ids_of_jobs_and_sort_by_their_instants(starter: Starter) -> None:
    ids = [starter.fire("poll", hour)["job_id"] for hour in (23, 6, 0)]
    assert sorted(ids) == ids[::-1]
    assert all(job.created_at <= now() for job in starter.store.list(["poll"], Status, 10)[0])
