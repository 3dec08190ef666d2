"""Where Spot has no capacity, on-demand takes its place for a while.

A service does not do so by itself: it waits for Spot, however long. Its capacity providers can only be changed by a
deployment, so it is done while no task is running and nobody is disturbed.
"""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools import Logger

from scaling.catalogue import QueueWorker
from scaling.memory import Memory, Remembered
from scaling.service import Service, set_strategy

SPOT = "FARGATE_SPOT"
ON_DEMAND = [{"capacityProvider": "FARGATE", "weight": 1, "base": 0}]
SHORTAGE = "capacity is unavailable"  # of ECS's event "was unable to place a task"
WAIT_SECONDS = 120  # Spot that is short for a moment is not worth a deployment
RETURN_SECONDS = 3600  # a queue that never drains tries Spot again after so long

logger = Logger(child=True)


def choose_capacity(
    ecs: Any,
    memory: Memory,
    worker: QueueWorker,
    service: Service,
    past: Remembered,
    stalled_seconds: float | None,
    now: float,
) -> None:
    """On-demand for a service that Spot has kept without a task, and back to what was declared when it has drained.

    stalled_seconds: for how long no task has been running although messages wait; None if it is not so.
    """
    if past.on_demand_since is not None:
        _go_back(ecs, memory, worker, service, past, now)
        return
    waited = stalled_seconds is not None and stalled_seconds >= WAIT_SECONDS
    if waited and _spot_is_short(service, past) and memory.goes_on_demand(worker, service.strategy, now):
        set_strategy(ecs, worker, ON_DEMAND)
        logger.warning("no Spot capacity, on-demand instead", worker=worker.name, seconds=stalled_seconds)


def _spot_is_short(service: Service, past: Remembered) -> bool:
    said = service.said_since(past.stalled_since or 0)
    return SPOT in _providers(service) and any(SHORTAGE in text.lower() for text in said)


def _go_back(ecs: Any, memory: Memory, worker: QueueWorker, service: Service, past: Remembered, now: float) -> None:
    since = past.on_demand_since or 0
    if SPOT not in _providers(service):  # else a deployment of the stack has brought Spot back
        idle = service.desired == 0 and service.running == 0
        if not idle and now - since < RETURN_SECONDS:
            return
        set_strategy(ecs, worker, past.declared_strategy)
        logger.info("back to the declared capacity providers", worker=worker.name, after_seconds=now - since)
    memory.is_as_declared(worker)


def _providers(service: Service) -> set[str]:
    return {item["capacityProvider"] for item in service.strategy}
