"""The container of an attempt, as a process of this machine."""

from __future__ import annotations

import logging
import os
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from sandbox.compute.container import ContainerProcess, requested_variables
from sandbox.compute.fargate import ENDED
from sandbox.invented import ACCOUNT

if TYPE_CHECKING:
    from sandbox.cloud import Cloud

OUT_OF_MEMORY = "OutOfMemoryError: Container killed due to memory usage"
TIMED_OUT = "Job attempt duration exceeded timeout"
INTERRUPTED = "Your Spot Task was interrupted."  # what ECS says of a task on Fargate Spot
HOST_GONE = "Host EC2 (instance i-0{id}) terminated."
STOP_SECONDS = 30  # from SIGTERM to SIGKILL: ECS's default, a job definition has no other

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Ending:
    """exit_code: None if the container never ran, or its machine has gone. reason: the container's own, or empty."""

    exit_code: int | None
    reason: str
    status_reason: str


class Container:
    """Runs the command of a job's container. ended: called once, in a thread, when nothing is left of it."""

    def __init__(
        self,
        cloud: Cloud,
        properties: Mapping[str, Any],
        variables: Mapping[str, str],
        *,
        cluster: str,
        memory: int,
        timeout_seconds: float | None,
        running: Callable[[], None],
        ended: Callable[[Ending], None],
    ):
        """variables: on top of the container's own. memory: MiB. running: called when the command has begun."""
        self._cloud, self._properties, self._variables = cloud, properties, variables
        self._timeout_seconds, self._running, self._ended = timeout_seconds, running, ended
        self._id = uuid.uuid4().hex
        self.task_arn = f"arn:aws:ecs:{cloud.region}:{ACCOUNT}:task/{cluster}/{self._id}"
        options = (properties.get("logConfiguration") or {}).get("options") or {}
        self._log_group = options.get("awslogs-group", "/aws/batch/job")
        self.log_stream = f"{options.get('awslogs-stream-prefix', 'job')}/default/{self._id}"
        self._worker = next(item["value"] for item in properties["environment"] if item["name"] == "WORKER")
        self._container = ContainerProcess(cloud, self._worker, self._id, memory=memory, stop_seconds=STOP_SECONDS)
        self._lock = threading.Lock()
        self._stopping, self._gone = "", False
        self._timer: threading.Timer | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, reason: str) -> None:
        """SIGTERM now, SIGKILL after a while. reason: becomes the status reason; the first one counts."""
        with self._lock:
            self._stopping = self._stopping or reason
        self._container.stop()

    def lose(self) -> None:
        """Its machine goes, without a warning."""
        with self._lock:
            self._stopping = self._stopping or HOST_GONE.format(id=self._id[:16])
            self._gone = True
        self._container.kill()

    def exhaust(self) -> None:
        """The kernel ends it, as one that holds too much memory."""
        self._container.exhaust()

    def kill(self) -> None:
        """SIGKILL."""
        with self._lock:
            self._stopping = self._stopping or ENDED
        self._container.kill()

    def join(self) -> None:
        self._thread.join()

    def _run(self) -> None:
        try:
            code = self._contain()
        except Exception as error:  # a worker without a folder, a secret that is not there
            logger.exception("a container cannot be started")
            self._ended(Ending(None, f"CannotStartContainerError: {error}", "Task failed to start"))
            return
        reason = OUT_OF_MEMORY if self._container.out_of_memory and code else ""
        self._ended(Ending(None if self._gone else code, reason, self._stopping or ENDED))

    def _contain(self) -> int | None:
        """Run the command to its end: exit code, None if it was stopped before it began."""
        log = Log(self._cloud, self._log_group, self.log_stream, self._worker)
        outlet, inlet = os.pipe()
        reader = threading.Thread(target=log.follow, args=[os.fdopen(outlet, "rb")], daemon=True)
        reader.start()
        try:
            return self._container.run(self._properties["command"], self._environment(), inlet, self._began)
        finally:
            if self._timer:
                self._timer.cancel()
            os.close(inlet)
            reader.join()

    def _began(self) -> None:
        if self._timeout_seconds:
            self._timer = threading.Timer(self._timeout_seconds, self.stop, [TIMED_OUT])
            self._timer.daemon = True
            self._timer.start()
        self._running()

    def _environment(self) -> dict[str, str]:
        agent = self._cloud.compute.fargate.agent.environment(self.task_arn)
        return requested_variables(self._cloud, self._properties, self._variables, agent)


class Log:
    """What a container says: to a stream of CloudWatch Logs, and to the worker's log file, where metrics are read."""

    def __init__(self, cloud: Cloud, group: str, stream: str, worker: str):
        from moto.logs.models import logs_backends

        self._group, self._stream = group, stream
        self._logs = logs_backends[ACCOUNT][cloud.region]
        self._file = cloud.folder / "logs" / f"{worker}.log"
        if group not in self._logs.groups:  # declared elsewhere, or not at all
            self._logs.create_log_group(group, {})
        self._logs.create_log_stream(group, stream)

    def follow(self, output: IO[bytes]) -> None:
        """Until the output ends."""
        with output, self._file.open("ab", buffering=0) as file:
            for line in output:
                file.write(line)
                event = {"timestamp": int(time.time() * 1000), "message": line.decode(errors="replace").rstrip("\n")}
                if event["message"]:
                    self._logs.put_log_events(self._group, self._stream, [event])
