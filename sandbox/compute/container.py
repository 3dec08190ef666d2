"""A container, as a process of this machine."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from sandbox.compute.memory import wait_within

if TYPE_CHECKING:
    from sandbox.cloud import Cloud

IMAGE_PARTS = ("jobs", "workers/runtime", "workers/engines")  # what workers/Dockerfile copies besides the worker


class ContainerProcess:
    """Runs the command of a worker's container once, with a scratch folder that goes when it ends.

    out_of_memory: whether it was ended because it held more memory than it has.
    """

    def __init__(self, cloud: Cloud, worker: str, id: str, *, memory: int, stop_seconds: float):
        """id: of this container, no other has it. memory: MiB. stop_seconds: from SIGTERM to SIGKILL."""
        self._cloud, self._worker, self._memory, self._stop_seconds = cloud, worker, memory, stop_seconds
        self.scratch = cloud.folder / "scratch" / id
        self.out_of_memory = False
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped = False
        self._killer: threading.Timer | None = None

    def run(
        self,
        command: Sequence[str],
        variables: Mapping[str, str],
        output: IO[bytes] | int,
        began: Callable[[], None],
    ) -> int | None:
        """Run the command to its end: its exit code, as containers report it; None if it was stopped before it began.

        variables: on top of those of the image and of the cloud. began: called when the process runs.
        """
        root = unpack_image(self._cloud.project, self._worker, self._cloud.folder / "images" / self._worker)
        self.scratch.mkdir(parents=True, exist_ok=True)
        places = {"PYTHONPATH": str(root), "HOME": str(self.scratch), "TMPDIR": str(self.scratch)}
        try:
            with self._lock:
                if self._stopped:
                    return None
                self._process = subprocess.Popen(
                    command, cwd=root, env=self._environment(variables) | places,
                    stdout=output, stderr=output, start_new_session=True,
                )  # fmt: skip
            began()
            code = wait_within(self._process, self._memory, self._note_memory)
            with self._lock:
                self._signal()  # a container's end takes all its processes with it
                self._process = None  # its number may be another's soon
                if self._killer:
                    self._killer.cancel()
            return 128 - code if code < 0 else code  # how containers report death by a signal
        finally:
            shutil.rmtree(self.scratch, ignore_errors=True)

    def stop(self) -> None:
        """SIGTERM now, SIGKILL later. One that has not begun will not."""
        with self._lock:
            if self._stopped:
                return
            self._stopped = True
            if self._process is not None:
                self._process.send_signal(signal.SIGTERM)  # to the container's first process only
                self._killer = threading.Timer(self._stop_seconds, self.kill)
                self._killer.daemon = True
                self._killer.start()

    def kill(self) -> None:
        """SIGKILL. One that has not begun will not."""
        with self._lock:
            self._stopped = True
            self._signal()

    def exhaust(self) -> None:
        """The kernel ends it, as one that holds too much memory."""
        with self._lock:
            self._note_memory()
            self._signal()

    def _environment(self, variables: Mapping[str, str]) -> dict[str, str]:
        if json.loads(variables.get("ENGINE", "{}")).get("kind") == "bedrock":
            variables = {**variables, "ENGINE": '{"kind": "offline"}'}  # no Bedrock here; results say who answered
        return {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONUNBUFFERED": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "LANG": "C.UTF-8",
            **self._cloud.environment(),
            **variables,
        }

    def _note_memory(self) -> None:
        self.out_of_memory = True

    def _signal(self) -> None:
        if self._process is not None:
            try:
                os.killpg(self._process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass


def requested_variables(
    cloud: Cloud, definition: Mapping[str, Any], overrides: Mapping[str, str], agent: Mapping[str, str]
) -> dict[str, str]:
    """What ECS gives to a container: the agent's, the definition's, its secrets and, on top, those of the request.

    definition: of the container, in a task or in a job. agent: what the ECS agent adds.
    """
    secrets = cloud.client("secretsmanager")
    return {
        **agent,
        **{item["name"]: item["value"] for item in definition.get("environment") or []},
        **{
            item["name"]: secrets.get_secret_value(SecretId=item["valueFrom"])["SecretString"]
            for item in definition.get("secrets") or []
        },
        **overrides,
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
