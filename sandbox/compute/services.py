"""ECS services: as many tasks as each should have, on the capacity providers of its strategy.

As in ECS, a service without capacity on Spot does not turn to on-demand: it says so in its events and tries again.
Scale-in and deployments leave protected tasks alone.
"""

from __future__ import annotations

import datetime as dt
import logging
import math
import os
import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sandbox.clock import Clock
from sandbox.compute.fargate import Fargate, NoCapacity, Task
from sandbox.invented import ACCOUNT

if TYPE_CHECKING:
    from sandbox.cloud import Cloud

# Of one service at once; more tasks stay PENDING. A service has places of its own: its tasks stay, and with those of
# the jobs' tasks they would keep jobs, or another service, waiting for ever. Idle ones cost memory, hardly any time.
MAX_PROCESSES = 2 * max(2, os.cpu_count() or 2)
RETRY_SECONDS = 15  # between two attempts to place a task
LOOK_SECONDS = 1  # real ones: protection that runs out says nothing
MAX_PAUSE_SECONDS = 30  # before tasks are replaced that fail as soon as they have started
MAX_EVENTS = 100  # Source: Amazon ECS service event messages

logger = logging.getLogger(__name__)


@dataclass(eq=False)
class Kept:
    """A task that a service keeps.

    deployment: id of the one that it was started for. started, stopped: instants of the clock, None if it has not.
    """

    task: Task
    deployment: str
    provider: str
    started: float | None = None
    stopped: float | None = None

    @property
    def arn(self) -> str:
        return self.task.model.task_arn

    @property
    def wanted(self) -> bool:
        return self.task.model.desired_status == "RUNNING"

    @property
    def running(self) -> bool:
        return self.wanted and self.task.model.last_status == "RUNNING"


@dataclass
class Service:
    """model: moto's, which DescribeServices shows."""

    model: Any
    cluster: str
    deployment: str = ""
    deployed: tuple[Any, ...] = ()
    good: tuple[Any, ...] = ()
    tasks: list[Kept] = field(default_factory=list)
    failures: int = 0
    paused_until: float = 0
    steady: bool = False
    places: threading.BoundedSemaphore = field(default_factory=lambda: threading.BoundedSemaphore(MAX_PROCESSES))

    @property
    def strategy(self) -> list[dict[str, Any]]:
        return self.model.capacity_provider_strategy

    @property
    def wanted(self) -> list[Kept]:
        """Tasks that are to run, or run already."""
        return [kept for kept in self.tasks if kept.wanted]


class Services:
    """The services of a stack, by name. One thread looks after all of them."""

    def __init__(self, cloud: Cloud, clock: Clock, fargate: Fargate):
        from moto.ecs.models import ecs_backends
        from moto.ecs.responses import EC2ContainerServiceResponse

        self._cloud, self._clock, self._fargate = cloud, clock, fargate
        self._services: dict[str, Service] = {}
        self._lock = threading.RLock()
        self._wake = threading.Event()
        self._closed = False
        backend: Any = ecs_backends[ACCOUNT][cloud.region]
        self._backend = backend
        self._update, self._describe = backend.update_service, backend.describe_services
        self._delete, self._list = backend.delete_service, backend.list_tasks
        backend.update_service, backend.describe_services = self._update_service, self._describe_services
        backend.delete_service, backend.list_tasks = self._delete_service, self._list_tasks
        self._answer = EC2ContainerServiceResponse.create_service
        EC2ContainerServiceResponse.create_service = _adopting(self._answer, self)
        fargate.agent.changed, fargate.agent.blocked = self._wake.set, self._is_blocked
        clock.every(RETRY_SECONDS, self._wake.set)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def all(self) -> list[Service]:
        with self._lock:
            return list(self._services.values())

    def get(self, name: str) -> Service:
        """Raises KeyError."""
        with self._lock:
            return self._services[name]

    def set_capacity(self, provider: str, available: bool) -> None:
        """Whether a capacity provider has room for more tasks. Those that run go on."""
        (self._fargate.unavailable.discard if available else self._fargate.unavailable.add)(provider)
        self._wake.set()

    def close(self) -> None:
        """Starts and replaces nothing more; the tasks are Fargate's to end."""
        from moto.ecs.responses import EC2ContainerServiceResponse

        EC2ContainerServiceResponse.create_service = self._answer
        self._closed = True
        self._wake.set()
        self._thread.join()

    # What moto is asked for

    def adopt(self, cluster: str, name: str, request: Mapping[str, Any]) -> None:
        """Keep tasks for a service that moto has just recorded. request: what moto does not record."""
        models, _ = self._describe(cluster, [name])
        model: Any = models[0]
        model.capacity_provider_strategy = request.get("capacityProviderStrategy") or []
        model.deployment_configuration = request.get("deploymentConfiguration") or {}
        if model.capacity_provider_strategy:
            model.launch_type = None
        service = Service(model, cluster)
        with self._lock:
            self._services[name] = service
            self._deploy(service)
            self._count(service)
        self._wake.set()

    def _update_service(self, properties: dict[str, Any]) -> Any:
        forced = bool(properties.get("force_new_deployment"))
        with self._lock:
            model = self._update(properties)
            service = self._services.get(model.name)
            if service:
                model.task_definition = self._backend.describe_task_definition(model.task_definition).arn
                if forced or self._wish(service) != service.deployed:
                    self._deploy(service)
                self._count(service)
        self._wake.set()
        return model

    def _describe_services(self, cluster: str, names: list[str]) -> Any:
        with self._lock:
            found, failures = self._describe(cluster, names)
            for model in found:
                if model.name in self._services:
                    self._count(self._services[model.name])
            return found, failures

    def _delete_service(self, cluster: str, name: str, force: bool) -> Any:
        with self._lock:
            model = self._delete(cluster, name, force)
            service = self._services.pop(model.name, None)
            for kept in service.wanted if service else []:
                kept.task.stop("Service deleted")
        return model

    def _list_tasks(self, *args: Any, **kwargs: Any) -> list[Any]:
        name = args[4] if len(args) > 4 else kwargs.get("service_name")
        tasks = self._list(*args, **kwargs)
        return [task for task in tasks if task.group == f"service:{name.split('/')[-1]}"] if name else tasks

    # What happens to tasks

    def _run(self) -> None:
        while not self._closed:
            self._wake.wait(LOOK_SECONDS)
            self._wake.clear()
            for service in self.all():
                try:
                    with self._lock:
                        self._look_after(service)
                except Exception:  # the thread outlives whatever goes wrong with one service
                    logger.exception("%s: not looked after", service.model.name)

    def _look_after(self, service: Service) -> None:
        if self._closed or service.model.status != "ACTIVE":
            return
        self._note_ends(service)
        desired = service.model.desired_count
        current = [kept for kept in service.wanted if kept.deployment == service.deployment]
        old = [kept for kept in service.wanted if kept.deployment != service.deployment]
        self._stop(service, current, len(current) - desired)
        # A deployment first starts the new tasks, then stops old ones for those that run.
        self._stop(service, old, sum(kept.running for kept in current) + len(old) - desired)
        if self._clock.now() >= service.paused_until:
            room = 2 * desired - len(service.wanted)
            self._start(service, min(desired - len(current), max(room, 0)))
        self._settle(service)

    def _stop(self, service: Service, tasks: list[Kept], excess: int) -> None:
        """Stop so many of the tasks, as far as they are not protected: first what does not run yet."""
        free = [kept for kept in reversed(tasks) if not self._fargate.agent.protects(kept.arn)]
        stopped = sorted(free, key=lambda kept: kept.running)[: max(0, excess)]
        for kept in stopped:
            kept.task.stop(f"Scaling activity initiated by (deployment {kept.deployment})")
        if stopped:
            self._say(service, f"has stopped {len(stopped)} running tasks: {_ids(stopped)}.")

    def _start(self, service: Service, missing: int) -> None:
        placed = [kept.provider for kept in service.wanted if kept.deployment == service.deployment]
        started: list[Kept] = []
        short: set[str] = set()
        for _ in range(missing):
            provider = next_provider(service.strategy, placed)
            placed.append(provider)  # also if there is no room for it: its share does not go to another provider
            try:
                task = self._fargate.start(
                    provider, service.places, self._wake.set, cluster_str=service.cluster,
                    task_definition_str=service.model.task_definition, overrides=None,
                    started_by=service.deployment, tags=service.model.tags, launch_type=None,
                    networking_configuration=service.model.network_configuration,
                    group=f"service:{service.model.name}",
                )  # fmt: skip
            except NoCapacity as error:
                if provider not in short:
                    self._say(service, f"was unable to place a task. Reason: {error}.")
                short.add(provider)
            else:
                started.append(Kept(task, service.deployment, provider))
        service.tasks += started
        if started:
            self._say(service, f"has started {len(started)} tasks: {_ids(started)}.")

    def _note_ends(self, service: Service) -> None:
        """What became of the tasks; a service whose tasks fail waits longer and longer before it replaces them."""
        now = self._clock.now()
        for kept in service.tasks:
            if kept.started is None and kept.task.ran:
                kept.started = now
            if kept.stopped is None and kept.task.model.last_status == "STOPPED":
                kept.stopped = now
                if not kept.task.failed:
                    service.failures = 0
                elif kept.deployment == service.deployment:
                    service.failures += 1
                    pause = min(2.0**service.failures, MAX_PAUSE_SECONDS)
                    service.paused_until = now + pause
                    self._clock.after(pause, self._wake.set)
                    self._break_circuit(service)

    # Deployments

    def _wish(self, service: Service) -> tuple[Any, ...]:
        return (service.model.task_definition, _frozen(service.strategy))

    def _deploy(self, service: Service) -> None:
        """Begin to replace the service's tasks by such as it describes now."""
        service.deployment = f"ecs-svc/{uuid.uuid4().int % 10**19}"
        service.deployed = self._wish(service)
        service.failures, service.paused_until, service.steady = 0, 0, False
        now = self._time()
        service.model.deployments = [
            {
                "id": service.deployment,
                "status": "PRIMARY",
                "taskDefinition": service.model.task_definition,
                "capacityProviderStrategy": service.strategy,
                "createdAt": now,
                "updatedAt": now,
                "networkConfiguration": service.model.network_configuration,
                "rolloutState": "IN_PROGRESS",
                "rolloutStateReason": f"ECS deployment {service.deployment} in progress.",
            },
            *({**old, "status": "ACTIVE"} for old in service.model.deployments),
        ]

    def _settle(self, service: Service) -> None:
        """A service with the tasks that it should have is steady; a deployment that got there is complete."""
        self._count(service)
        wanted = service.wanted
        of_this = all(kept.running and kept.deployment == service.deployment for kept in wanted)
        steady = of_this and len(wanted) == service.model.desired_count
        if steady and not service.steady:
            self._say(service, "has reached a steady state.")
            primary = service.model.deployments[0]
            primary["rolloutState"] = "COMPLETED"
            primary["rolloutStateReason"] = f"ECS deployment {service.deployment} completed."
            service.good = service.deployed
        service.steady = steady

    def _break_circuit(self, service: Service) -> None:
        """Roll back a deployment whose tasks fail to start, if the service is declared to."""
        declared = service.model.deployment_configuration.get("deploymentCircuitBreaker") or {}
        primary = service.model.deployments[0]
        threshold = min(max(math.ceil(service.model.desired_count / 2), 3), 200)
        if not declared.get("enable") or primary["rolloutState"] != "IN_PROGRESS" or service.failures < threshold:
            return
        primary["rolloutState"] = "FAILED"
        primary["rolloutStateReason"] = "ECS deployment circuit breaker: tasks failed to start."
        self._say(service, f"(deployment {service.deployment}) deployment failed: tasks failed to start.")
        if declared.get("rollback") and service.good and service.good != service.deployed:
            definition, strategy = service.good
            self._say(service, "rolling back to the last completed deployment.")
            service.model.task_definition = definition
            service.model.capacity_provider_strategy = [dict(item) for item in strategy]
            self._deploy(service)

    def _is_blocked(self, arn: str) -> bool:
        """Whether a deployment waits for this task to go."""
        with self._lock:
            kept = [(service, kept) for service in self._services.values() for kept in service.tasks if kept.arn == arn]
        return any(kept.deployment != service.deployment for service, kept in kept)

    # What DescribeServices shows

    def _count(self, service: Service) -> None:
        model, wanted = service.model, service.wanted
        model.running_count = sum(kept.running for kept in wanted)
        model.pending_count = len(wanted) - model.running_count
        of_deployment: dict[str, list[Kept]] = {}
        for kept in wanted:
            of_deployment.setdefault(kept.deployment, []).append(kept)
        shown = [d for d in model.deployments if d["status"] == "PRIMARY" or d["id"] in of_deployment]
        for deployment in shown:
            tasks = of_deployment.get(deployment["id"], [])
            deployment["runningCount"] = sum(kept.running for kept in tasks)
            deployment["pendingCount"] = len(tasks) - deployment["runningCount"]
            primary = deployment["status"] == "PRIMARY"
            deployment["desiredCount"] = model.desired_count if primary else 0
            deployment["failedTasks"] = service.failures if primary else 0
        model.deployments = shown

    def _say(self, service: Service, text: str) -> None:
        event = {
            "id": str(uuid.uuid4()),
            "createdAt": self._time(),
            "message": f"(service {service.model.name}) {text}",
        }
        service.model.events = [event, *service.model.events][:MAX_EVENTS]

    def _time(self) -> dt.datetime:
        return dt.datetime.fromtimestamp(self._clock.now(), dt.UTC)


def next_provider(strategy: list[dict[str, Any]], placed: list[str]) -> str:
    """The capacity provider of the next task: bases first, then whoever is furthest behind its weight."""
    if not strategy:
        return "FARGATE"
    for item in strategy:
        if placed.count(item["capacityProvider"]) < item.get("base", 0):
            return item["capacityProvider"]

    def behind(item: Mapping[str, Any]) -> float:
        return (placed.count(item["capacityProvider"]) - item.get("base", 0) + 1) / item["weight"]

    weighted = [item for item in strategy if item.get("weight", 0) > 0]
    return min(weighted, key=behind)["capacityProvider"] if weighted else strategy[0]["capacityProvider"]


def _ids(tasks: list[Kept]) -> str:
    return ", ".join(f"(task {kept.task.model.id})" for kept in tasks)


def _frozen(strategy: list[dict[str, Any]]) -> tuple[Any, ...]:
    return tuple(tuple(sorted(item.items())) for item in strategy)


def _adopting(answer: Any, services: Services) -> Any:
    """Moto's CreateService, after which the service has tasks."""

    def create_service(response: Any) -> Any:
        result = answer(response)
        services.adopt(
            response._get_param("cluster", "default"),
            response._get_param("serviceName"),
            {name: response._get_param(name) for name in ("capacityProviderStrategy", "deploymentConfiguration")},
        )
        return result

    return create_service
