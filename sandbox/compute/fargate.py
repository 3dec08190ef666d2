"""Fargate: each task that moto records runs as a process of this machine."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sandbox.compute.agent import Agent
from sandbox.compute.container import ContainerProcess, requested_variables

if TYPE_CHECKING:
    from sandbox.cloud import Cloud

# At once, of tasks that end by themselves; more stay PENDING, as they do while Fargate finds them room.
MAX_PROCESSES = max(2, os.cpu_count() or 2)
SHORT_SECONDS = 5  # a life that was no use to anybody
ENDED = "Essential container in task exited"
CAPACITY = "Capacity is unavailable at this time. Please try again later or in a different availability zone"

logger = logging.getLogger(__name__)


class NoCapacity(Exception):
    """The capacity provider has no room for a task at the moment."""


class Fargate:
    """Starts and stops tasks. `unavailable`: capacity providers that have no capacity at the moment."""

    def __init__(self, cloud: Cloud):
        from moto.ecs.models import ecs_backends
        from moto.ecs.responses import EC2ContainerServiceResponse
        from moto.moto_api import state_manager

        self._cloud = cloud
        self.unavailable: set[str] = set()
        self._tasks: dict[str, Task] = {}
        self._places = threading.BoundedSemaphore(MAX_PROCESSES)
        self.agent = Agent()
        state_manager.set_transition("ecs::task", {"progression": "manual", "times": sys.maxsize})
        backend = ecs_backends["123456789012"][cloud.region]
        self._record, self._forget = backend.run_task, backend.stop_task
        backend.run_task, backend.stop_task = self._run_task, self._stop_task
        self._answer = EC2ContainerServiceResponse.run_task
        EC2ContainerServiceResponse.run_task = _with_failures(self._answer)

    def _run_task(self, *args: Any, **kwargs: Any) -> list[Any]:
        strategy = args[10] if len(args) > 10 else kwargs.get("capacity_provider_strategy")
        if strategy and strategy[0]["capacityProvider"] in self.unavailable:
            return []
        recorded = self._record(*args, **kwargs)
        for model in recorded:
            self._start(model, self._places)
        return recorded

    def start(self, provider: str, places: threading.Semaphore, changed: Callable[[], None], **request: Any) -> Task:
        """A task of a service; raises NoCapacity.

        places: of the service, so that it keeps no place from tasks that end. changed: called when its state changes.
        request: what moto's backend takes besides.
        """
        if provider in self.unavailable:
            raise NoCapacity(CAPACITY)
        strategy = [{"capacityProvider": provider, "weight": 1, "base": 0}]
        [model] = self._record(count=1, capacity_provider_strategy=strategy, **request)
        return self._start(model, places, changed)

    def _start(self, model: Any, places: threading.Semaphore, changed: Callable[[], None] = lambda: None) -> Task:
        model.last_status = "PENDING"
        task = self._tasks[model.task_arn] = Task(self._cloud, model, places, self.agent, changed)
        return task

    def _stop_task(self, cluster_str: str, task_str: str, reason: str) -> Any:
        running = next((t for arn, t in list(self._tasks.items()) if arn.endswith(task_str.rsplit("/", 1)[-1])), None)
        if running is None:
            return self._forget(cluster_str, task_str, reason)
        running.stop(reason or "Task stopped by user")
        return running.model

    def running(self) -> list[Task]:
        """Tasks that have not stopped."""
        return [task for task in list(self._tasks.values()) if task.model.last_status != "STOPPED"]

    def reclaim(self, task: Task) -> None:
        """What a Spot interruption does: SIGTERM, and SIGKILL once stopTimeout is over."""
        task.model.stop_code = "SpotInterruption"
        task.stop("Your Spot Task was interrupted.")

    def close(self) -> None:
        from moto.ecs.responses import EC2ContainerServiceResponse
        from moto.moto_api import state_manager

        EC2ContainerServiceResponse.run_task = self._answer
        state_manager.unset_transition("ecs::task")
        for task in self._tasks.values():
            task.kill()
        for task in self._tasks.values():
            task.join()
        self.agent.close()


class Task:
    """One task: waits for room, runs the container's command, tells moto how it ended."""

    def __init__(
        self,
        cloud: Cloud,
        model: Any,
        places: threading.Semaphore,
        agent: Agent,
        changed: Callable[[], None] = lambda: None,
    ):
        self._cloud, self.model, self._places, self._agent, self._changed = cloud, model, places, agent, changed
        definition = cloud.client("ecs").describe_task_definition(taskDefinition=model.task_definition_arn)
        self.container: dict[str, Any] = definition["taskDefinition"]["containerDefinitions"][0]
        self.worker = next(item["value"] for item in self.container["environment"] if item["name"] == "WORKER")
        self._container = ContainerProcess(
            cloud,
            self.worker,
            model.id,
            memory=self.container["memory"],
            stop_seconds=self.container.get("stopTimeout", 30),
        )
        self._lock = threading.Lock()
        self._stopping = ""
        self.ran = False
        """Whether its process was started."""
        self.failed = False
        """Whether it could not be started, or ended by itself as soon as it had been."""
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _variables(self) -> dict[str, str]:
        requested = (self.model.overrides or {}).get("containerOverrides", [])
        overrides = {item["name"]: item["value"] for one in requested for item in one.get("environment", [])}
        agent = self._agent.environment(self.model.task_arn)
        return requested_variables(self._cloud, self.container, overrides, agent)

    def _run(self) -> None:
        with self._places:
            began = time.monotonic()
            try:
                code = self._contain()
                self.failed = not self._stopping and code != 0 and time.monotonic() - began < SHORT_SECONDS
            except Exception as error:  # a worker without a folder, a secret that is not there
                logger.exception("%s: the container cannot be started", self.worker)
                self._stopping, code, self.failed = f"CannotStartContainerError: {error}", None, True
        self.model.containers[0].exitCode = code
        self.model.stopped_reason = self._stopping or ENDED
        self.model.desired_status = "STOPPED"
        self.model.last_status = "STOPPED"
        self._changed()

    def _contain(self) -> int | None:
        """Run the container to its end: the exit code, None if it was stopped before it began."""
        with (self._cloud.folder / "logs" / f"{self.worker}.log").open("ab") as output:
            return self._container.run(self.container["command"], self._variables(), output, self._note_running)

    def _note_running(self) -> None:
        self.model.last_status, self.ran = "RUNNING", True
        self._changed()

    def stop(self, reason: str) -> None:
        """SIGTERM now, SIGKILL after the container's stopTimeout."""
        with self._lock:
            if self._stopping:
                return
            self._stopping = reason
            self.model.desired_status = "STOPPED"
        self._container.stop()

    def kill(self) -> None:
        """SIGKILL, without a warning. A task that has not begun will not."""
        with self._lock:
            self._stopping = self._stopping or ENDED
        self._container.kill()

    def join(self) -> None:
        """Wait for the task's end."""
        self._thread.join()


def _with_failures(answer: Any) -> Any:
    """Moto answers without `failures`; ECS names in it what it could not place."""

    def run_task(response: Any) -> Any:
        result = answer(response)
        missing = int(response._get_param("count", 1)) - len(result.result["tasks"])
        result.result["failures"] = [{"reason": CAPACITY}] * missing
        return result

    return run_task
