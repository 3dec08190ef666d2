"""A job's progress, and that of the jobs that take its place."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from batchjobs.errors import Refused
from batchjobs.stack import Clients
from batchjobs.successors import Successors
from batchjobs.worker import MIB, memory_of, size_text, variables_of

STATES = ("SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING", "SUCCEEDED", "FAILED")
SUCCESSOR_SECONDS = 180  # within which a successor is submitted, if whoever does that is at work
POLL_SECONDS = 2.0


@dataclass(frozen=True)
class Progress:
    """
    status: of the whole; "REPLACED" while a failed job's successor is not there yet.
    parts: state → how many parts of an array, empty for a job that is none. jobs: it, and what has taken its place.
    memory: MiB of the first and of the last of them. results: where the worker writes, `s3://…/`; empty if not known.
    """

    job_id: str
    name: str
    status: str
    parts: Mapping[str, int]
    jobs: tuple[str, ...]
    memory: tuple[int, int]
    reason: str
    results: str

    @property
    def ended(self) -> bool:
        return self.status in ("SUCCEEDED", "FAILED")

    @property
    def text(self) -> str:
        """`PENDING, 3 of 8 parts SUCCEEDED, 2 RUNNING, 3 RUNNABLE (again, with 2 GB)`."""
        told = [self.status]
        if self.parts:
            told.append(f"{self.parts.get('SUCCEEDED', 0)} of {sum(self.parts.values())} parts SUCCEEDED")
            others = [state for state in reversed(STATES) if state != "SUCCEEDED" and self.parts.get(state)]
            told += [f"{self.parts[state]} {state}" for state in others]
        again = ""
        if len(self.jobs) > 1:
            before, now = self.memory
            again = f" (again, with {size_text(now * MIB)})" if now != before else " (again)"
        return ", ".join(told) + again


class Following:
    """Errors of AWS come through unchanged."""

    def __init__(
        self,
        clients: Clients,
        successors: Successors,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ):
        self._clients, self._successors, self._now, self._sleep = clients, successors, now, sleep

    def progress(self, job_id: str) -> Progress:
        """`Refused` if there is no such job."""
        jobs, chain, parts = [job_id], [], Counter[str]()
        while True:
            job = self.describe(jobs[-1])
            chain.append(job)
            successor = self._successors.known(job["jobId"]) if job["status"] == "FAILED" else None
            if successor is None:
                break
            parts += Counter(SUCCEEDED=_parts(job)["SUCCEEDED"])
            jobs.append(successor)
        status = "REPLACED" if self._is_to_be_replaced(job) else job["status"]
        if any(one.get("arrayProperties", {}).get("size") for one in chain):
            parts += _parts(job) or Counter({job["status"]: 1})
        return Progress(
            job_id=job_id,
            name=chain[0]["jobName"],
            status=status,
            parts=parts,
            jobs=tuple(jobs),
            memory=(memory_of(chain[0]), memory_of(job)),
            reason=reason_of(job),
            results=_results(job),
        )

    def wait(self, job_id: str, told: Callable[[Progress], None], patience_seconds: float | None = None) -> Progress:
        """Until it has ended, or patience has. told: whenever it is looked at."""
        deadline = None if patience_seconds is None else self._now() + patience_seconds
        while True:
            progress = self.progress(job_id)
            told(progress)
            if progress.ended or (deadline is not None and self._now() >= deadline):
                return progress
            self._sleep(POLL_SECONDS)

    def describe(self, job_id: str) -> dict[str, Any]:
        """`Refused` if there is no such job."""
        found = self._clients.batch.describe_jobs(jobs=[job_id])["jobs"]
        if not found:
            raise Refused(f"There is no job {job_id}; Batch forgets what ended more than a week ago.")
        return found[0]

    def _is_to_be_replaced(self, job: Mapping[str, Any]) -> bool:
        if job["status"] != "FAILED" or self._now() > job.get("stoppedAt", 0) / 1000 + SUCCESSOR_SECONDS:
            return False
        return self._successors.has(job)


def _parts(job: Mapping[str, Any]) -> Counter[str]:
    """State → how many parts; empty if it is no array."""
    return Counter(job.get("arrayProperties", {}).get("statusSummary") or {})


def _results(job: Mapping[str, Any]) -> str:
    variables = variables_of(job["container"])
    if "JOB_KEY" not in variables:
        return ""
    return f"s3://{variables['RESULTS_BUCKET']}/{variables['WORKER']}/{variables['JOB_KEY']}/"


def reason_of(job: Mapping[str, Any]) -> str:
    """Why it ended, as Batch knows it; empty if it has not failed."""
    if job["status"] != "FAILED":
        return ""
    container = job.get("container", {})
    code = f"exit code {container['exitCode']}" if container.get("exitCode") is not None else ""
    return "; ".join(part for part in (job.get("statusReason", ""), container.get("reason", ""), code) if part)
