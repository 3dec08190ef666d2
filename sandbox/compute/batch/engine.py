"""The life of jobs, from SubmitJob to their ends."""

from __future__ import annotations

import itertools
import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from sandbox.compute.batch import submission
from sandbox.compute.batch.container import TIMED_OUT, Container, Ending
from sandbox.compute.batch.declared import Declared, Environment
from sandbox.compute.batch.fair_share import Shares
from sandbox.compute.batch.job import CHILD_FAILED, DEPENDENCY_FAILED, Job
from sandbox.compute.batch.placement import Placement
from sandbox.compute.batch.retry import tries_again
from sandbox.compute.events import Events
from sandbox.compute.fargate import MAX_PROCESSES, Fargate
from sandbox.invented import ACCOUNT

if TYPE_CHECKING:
    from sandbox.cloud import Cloud

LOOK_SECONDS = 1  # capacity and shares change without a word
NOT_STARTED = ("SUBMITTED", "PENDING", "RUNNABLE")

logger = logging.getLogger(__name__)


class Batch:
    """declared: queues and what belongs to them. places: processes at once, of all queues."""

    def __init__(self, cloud: Cloud, fargate: Fargate, events: Events, places: int = MAX_PROCESSES):
        from sandbox.compute.batch.api import Api

        self._cloud, self._fargate, self._events, self.places = cloud, fargate, events, places
        self._prefix = f"arn:aws:batch:{cloud.region}:{ACCOUNT}:"
        self.declared = Declared(self._prefix)
        self._jobs: dict[str, Job] = {}
        self._waiting: dict[str, list[Job]] = {}
        self._placed: dict[Job, Environment] = {}
        self._shares: dict[str, Shares] = {}
        self._lock = threading.RLock()
        self._wake = threading.Event()
        self._closed = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._api = Api(self)

    # What the API asks for

    def submit(self, request: Mapping[str, Any]) -> Job:
        """`submission.Refused`"""
        with self._lock:
            job = submission.read(request, self.declared, self._jobs, self._prefix, _milliseconds())
            if job.queue.policy:
                self._shares.setdefault(job.queue.name, Shares(job.queue.policy))
            self._jobs |= {one.id: one for one in (job, *job.children)}
            for one in (job, *job.children):
                self._tell(one)
            if job.children and job.depends_on:
                self._change(job, "PENDING")
            for one in job.family():
                self._settle(one)
        self._wake.set()
        return job

    def get(self, job_id: str) -> Job | None:
        return self._jobs.get(job_id)

    def describe(self, job_ids: Iterable[str]) -> list[dict[str, Any]]:
        """Those that there are."""
        with self._lock:
            return [self._jobs[job_id].describe() for job_id in job_ids if job_id in self._jobs]

    def summaries(self, wanted: Callable[[Job], bool]) -> list[dict[str, Any]]:
        """The newest first; the children of one array by their index."""
        with self._lock:
            found = [job for job in self._jobs.values() if wanted(job)]
            found.sort(key=lambda job: (-job.created_at, job.order))
            return [job.summary() for job in found]

    def cancel(self, job: Job, reason: str) -> None:
        """Of a job and its children those that have not started; one that is pending once what it waits for has
        ended."""
        with self._lock:
            for one in (job, *job.children):
                if one.status in NOT_STARTED:
                    one.cancelled = one.cancelled or reason
            for one in job.family():
                if one.status == "RUNNABLE":
                    self._end(one, "FAILED", reason)
                elif not one.ended:
                    self._settle(one)

    def terminate(self, job: Job, reason: str) -> None:
        with self._lock:
            for one in (job, *job.children):
                if not one.ended:
                    one.terminated = one.terminated or reason
            for one in list(job.family()):
                if one.process:
                    one.process.stop(reason)
                elif not one.ended:
                    self._end(one, "FAILED", reason)

    # Faults

    def running(self) -> list[tuple[Job, Environment]]:
        """Jobs whose processes run, the longest-running first."""
        with self._lock:
            return [(job, environment) for job, environment in self._placed.items() if job.status == "RUNNING"]

    def reclaim(self, job: Job) -> None:
        """What a Spot interruption does: SIGTERM, and SIGKILL later. On EC2 the instance goes with it."""
        from sandbox.compute.batch.container import HOST_GONE, INTERRUPTED

        with self._lock:
            if job.process:
                fargate = self._placed[job].fargate
                job.process.stop(INTERRUPTED if fargate else HOST_GONE.format(id=uuid.uuid4().hex[:16]))

    def lose(self, job: Job) -> None:
        """The machine under a running job goes, without a warning."""
        with self._lock:
            if job.process:
                job.process.lose()

    def exhaust(self, job: Job) -> None:
        """A running job is ended as one that holds more memory than it has."""
        with self._lock:
            if job.process:
                job.process.exhaust()

    def status(self) -> list[dict[str, Any]]:
        """The queues, by priority, with how many of their jobs wait and which have a place."""
        with self._lock:
            found = []
            for queue in sorted(self.declared.queues.values(), key=lambda queue: -queue.priority):
                placed = [job for job in self._placed if job.queue is queue]
                held = [job for job in self._jobs.values() if job.queue is queue and not job.children]
                found.append(
                    {
                        "name": queue.name,
                        "priority": queue.priority,
                        "waiting": sum(job.status in NOT_STARTED for job in held),
                        "vcpus": sum(job.vcpus for job in placed),
                        "max_vcpus": queue.max_vcpus,
                        "placed": [
                            {"id": job.id, "name": job.name, "status": job.status, "environment": environment.kind}
                            for job, environment in self._placed.items()
                            if job.queue is queue
                        ],
                    }
                )
            return found

    def close(self) -> None:
        """End everything; nothing is told of it."""
        self._api.close()
        with self._lock:
            self._closed = True
            processes = [job.process for job in self._placed if job.process]
        self._wake.set()
        self._thread.join()
        for process in processes:
            process.kill()
        for process in processes:
            process.join()

    # From state to state

    def _run(self) -> None:
        while not self._closed:
            self._wake.wait(LOOK_SECONDS)
            self._wake.clear()
            try:
                with self._lock:
                    self._place()
            except Exception:  # the thread outlives whatever goes wrong with one round
                logger.exception("no job was placed in this round")

    def _place(self) -> None:
        free = self.places - len(self._placed)
        if self._closed or free <= 0 or not any(self._waiting.values()):
            return
        spot = "FARGATE_SPOT" not in self._fargate.unavailable
        round_ = Placement(self._placed.items(), self._shares, spot=spot, now=time.monotonic())
        chosen = round_.choose(self.declared.queues.values(), self._waiting)
        for job, environment in itertools.islice(chosen, free):
            self._waiting[job.queue.name].remove(job)
            self._start(job, environment)

    def _start(self, job: Job, environment: Environment) -> None:
        self._placed[job] = environment
        self._use_share(job, 1)
        job.status_reason = ""
        self._change(job, "STARTING")
        job.process = Container(
            self._cloud,
            job.container,
            _variables(job, environment),
            cluster=f"AWSBatch-{environment.name}-{uuid.uuid5(uuid.NAMESPACE_URL, environment.arn)}",
            memory=job.memory,
            timeout_seconds=job.timeout_seconds,
            running=lambda: self._note_running(job),
            ended=lambda ending: self._note_end(job, ending),
        )
        job.process.start()

    def _note_running(self, job: Job) -> None:
        with self._lock:
            job.started_at = _milliseconds()
            self._change(job, "RUNNING")

    def _note_end(self, job: Job, ending: Ending) -> None:
        with self._lock:
            process, job.process = job.process, None
            del self._placed[job]
            self._use_share(job, -1)
            if self._closed or process is None:
                return
            self._note_attempt(job, ending, process)
            if ending.exit_code == 0 and job.terminated is None:
                self._end(job, "SUCCEEDED", ending.status_reason)
            elif self._may_try_again(job, ending):
                self._change(job, "RUNNABLE")
                self._waiting[job.queue.name].insert(0, job)
            else:
                self._end(job, "FAILED", ending.status_reason)
        self._wake.set()

    def _note_attempt(self, job: Job, ending: Ending, process: Container) -> None:
        container: dict[str, Any] = {"taskArn": process.task_arn, "logStreamName": process.log_stream}
        if ending.exit_code is not None:
            container["exitCode"] = ending.exit_code
        if ending.reason:
            container["reason"] = ending.reason
        times = {"stoppedAt": _milliseconds()}
        if job.status == "RUNNING" and job.started_at:
            times["startedAt"] = job.started_at
        job.attempts.append({"container": container, "statusReason": ending.status_reason, **times})

    def _may_try_again(self, job: Job, ending: Ending) -> bool:
        if job.terminated is not None or ending.status_reason == TIMED_OUT:
            return False
        said = {
            "statusReason": ending.status_reason,
            "reason": ending.reason,
            "exitCode": "" if ending.exit_code is None else str(ending.exit_code),
        }
        return tries_again(job.retry, len(job.attempts), said)

    def _use_share(self, job: Job, sign: int) -> None:
        if shares := self._shares.get(job.queue.name):
            shares.started(job.share, sign * job.vcpus, time.monotonic())

    def _settle(self, job: Job) -> None:
        """Let a job that waits for others go on, if it can."""
        if job.status not in ("SUBMITTED", "PENDING"):
            return
        if job.cancelled is not None and all(need.ended for need in job.needs):
            self._end(job, "FAILED", job.cancelled)
        elif any(need.status == "FAILED" for need in job.needs):
            self._end(job, "FAILED", DEPENDENCY_FAILED)
        elif all(need.status == "SUCCEEDED" for need in job.needs):
            self._change(job, "RUNNABLE")
            self._waiting.setdefault(job.queue.name, []).append(job)
        else:
            self._change(job, "PENDING")

    def _change(self, job: Job, status: str) -> None:
        if job.status == status:
            return
        job.status = status
        self._tell(job)
        if status == "RUNNABLE" and job.parent and job.parent.status == "SUBMITTED":
            self._change(job.parent, "PENDING")

    def _end(self, job: Job, status: str, reason: str) -> None:
        waiting = self._waiting.get(job.queue.name, [])
        if job in waiting:
            waiting.remove(job)
        job.stopped_at, job.status_reason = _milliseconds(), reason
        self._change(job, status)
        if job.parent:
            self._end_of_child(job.parent)
        for dependent in job.dependents:
            self._settle(dependent)
        self._wake.set()

    def _end_of_child(self, parent: Job) -> None:
        if parent.ended or not all(child.ended for child in parent.children):
            return
        started = [child.started_at for child in parent.children if child.started_at]
        parent.started_at = min(started, default=None)
        failed = [child for child in parent.children if child.status == "FAILED"]
        reason = CHILD_FAILED
        if said := parent.terminated or parent.cancelled:
            reason = said
        elif not started and all(child.status_reason == DEPENDENCY_FAILED for child in failed):
            reason = DEPENDENCY_FAILED
        self._end(parent, "FAILED" if failed else "SUCCEEDED", reason if failed else "")

    def _tell(self, job: Job) -> None:
        """EventBridge, of the job's state."""
        self._events.job_state_changed(job.arn, job.describe)


def _variables(job: Job, environment: Environment) -> dict[str, str]:
    """Source: AWS Batch user guide, job environment variables."""
    variables = {
        "AWS_BATCH_JOB_ID": job.id,
        "AWS_BATCH_JOB_ATTEMPT": str(len(job.attempts) + 1),
        "AWS_BATCH_CE_NAME": environment.name,
        "AWS_BATCH_JQ_NAME": job.queue.name,
    }
    if job.parent:
        variables["AWS_BATCH_JOB_ARRAY_INDEX"] = str(job.index)
        variables["AWS_BATCH_JOB_ARRAY_SIZE"] = str(job.parent.size)
    return variables


def _milliseconds() -> int:
    return int(time.time() * 1000)
