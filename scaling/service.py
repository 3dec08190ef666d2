"""A worker's queue and its ECS service, read and changed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from scaling.catalogue import QueueWorker

WAITING = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)


class NoService(Exception):
    """The cluster has no such service, or it is being deleted."""


@dataclass(frozen=True, kw_only=True)
class Service:
    """desired, running: tasks. strategy: its capacity providers. events: what ECS had to say, newest first."""

    desired: int
    running: int
    strategy: Sequence[dict[str, Any]] = ()
    events: Sequence[tuple[dt.datetime, str]] = ()

    def said_since(self, seconds: float) -> list[str]:
        """What ECS had to say since then, in seconds of the epoch; newest first."""
        return [text for at, text in self.events if at.timestamp() >= seconds]


def read_backlog(sqs: Any, worker: QueueWorker) -> int:
    """Messages visible, in flight and delayed: what is not deleted yet. Approximate, as SQS counts."""
    answer = sqs.get_queue_attributes(QueueUrl=worker.queue_url, AttributeNames=list(WAITING))
    return sum(int(answer["Attributes"][name]) for name in WAITING)


def describe(ecs: Any, worker: QueueWorker) -> Service:
    """`NoService` if there is none that could run tasks."""
    services = ecs.describe_services(cluster=worker.cluster, services=[worker.service])["services"]
    if not services or services[0]["status"] != "ACTIVE":
        raise NoService(f"no active service {worker.service} on the cluster {worker.cluster}")
    service = services[0]
    return Service(
        desired=service["desiredCount"],
        running=service["runningCount"],
        strategy=service.get("capacityProviderStrategy", []),
        events=[(event["createdAt"], event["message"]) for event in service.get("events", [])],
    )


def set_desired(ecs: Any, worker: QueueWorker, desired: int) -> None:
    ecs.update_service(cluster=worker.cluster, service=worker.service, desiredCount=desired)


def raise_desired(ecs: Any, worker: QueueWorker, wanted: int) -> int | None:
    """Give the service `wanted` tasks if it has fewer: how many it had, None if there was nothing to do.

    ECS knows no conditional update: between the look and the change somebody may have asked for more. The look is
    taken anew for each change, so that this is a matter of milliseconds; the next minute's scaler would see it.
    """
    desired = describe(ecs, worker).desired
    if desired >= wanted:
        return None
    set_desired(ecs, worker, wanted)
    return desired


def set_strategy(ecs: Any, worker: QueueWorker, strategy: Sequence[dict[str, Any]]) -> None:
    """Change the service's capacity providers. ECS does so by a deployment, which replaces the tasks that run."""
    ecs.update_service(
        cluster=worker.cluster,
        service=worker.service,
        capacityProviderStrategy=list(strategy),
        forceNewDeployment=True,
    )
