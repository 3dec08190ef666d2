"""Wakes a worker's service when something was sent to its queue, without waiting for a metric."""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import Any

from aws_lambda_powertools import Logger

from scaling.catalogue import QueueWorker
from scaling.decision import tasks_wanted
from scaling.memory import Memory
from scaling.service import raise_desired, read_backlog

logger = Logger(child=True)


def wake(sqs: Any, ecs: Any, memory: Memory, worker: QueueWorker, sent: int, groups: Collection[str]) -> bool:
    """Give the service the tasks that its backlog is worth, if it has fewer; whether it had.

    sent: messages that were just sent, which the queue may not count yet. groups: theirs, of a FIFO queue.
    Where somebody else has just woken the service nothing happens: what is missing then, the scaler adds.
    """
    active = memory.add_groups(worker, groups) if worker.fifo else None
    backlog = max(read_backlog(sqs, worker), sent)
    wanted = tasks_wanted(backlog, worker.bounds, active)
    if not memory.may_wake(worker, wanted, time.time()):
        return False
    had = raise_desired(ecs, worker, wanted)
    if had is not None:
        logger.info("service woken", worker=worker.name, backlog=backlog, had=had, desired=wanted)
    return had is not None
