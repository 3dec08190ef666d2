"""Fargate: each task that moto records runs as a process of this machine."""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox.compute.agent import Agent
from sandbox.compute.memory import wait_within

if TYPE_CHECKING:
    from sandbox.cloud import Cloud

IMAGE_PARTS = ("jobs", "workers/runtime", "workers/engines")  # what workers/Dockerfile copies besides the worker
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
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._stopping = ""
        self.ran = False
        """Whether its process was started."""
        self.failed = False
        """Whether it could not be started, or ended by itself as soon as it had been."""
        self._killer: threading.Timer | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _variables(self) -> dict[str, str]:
        overrides = (self.model.overrides or {}).get("containerOverrides", [])
        variables = {item["name"]: item["value"] for one in overrides for item in one.get("environment", [])}
        return container_environment(
            self._cloud, self.container, variables, self._agent.environment(self.model.task_arn)
        )

    def _run(self) -> None:
        with self._places:
            began = time.monotonic()
            try:
                code = self._contain()
                self.failed = not self._stopping and code != 0 and time.monotonic() - began < SHORT_SECONDS
            except Exception as error:  # a worker without a folder, a secret that is not there
                logger.exception("%s: the container cannot be started", self.worker)
                self._stopping, code, self.failed = f"CannotStartContainerError: {error}", None, True
        # Containers report death by a signal as 128 + its number.
        self.model.containers[0].exitCode = 128 - code if code is not None and code < 0 else code
        self.model.stopped_reason = self._stopping or ENDED
        self.model.desired_status = "STOPPED"
        self.model.last_status = "STOPPED"
        self._changed()

    def _contain(self) -> int | None:
        """Run the container to its end: the exit code, None if it was stopped before it began."""
        root = unpack_image(self._cloud.project, self.worker, self._cloud.folder / "images" / self.worker)
        scratch = self._cloud.folder / "scratch" / self.model.id
        scratch.mkdir(parents=True)
        places = {"PYTHONPATH": str(root), "HOME": str(scratch), "TMPDIR": str(scratch)}
        environment = self._variables() | places
        try:
            with self._lock, (self._cloud.folder / "logs" / f"{self.worker}.log").open("ab") as output:
                if self._stopping:
                    return None
                self._process = subprocess.Popen(
                    self.container["command"], cwd=root, env=environment,
                    stdout=output, stderr=output, start_new_session=True,
                )  # fmt: skip
                self.model.last_status, self.ran = "RUNNING", True
            self._changed()
            code = wait_within(self._process, self.container["memory"])
            with self._lock:
                self._signal(signal.SIGKILL)  # a container's end takes all its processes with it
                self._process = None  # its number may be another's soon
                if self._killer:
                    self._killer.cancel()
            return code
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def stop(self, reason: str) -> None:
        """SIGTERM now, SIGKILL after the container's stopTimeout."""
        with self._lock:
            if self._stopping:
                return
            self._stopping = reason
            self.model.desired_status = "STOPPED"
            if self._process is None:
                return
            # ECS signals the container's first process only.
            self._process.send_signal(signal.SIGTERM)
            self._killer = threading.Timer(self.container.get("stopTimeout", 30), self.kill)
            self._killer.daemon = True
            self._killer.start()

    def kill(self) -> None:
        """SIGKILL, without a warning. A task that has not begun will not."""
        with self._lock:
            self._stopping = self._stopping or ENDED
            self._signal(signal.SIGKILL)

    def join(self) -> None:
        """Wait for the task's end."""
        self._thread.join()

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            try:
                os.killpg(self._process.pid, number)
            except ProcessLookupError:
                pass


def container_environment(
    cloud: Cloud, definition: Mapping[str, Any], variables: Mapping[str, str], agent: Mapping[str, str]
) -> dict[str, str]:
    """The image's, ECS's, the definition's, its secrets and, on top, the variables of the request.

    definition: of the container, in a task or in a job. agent: what the ECS agent adds.
    """
    own = {item["name"]: item["value"] for item in definition.get("environment") or []}
    for item in definition.get("secrets") or []:
        secret = cloud.client("secretsmanager").get_secret_value(SecretId=item["valueFrom"])
        own[item["name"]] = secret["SecretString"]
    own |= variables
    if json.loads(own.get("ENGINE", "{}")).get("kind") == "bedrock":
        own["ENGINE"] = '{"kind": "offline"}'  # no Bedrock on this machine; results say who answered
    return {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "LANG": "C.UTF-8",
        **agent,
        **cloud.environment(),
        **own,
    }


def unpack_image(project: Path, worker: str, root: Path) -> Path:
    """The files that the worker's image would hold, and nothing else, under `root`."""
    if not root.exists():
        partial = root.with_name(f"{root.name}-{threading.get_ident()}")
        ignore = shutil.ignore_patterns("__pycache__")
        for part in (*IMAGE_PARTS, f"workers/{worker}"):
            if (project / part).is_dir():
                shutil.copytree(project / part, partial / part, ignore=ignore)
        shutil.copyfile(project / "workers/__init__.py", partial / "workers/__init__.py")
        try:
            partial.rename(root)
        except OSError:  # another task was faster
            shutil.rmtree(partial)
    return root


def _with_failures(answer: Any) -> Any:
    """Moto answers without `failures`; ECS names in it what it could not place."""

    def run_task(response: Any) -> Any:
        result = answer(response)
        missing = int(response._get_param("count", 1)) - len(result.result["tasks"])
        result.result["failures"] = [{"reason": CAPACITY}] * missing
        return result

    return run_task
