"""Jobs by schedule from the starter to their ends: what holds for jobs of the API holds for them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from life_of_runs import Runs
from live_stack import Gate

from jobs import Status
from sandbox.compute.functions import FunctionError
from sandbox.scheduled_workers import scheduled_workers
from tests.waiting import until

pytestmark = pytest.mark.xdist_group("schedule-life")


def test_a_run_ends_with_a_result_its_cost_and_a_notice(runs: Runs) -> None:
    job_id = runs.fire("nightly", text="good morning")
    job = runs.live.succeed(job_id)
    written = scheduled_workers(runs.live.cloud)["nightly"].outcome(job_id)["result"]
    assert json.loads(written) == {"text": "good morning", "engine": "echo"}
    assert job.cost_usd and job.cost_usd > 0
    assert runs.live.is_told_once(job_id)


def test_a_run_that_hangs_is_stopped_by_its_timeout(runs: Runs) -> None:
    job = runs.live.end(runs.fire("brief", do="hang"))
    assert (job.status, job.dead_lettered) == (Status.FAILED, False)
    assert "did not finish within 2 s (the manifest's timeout)" in (job.reason or "")
    assert runs.live.is_told_once(job.job_id)
    runs.clock.step(60)
    assert runs.alarmed("brief-failed")


def test_a_run_that_fails_is_tried_again(runs: Runs) -> None:
    job = runs.live.succeed(runs.fire("nightly", do="fail_once"))
    assert (job.attempt, job.failures) == (2, 1)


def test_a_run_that_fails_every_time_is_a_dead_letter_and_the_next_one_runs(runs: Runs) -> None:
    job = runs.live.end(runs.fire("nightly", do="vanish"))
    assert (job.status, job.dead_lettered, job.attempt) == (Status.FAILED, True, 2)
    letter = runs.live.dead_letter(job.job_id)
    assert letter["MessageAttributes"]["reason"]["StringValue"] == job.reason
    runs.live.succeed(runs.fire("nightly"))
    runs.live.send_again(json.loads(letter["Body"])["job_id"])  # redriven
    assert runs.live.end(f"{job.job_id}-r1").status is Status.FAILED


def test_a_run_is_on_demand_while_spot_has_no_capacity(runs: Runs) -> None:
    unavailable = runs.live.cloud.compute.fargate.unavailable
    unavailable.add("FARGATE_SPOT")
    try:
        job = runs.live.succeed(runs.fire("nightly"))
    finally:
        unavailable.clear()
    assert (job.capacity_provider, job.failures) == ("FARGATE", 0)
    assert runs.live.succeed(runs.fire("nightly")).capacity_provider == "FARGATE_SPOT"


def test_while_a_run_goes_on_the_next_is_skipped_and_told_of(runs: Runs, gate: Gate) -> None:
    first = runs.fire("nightly", do="wait", pipe=gate.path)
    gate.wait_for_worker()
    skipped = runs.live.job(runs.fire("nightly"))
    assert (skipped.status, skipped.reason) == (Status.CANCELLED, f"skipped: {first} is still running")
    assert runs.live.is_told_once(skipped.job_id)
    gate.open()
    runs.live.succeed(first)
    runs.live.succeed(runs.fire("nightly"))
    assert not runs.live.tasks(skipped.job_id)


def test_a_lost_task_holds_up_its_successors_only_until_its_message_reappears(runs: Runs, gate: Gate) -> None:
    lost = runs.fire("nightly", do="wait", pipe=gate.path)
    gate.wait_for_worker()
    [task] = runs.live.tasks(lost)
    task.kill()
    assert runs.live.exit_codes(lost) == [137]
    assert runs.live.job(runs.fire("nightly")).reason == f"skipped: {lost} is still running"
    runs.live.surface(lost)
    gate.wait_for_worker()
    gate.open()
    assert runs.live.succeed(lost).attempt == 2
    runs.live.succeed(runs.fire("nightly"))


def test_a_run_that_replaces_another_begins_when_that_ones_task_has_gone(runs: Runs, gate: Gate) -> None:
    first = runs.fire("sync", do="wait", pipe=gate.path)
    gate.wait_for_worker()
    second = runs.fire("sync")
    replaced = runs.live.job(first)
    assert (replaced.status, replaced.reason) == (Status.CANCELLED, f"replaced by {second}")
    assert runs.live.exit_codes(first) == [0]
    [task] = runs.live.tasks(first)
    assert task.model.stopped_reason == f"replaced by {second}"
    runs.live.succeed(second)
    assert runs.live.is_told_once(first)


def test_a_run_that_nobody_started_is_told_of_and_raises_an_alarm(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    functions = runs.live.cloud.compute.functions
    invoke = functions.invoke

    def broken(name: str, event: Any) -> Any:
        if name.endswith("-starter"):
            raise FunctionError("out of order")
        return invoke(name, event)

    monkeypatch.setattr(functions, "invoke", broken)
    runs.clock.step(10 * 60)  # the watchman has seen the schedules
    runs.clock.step(3600 - runs.clock.now() % 3600)  # the hour
    runs.alerts()  # also of the hour before, if the ten minutes went over it
    told: list[dict[str, Any]] = []
    for _ in range(11):
        runs.clock.step(60)
        told += runs.alerts()
    subjects = [message["Subject"] for message in told]
    assert sorted(subject for subject in subjects if subject.endswith("a run was missed")) == [
        f"{worker}: a run was missed" for worker in ("brief", "nightly", "sync")
    ]
    assert runs.alarmed("nightly-missed")
    letters = until(lambda: runs.live.messages("unstarted"))
    assert json.loads(letters[0].body)["worker"] in ("brief", "nightly", "sync")
