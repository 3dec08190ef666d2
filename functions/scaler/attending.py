"""Looks after one worker's service: what was missed it wakes, what has drained it scales in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aws_lambda_powertools import Logger
from capacity import choose_capacity

from scaling.catalogue import QueueWorker
from scaling.decision import is_stalled, next_desired, tasks_wanted
from scaling.memory import Memory, Remembered
from scaling.service import Service, describe, raise_desired, read_backlog, set_desired

STALLED_SECONDS = 300  # a task starts within two minutes; past this, somebody should know

logger = Logger(child=True)


@dataclass(frozen=True, kw_only=True)
class Report:
    """What was found. desired: as it is now. groups: message groups of a FIFO queue, None for another.
    stalled_seconds: for how long no task has been running although messages wait; None if it is not so.
    """

    queue_name: str
    backlog: int
    running: int
    desired: int
    groups: int | None
    stalled_seconds: float | None


class Attendant:
    """now: seconds of the epoch, the same for every worker of a round."""

    def __init__(self, sqs: Any, ecs: Any, memory: Memory, now: float):
        self._sqs, self._ecs, self._memory, self._now = sqs, ecs, memory, now

    def attend(self, worker: QueueWorker) -> Report:
        """Errors of AWS and `NoService` come through; nothing is half done that the next round would not finish."""
        backlog = read_backlog(self._sqs, worker)
        service = describe(self._ecs, worker)
        past = self._memory.recall(worker)
        desired = self._scale(worker, service, past, backlog)
        stalled_seconds = self._watch(worker, service, past, backlog)
        choose_capacity(self._ecs, self._memory, worker, service, past, stalled_seconds, self._now)
        return Report(
            queue_name=worker.queue_name,
            backlog=backlog,
            running=service.running,
            desired=desired,
            groups=past.groups if worker.fifo else None,
            stalled_seconds=stalled_seconds,
        )

    def _scale(self, worker: QueueWorker, service: Service, past: Remembered, backlog: int) -> int:
        """The service's desired count afterwards."""
        if backlog and past.empty_since is not None:
            self._memory.queue_is_used(worker)
        if not backlog and past.empty_since is None:
            self._memory.queue_is_empty(worker, self._now)
        desired = next_desired(
            service.desired,
            backlog,
            worker.bounds,
            groups=past.groups if worker.fifo else None,
            empty_seconds=None if past.empty_since is None else self._now - past.empty_since,
        )
        change = {"worker": worker.name, "backlog": backlog, "had": service.desired, "desired": desired}
        if desired > service.desired:
            set_desired(self._ecs, worker, desired)
            logger.info("service woken", **change)
        elif desired < service.desired and past.empty_since is not None:
            if not self._memory.may_scale_in(worker, past.empty_since):
                return service.desired
            set_desired(self._ecs, worker, desired)
            logger.info("service scaled in", **change)
            return self._after_scale_in(worker, desired)
        return desired

    def _after_scale_in(self, worker: QueueWorker, desired: int) -> int:
        """Undo it where a message was sent in the same moment: its sender may have seen the tasks that are gone."""
        backlog = read_backlog(self._sqs, worker)
        if self._memory.recall(worker).empty_since is None:
            backlog = max(backlog, 1)
        wanted = tasks_wanted(backlog, worker.bounds, 1 if worker.fifo else None)
        if raise_desired(self._ecs, worker, wanted) is None:
            return desired
        logger.info("service woken again", worker=worker.name, backlog=backlog, desired=wanted)
        return wanted

    def _watch(self, worker: QueueWorker, service: Service, past: Remembered, backlog: int) -> float | None:
        """For how long the service has been stalled."""
        if not is_stalled(service.desired, service.running, backlog):
            if past.stalled_since is not None:
                self._memory.service_runs(worker)
            return None
        if past.stalled_since is None:
            self._memory.service_stalls(worker, self._now)
            return 0.0
        seconds = self._now - past.stalled_since
        if seconds >= STALLED_SECONDS:
            said = service.said_since(past.stalled_since)[:3]
            logger.warning("messages wait and no task runs", worker=worker.name, seconds=seconds, ecs_says=said)
        return seconds
