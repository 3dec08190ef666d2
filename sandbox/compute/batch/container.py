"""The container of an attempt, as a process of this machine."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from sandbox.compute.fargate import ENDED, container_environment, unpack_image
from sandbox.compute.memory import wait_within
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
        self._cloud, self._properties, self._variables, self._memory = cloud, properties, variables, memory
        self._timeout_seconds, self._running, self._ended = timeout_seconds, running, ended
        self._id = uuid.uuid4().hex
        self.task_arn = f"arn:aws:ecs:{cloud.region}:{ACCOUNT}:task/{cluster}/{self._id}"
        options = (properties.get("logConfiguration") or {}).get("options") or {}
        self._log_group = options.get("awslogs-group", "/aws/batch/job")
        self.log_stream = f"{options.get('awslogs-stream-prefix', 'job')}/default/{self._id}"
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._stopping, self._gone, self._out_of_memory = "", False, False
        self._timers: list[threading.Timer] = []
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, reason: str) -> None:
        """SIGTERM now, SIGKILL after a while. reason: becomes the status reason; the first one counts."""
        with self._lock:
            if self._stopping:
                return
            self._stopping = reason
            if self._process is not None:
                self._process.send_signal(signal.SIGTERM)  # to the container's first process only
                self._after(STOP_SECONDS, self.kill)

    def lose(self) -> None:
        """Its machine goes, without a warning."""
        with self._lock:
            self._stopping = self._stopping or HOST_GONE.format(id=self._id[:16])
            self._gone = True
            self._signal()

    def exhaust(self) -> None:
        """The kernel ends it, as one that holds too much memory."""
        with self._lock:
            self._note_memory()
            self._signal()

    def kill(self) -> None:
        """SIGKILL."""
        with self._lock:
            self._stopping = self._stopping or ENDED
            self._signal()

    def join(self) -> None:
        self._thread.join()

    def _run(self) -> None:
        try:
            code, status_reason = self._contain()
        except Exception as error:  # a worker without a folder, a secret that is not there
            logger.exception("a container cannot be started")
            code, status_reason = None, "Task failed to start"
            self._ended(Ending(None, f"CannotStartContainerError: {error}", status_reason))
            return
        if code is not None and code < 0:
            code = 128 - code  # how containers report death by a signal
        reason = OUT_OF_MEMORY if self._out_of_memory and code else ""
        self._ended(Ending(None if self._gone else code, reason, status_reason))

    def _contain(self) -> tuple[int | None, str]:
        """Run the command to its end: exit code (None if it was stopped before it began) and status reason."""
        environment = self._environment()
        worker = environment["WORKER"]
        root = unpack_image(self._cloud.project, worker, self._cloud.folder / "images" / worker)
        scratch = self._cloud.folder / "scratch" / self._id
        scratch.mkdir(parents=True)
        environment |= {"PYTHONPATH": str(root), "HOME": str(scratch), "TMPDIR": str(scratch)}
        try:
            with self._lock:
                if self._stopping:
                    return None, self._stopping
                self._process = subprocess.Popen(
                    self._properties["command"], cwd=root, env=environment,
                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
                )  # fmt: skip
                if self._timeout_seconds:
                    self._after(self._timeout_seconds, lambda: self.stop(TIMED_OUT))
            assert self._process.stdout
            log = Log(self._cloud, self._log_group, self.log_stream, worker)
            reader = threading.Thread(target=log.follow, args=[self._process.stdout], daemon=True)
            reader.start()
            self._running()
            code = wait_within(self._process, self._memory, self._note_memory)
            with self._lock:
                self._signal()  # a container's end takes all its processes with it
                self._process = None  # its number may be another's soon
                for timer in self._timers:
                    timer.cancel()
            reader.join()
            return code, self._stopping or ENDED
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def _environment(self) -> dict[str, str]:
        agent = self._cloud.compute.fargate.agent.environment(self.task_arn)
        return container_environment(self._cloud, self._properties, self._variables, agent)

    def _note_memory(self) -> None:
        self._out_of_memory = True

    def _after(self, seconds: float, action: Callable[[], None]) -> None:
        timer = threading.Timer(seconds, action)
        timer.daemon = True
        timer.start()
        self._timers.append(timer)

    def _signal(self) -> None:
        if self._process is not None:
            try:
                os.killpg(self._process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass


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
