"""Whatever order launchers, tasks and callers act in, and however old what they know is."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, ClassVar

import boto3
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from jobs import ALLOWED, TERMINAL, Conflict, Job, JobStore, Status

CAP, JOBS = 1, 2
runs = itertools.count()


class JobLife(RuleBasedStateMachine):
    """`seen` holds jobs as somebody read them once; `held` as a task claimed them, and it may act on that for ever."""

    seen = Bundle("seen")
    held = Bundle("held")

    store: ClassVar[JobStore]
    dynamodb: ClassVar[Any]

    def __init__(self):
        super().__init__()
        self.worker = f"worker-{next(runs)}"  # all runs share the table
        self.submitted: set[str] = set()
        self.before: dict[str, Job] = {}
        self.claimed: set[tuple[str, int]] = set()
        self.ended: set[str] = set()
        self.launches: dict[str, int] = {}

    @rule(target=seen, number=st.integers(1, JOBS))
    def submit(self, number: int):
        job = Job(job_id=f"{self.worker}-{number}", worker=self.worker, input={})
        self.submitted.add(job.job_id)
        try:
            return self.store.create(job)
        except Conflict as conflict:
            assert conflict.job
            return conflict.job

    @rule(target=seen, job=seen)
    def read(self, job: Job):
        current = self.store.get(job.job_id)
        assert current
        return current

    @rule(target=seen, job=seen, lost=st.booleans())
    def launch(self, job: Job, lost: bool):
        reason = "lost" if lost and job.status is Status.RUNNING else None
        try:
            launched = self.store.launch(job, "receipt", lost=reason)
        except Conflict:
            return multiple()
        self.launches[job.job_id] = self.launches.get(job.job_id, 0) + 1
        return launched

    @rule(target=held, job=st.one_of(seen, held))
    def claim(self, job: Job):
        claimed = self.store.claim(job.job_id, job.attempt, task_arn="arn:task", capacity_provider="FARGATE")
        if claimed is None:
            return multiple()
        assert (job.job_id, claimed.attempt) not in self.claimed, "two tasks run one attempt"
        self.claimed.add((job.job_id, claimed.attempt))
        return claimed

    @rule(target=seen, job=held, failed=st.booleans())
    def release(self, job: Job, failed: bool):
        try:
            return self.store.release(job, "reason", failed=failed)
        except Conflict:
            return multiple()

    @rule(job=held)
    def succeed(self, job: Job):
        self._end(
            job, lambda: self.store.succeed(job, bucket="b", key="k", engine=None, cost_usd=0.1, peak_memory_mb=1)
        )

    @rule(job=st.one_of(held, seen), dead_lettered=st.booleans())
    def fail(self, job: Job, dead_lettered: bool):
        self._end(job, lambda: self.store.fail(job, "reason", dead_lettered=dead_lettered))

    @rule(job=seen)
    def cancel(self, job: Job):
        self._end(job, lambda: self.store.cancel(job.job_id, "why"))

    def _end(self, job: Job, change: Callable[[], Job]) -> None:
        try:
            change()
        except Conflict:
            return
        assert job.job_id not in self.ended, "a job ended twice"
        self.ended.add(job.job_id)

    @rule(job=seen)
    def take_place(self, job: Job):
        had, taken = job.job_id in self._places(), len(self._places())
        assert self.store.reserve(job, CAP) == (had or taken < CAP)

    @rule(job=seen)
    def give_place_back(self, job: Job):
        self.store.vacate(job)
        assert job.job_id not in self._places()

    def _places(self) -> set[str]:
        item = self.dynamodb.get_item(TableName="jobs", Key={"job_id": {"S": f"places#{self.worker}"}}).get("Item", {})
        return set(item.get("places", {}).get("SS", []))

    @invariant()
    def nothing_goes_backwards(self):
        for job_id in self.submitted:
            job, before = self.store.get(job_id), self.before.get(job_id)
            if before:
                assert job, "a job disappeared"
                assert job.attempt >= before.attempt
                assert job.failures >= before.failures
                relaunched = job.attempt > before.attempt
                assert job.status in {before.status, *ALLOWED[before.status]} or relaunched
                assert before.status not in TERMINAL or job == before
            if job:
                assert job.attempt == self.launches.get(job_id, 0)
                assert (job.status in TERMINAL) == (job_id in self.ended)
                assert (job.status is not Status.RUNNING) or (job_id, job.attempt) in self.claimed
                assert (job.completed_at is not None) == (job.status in TERMINAL)
                self.before[job_id] = job

    @invariant()
    def no_more_places_than_the_cap(self):
        assert len(self._places()) <= CAP


def test_no_order_of_events_takes_a_job_back_or_gives_it_two_winners(store: JobStore, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(JobLife, "store", store, raising=False)
    monkeypatch.setattr(JobLife, "dynamodb", boto3.client("dynamodb"), raising=False)
    no_shrinking = [Phase.generate]  # it would take minutes
    profile = settings(max_examples=50, stateful_step_count=20, deadline=None, database=None, phases=no_shrinking,
                       suppress_health_check=[HealthCheck.filter_too_much])  # fmt: skip  # bundles that are empty yet
    run_state_machine_as_test(JobLife, settings=profile)
