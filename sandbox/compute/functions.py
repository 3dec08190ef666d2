"""Lambda: each function's archive unpacked, its handler in processes of its own."""

from __future__ import annotations

import json
import logging
import os
import select
import shutil
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pulumi

from sandbox.clock import Clock

if TYPE_CHECKING:
    from sandbox.cloud import Cloud

HOST = Path(__file__).with_name("lambda_host.py")
logger = logging.getLogger(__name__)

MAX_PROCESSES = 4  # of one function at once; more invocations wait, as they would for a concurrency limit


class FunctionError(Exception):
    """The invocation failed: the handler raised, timed out or died."""


class Functions:
    """The functions of a stack, by name or ARN. Their `time.time()` is the clock's.

    invocations, errors: how many there have been, by name.
    """

    def __init__(self, cloud: Cloud, clock: Clock):
        self._cloud, self._clock = cloud, clock
        self.invocations: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()
        self._functions: dict[str, Function] = {}
        self.overrides: dict[str, str] = {}
        """Environment that every function gets on top of its own, for endpoints outside AWS."""

    def add(self, name: str, inputs: dict[str, Any]) -> None:
        folder = self._cloud.folder / "functions" / name
        unpack(inputs["code"], self._cloud.project, folder)
        self._functions[name] = Function(self._cloud, self._clock, name, folder, inputs, self.overrides)

    def exists(self, name_or_arn: str) -> bool:
        return _name(name_or_arn) in self._functions

    def names(self) -> list[str]:
        return list(self._functions)

    def environment(self, name_or_arn: str) -> Mapping[str, str]:
        """What the function reads from its environment."""
        return self._functions[_name(name_or_arn)].environment

    def dead_letters(self, name_or_arn: str) -> str | None:
        """ARN of the queue for events that the function failed at when it was invoked asynchronously."""
        return self._functions[_name(name_or_arn)].dead_letters

    def invoke(self, name_or_arn: str, event: Any) -> Any:
        """The handler's result; raises FunctionError."""
        name = _name(name_or_arn)
        self.invocations[name] += 1
        try:
            return self._functions[name].invoke(event)
        except FunctionError:
            self.errors[name] += 1
            raise

    def close(self) -> None:
        for function in self._functions.values():
            function.close()


class Function:
    """One function: idle processes wait warm, a busy function gets more of them."""

    def __init__(
        self,
        cloud: Cloud,
        clock: Clock,
        name: str,
        folder: Path,
        inputs: dict[str, Any],
        overrides: dict[str, str],
    ):
        self.name, self._clock, self._folder = name, clock, folder
        self.dead_letters: str | None = (inputs.get("deadLetterConfig") or {}).get("targetArn")
        self._handler, self._timeout = inputs["handler"], float(inputs["timeout"])
        self.environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(folder),
            "PYTHONUNBUFFERED": "1",
            "LANG": "C.UTF-8",
            "AWS_LAMBDA_FUNCTION_NAME": name,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(int(inputs["memorySize"])),
            "SANDBOX_FUNCTION_ARN": f"arn:aws:lambda:{cloud.region}:123456789012:function:{name}",
            **cloud.environment(),
            **inputs.get("environment", {}).get("variables", {}),
        }
        self._overrides = overrides
        self._log = cloud.folder / "logs" / f"{name}.log"
        self._log.parent.mkdir(parents=True, exist_ok=True)
        self._idle: list[Host] = []
        self._busy: set[Host] = set()
        self._places = threading.BoundedSemaphore(MAX_PROCESSES)
        self._lock = threading.Lock()
        self._closed = False

    def invoke(self, event: Any) -> Any:
        with self._places:
            host, usable = self._take(), False
            try:
                answer = host.call(event, self._timeout, self._clock)
                usable = True
            except FunctionError as error:
                logger.error("%s: %s", self.name, error)
                raise
            finally:
                self._give_back(host, usable)
        if "error" in answer:
            raise FunctionError(f"{self.name}: {answer['error']}")
        return answer["result"]

    def _take(self) -> Host:
        with self._lock:
            if self._closed:
                raise FunctionError(f"{self.name} has been stopped")
            if self._idle:
                host = self._idle.pop()
            else:
                host = Host(self._handler, self._folder, self.environment | self._overrides, self._log)
            self._busy.add(host)
            return host

    def _give_back(self, host: Host, usable: bool) -> None:
        with self._lock:
            self._busy.remove(host)
            if usable and not self._closed:
                self._idle.append(host)
                return
        host.close()

    def close(self) -> None:
        """Ends every process; invocations under way fail."""
        with self._lock:
            self._closed = True
            for host in self._busy:
                host.kill()
            for host in self._idle:
                host.close()
            self._idle.clear()


class Host:
    """One process of a function."""

    def __init__(self, handler: str, folder: Path, environment: dict[str, str], log: Path):
        responses, write_end = os.pipe()
        with log.open("ab") as output:
            # -P: the process sees the function's own files and the installed packages, nothing of this project.
            self._process = subprocess.Popen(
                [sys.executable, "-P", str(HOST), handler, str(write_end)],
                cwd=folder, env=environment, stdin=subprocess.PIPE, stdout=output, stderr=output,
                pass_fds=[write_end], text=True, encoding="utf-8",
            )  # fmt: skip
        os.close(write_end)
        self._responses = os.fdopen(responses, encoding="utf-8")

    def call(self, event: Any, timeout: float, clock: Clock) -> dict[str, Any]:
        assert self._process.stdin is not None
        request = {
            "event": event,
            "id": str(uuid.uuid4()),
            "deadline": time.time() + timeout,
            "now": clock.now(),
            "factor": clock.factor,
        }
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        except OSError as error:
            raise FunctionError("the process ended; see its log") from error
        ready, _, _ = select.select([self._responses], [], [], timeout)
        if not ready:
            raise FunctionError(f"Task timed out after {timeout:.2f} seconds")
        line = self._responses.readline()
        if not line:
            raise FunctionError("the process ended without an answer; see its log")
        return json.loads(line)

    def kill(self) -> None:
        """A call under way fails; whoever made it closes the host."""
        self._process.kill()

    def close(self) -> None:
        self._process.kill()
        self._responses.close()
        with suppress(OSError), self._process:  # closes its stdin, which may hold what it never read
            pass


def _name(name_or_arn: str) -> str:
    return name_or_arn.rsplit(":", 1)[-1]


def unpack(archive: pulumi.Archive, project: Path, folder: Path) -> None:
    """Write an archive's files as the service would unpack them."""
    shutil.rmtree(folder, ignore_errors=True)
    assert isinstance(archive, pulumi.AssetArchive)
    for name, asset in archive.assets.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(asset, pulumi.FileAsset):
            shutil.copyfile(project / asset.path, target)
        elif isinstance(asset, pulumi.StringAsset):
            target.write_text(asset.text, encoding="utf-8")
        else:
            raise TypeError(f"{name}: archives of files and text can be unpacked, not {type(asset).__name__}")
