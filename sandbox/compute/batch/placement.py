"""Where the next job goes: queues by their priority, within the limits of their compute environments."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator

from sandbox.compute.batch.declared import Environment, Queue
from sandbox.compute.batch.fair_share import Shares
from sandbox.compute.batch.job import Job

TOO_LARGE = (
    "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - no compute environment of the queue is large enough for the job"
)


class Placement:
    """One round. placed: jobs that have vCPUs, with their environments. shares: by the queue's name."""

    def __init__(self, placed: Iterable[tuple[Job, Environment]], shares: dict[str, Shares], *, spot: bool, now: float):
        """spot: whether it has capacity."""
        self._used: Counter[Environment] = Counter()
        self._of_queue: Counter[str] = Counter()
        self._active: dict[str, set[str]] = {}
        self._shares, self._spot, self._now = shares, spot, now
        for job, environment in placed:
            self._take(job, environment)

    def choose(self, queues: Iterable[Queue], waiting: dict[str, list[Job]]) -> Iterator[tuple[Job, Environment]]:
        """Jobs with room for them, in the order in which they are to start. waiting: by queue, as they arrived.

        A job that finds no room holds back those behind it, and queues of a lower priority on the same environments:
        otherwise small jobs could keep a large one waiting for ever.
        """
        blocked: set[Environment] = set()
        for queue in sorted(queues, key=lambda queue: -queue.priority):
            left = list(waiting.get(queue.name, []))
            for job in left:
                self._active.setdefault(queue.name, set()).add(job.share)
            while left:
                job = self._next(queue, left)
                left.remove(job)
                if job.vcpus > max(environment.max_vcpus for environment in queue.environments):
                    job.status_reason = TOO_LARGE
                    continue
                if not self._within_shares(queue, job):
                    break
                environment = self._room(queue, job, blocked)
                if environment is None:
                    blocked.update(queue.environments)
                    break
                self._take(job, environment)
                yield job, environment

    def _next(self, queue: Queue, left: list[Job]) -> Job:
        shares = self._shares.get(queue.name)
        return shares.next(left, self._now)[0] if shares else left[0]  # type: ignore[return-value]

    def _within_shares(self, queue: Queue, job: Job) -> bool:
        shares = self._shares.get(queue.name)
        if shares is None:
            return True
        limit = shares.available(queue.max_vcpus, self._active[queue.name])
        return self._of_queue[queue.name] + job.vcpus <= limit

    def _room(self, queue: Queue, job: Job, blocked: Collection[Environment]) -> Environment | None:
        for environment in queue.environments:
            usable = environment.enabled and environment not in blocked and (self._spot or not environment.spot)
            if usable and self._used[environment] + job.vcpus <= environment.max_vcpus:
                return environment
        return None

    def _take(self, job: Job, environment: Environment) -> None:
        self._used[environment] += job.vcpus  # type: ignore[assignment]  # vCPUs come in quarters
        self._of_queue[job.queue.name] += job.vcpus  # type: ignore[assignment]
        self._active.setdefault(job.queue.name, set()).add(job.share)
