"""Keeps the runs of one worker apart, by a lock that no dead task can hold for ever.

The launcher gives a worker whose runs may not overlap one place, so that a run which has taken the lock still waits
until the task of the one before has gone.
"""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools import Logger
from scheduled_workers import Worker

from jobs import TERMINAL, Conflict, Job, JobStore
from jobs.cancellation import cancel

# What an attempt may take besides its timeout: a task starts, a lost one is noticed, both within minutes.
ATTEMPT_SECONDS = 15 * 60
CAPACITY_SECONDS = 2 * 3600  # a job for which no task can be started is given up well before that
MAX_BACKOFF_SECONDS = 900
TRIES = 5  # the lock changes hands between a look and a try a handful of times at the most

logger = Logger(child=True)


class Contended(Exception):
    """The lock changed hands too often to be taken; the next invocation takes it."""


class Gate:
    """now: seconds of the epoch."""

    def __init__(self, store: JobStore, ecs: Any, cluster: str, now: float):
        self._store, self._ecs, self._cluster, self._now = store, ecs, cluster, now

    def refusal(self, worker: Worker, job: Job) -> str | None:
        """Why the job may not run, for people; None if it may. To ask again is harmless. `Contended`."""
        if worker.overlap == "allow":
            return None
        until, over = int(self._now + longest(worker)), None
        for _ in range(TRIES):
            lock = self._store.lock(job, until, over=over)
            if lock.job_id == job.job_id:
                return None
            holder = self._store.get(lock.job_id)
            if holder and holder.status not in TERMINAL:
                if lock.until <= self._now:
                    self._give_up(holder)
                elif worker.overlap == "forbid":
                    return f"skipped: {holder.job_id} is still running"
                elif holder.job_id > job.job_id:  # ids of a worker sort by their instants
                    return f"skipped: {holder.job_id}, a later run, is under way"
                else:
                    self._cancel(holder, f"replaced by {job.job_id}")
            over = lock.job_id
        raise Contended(f"the lock of {worker.name} was not to be had")

    def _give_up(self, holder: Job) -> None:
        """Nothing can be running for it any more, not even what would give its place back."""
        logger.error("job given up", job_id=holder.job_id, worker=holder.worker)
        self._cancel(holder, "given up: nothing was heard of it for longer than all of its attempts may take")
        self._store.vacate(holder)

    def _cancel(self, job: Job, reason: str) -> None:
        try:
            cancel(self._store, self._ecs, self._cluster, job.job_id, reason)
        except Conflict as conflict:
            logger.info("job ended by itself", job_id=job.job_id, reason=str(conflict))


def longest(worker: Worker) -> int:
    """Seconds within which a job of this worker has ended, one way or another."""
    pauses = [min(worker.backoff_seconds * 2**n, MAX_BACKOFF_SECONDS) for n in range(worker.max_attempts - 1)]
    return worker.max_attempts * (worker.timeout_seconds + ATTEMPT_SECONDS) + sum(pauses) + CAPACITY_SECONDS
