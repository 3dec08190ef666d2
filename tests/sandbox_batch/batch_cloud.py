"""A cloud with queues and a job definition, declared without a program. What its jobs do, their environment says."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pulumi

from sandbox.cloud import Cloud
from tests.waiting import until

REGION = "eu-central-1"
GROUP = "/serverless-batch/test/batch/probe"
# WAIT: path of a pipe that holds the job until the test opens it. HOLD: MiB of memory that it takes. EXIT: its code.
# Both, with `_I<index>`, `_A<attempt>` or `_I<index>_A<attempt>` behind them, for some of an array or of the attempts.
TASK = """
import os, pathlib, signal, sys, threading, time
e = os.environ
print("began", {k: e[k] for k in e if k.startswith("AWS_BATCH") or k == "COLOUR"}, flush=True)
attempt, index = e["AWS_BATCH_JOB_ATTEMPT"], e.get("AWS_BATCH_JOB_ARRAY_INDEX", "0")
with open(e["JOURNAL"], "a") as lines:
    lines.write(e["NAME"] + (f":{index}" if "AWS_BATCH_JOB_ARRAY_INDEX" in e else "") + "\\n")
if "POLITE" in e:  # by a thread: a handler would not run if the signal came just before the pipe is read
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    threading.Thread(target=lambda: os._exit(signal.sigwait({signal.SIGTERM}) and 143), daemon=True).start()
def told(name):
    names = (name, f"{name}_A{attempt}", f"{name}_I{index}", f"{name}_I{index}_A{attempt}")
    return next((e[one] for one in names if one in e), None)
if gate := told("WAIT"):
    pathlib.Path(gate).read_text()
if size := told("HOLD"):
    held = bytearray(int(size) * 1024**2)
    held[::4096] = b"x" * len(held[::4096])
    time.sleep(1)
sys.exit(int(told("EXIT") or 0))
"""
RETRY = {
    "attempts": 3,
    "evaluateOnExits": [
        {"onStatusReason": "Host EC2*", "action": "RETRY"},
        {"onStatusReason": "Your Spot Task was interrupted*", "action": "RETRY"},
        {"onReason": "CannotPullContainerError*", "action": "RETRY"},
        {"onExitCode": "137", "action": "EXIT"},
        {"onExitCode": "64", "action": "EXIT"},
    ],
}


class Gate:
    """A named pipe at which a job waits until the test opens it. path: of the pipe."""

    def __init__(self, path: Path):
        self.path = str(path)
        self._held: list[int] = []
        os.mkfifo(path)

    def reached(self) -> bool:
        """Whether a job waits; it stays there."""
        try:
            self._held.append(os.open(self.path, os.O_WRONLY | os.O_NONBLOCK))
        except OSError:  # nobody reads
            return False
        return True

    def wait_for_job(self) -> None:
        until(self.reached)

    def open(self) -> None:
        """Lets the job go on that has been waited for."""
        while self._held:
            os.close(self._held.pop())


class BatchCloud:
    """journal: names of the jobs that began, in order."""

    def __init__(self, folder: Path):
        self._project = folder / "project"
        worker = self._project / "workers" / "probe"
        worker.mkdir(parents=True)
        (self._project / "workers" / "__init__.py").touch()
        (worker / "task.py").write_text(TASK)
        self._folder = folder
        self.journal = folder / "journal"
        self.cloud = Cloud(REGION, self._project, folder / "cloud")
        self.engine = self.cloud.compute.batch
        self.batch = self.cloud.client("batch")
        self._gates = 0

    def create(self, type_: str, name: str, **inputs: Any) -> dict[str, Any]:
        """Outputs of a new resource, its id among them."""
        id_, outputs = self.cloud.create(type_, name, {"name": name, **inputs})
        return {"id": id_, **outputs}

    def environment(self, name: str, kind: str = "EC2", max_vcpus: float = 256.0) -> str:
        """Its ARN."""
        resources = {"type": kind, "maxVcpus": max_vcpus, "subnets": ["subnet-1"], "securityGroupIds": ["sg-1"]}
        return self.create(
            "aws:batch/computeEnvironment:ComputeEnvironment", name, type="MANAGED", computeResources=resources
        )["arn"]

    def queue(self, name: str, *environments: str, priority: float = 1.0, policy: str | None = None) -> None:
        order = [{"order": float(n), "computeEnvironment": arn} for n, arn in enumerate(environments, 1)]
        self.create(
            "aws:batch/jobQueue:JobQueue", name, priority=priority, state="ENABLED", computeEnvironmentOrders=order,
            schedulingPolicyArn=policy,
        )  # fmt: skip

    def define(self, name: str = "probe", *, platform: str = "EC2", **changes: Any) -> None:
        """changes: inputs of the definition; those of the container under `container`."""
        fargate = platform == "FARGATE"
        container = {
            "image": "x",
            "command": ["python", "workers/probe/task.py"],
            "environment": [{"name": "WORKER", "value": "probe"}, {"name": "JOURNAL", "value": str(self.journal)}],
            "resourceRequirements": [
                {"type": "VCPU", "value": "0.25" if fargate else "1"},
                {"type": "MEMORY", "value": "512" if fargate else "128"},
            ],
            "logConfiguration": {
                "logDriver": "awslogs",
                "options": {"awslogs-group": GROUP, "awslogs-stream-prefix": "probe"},
            },
            **changes.pop("container", {}),
        }
        self.create(
            "aws:batch/jobDefinition:JobDefinition", name, type="container", platformCapabilities=[platform],
            containerProperties=json.dumps(container), **({"retryStrategy": RETRY} | changes),
        )  # fmt: skip

    def gate(self) -> Gate:
        self._gates += 1
        return Gate(self._folder / f"gate-{self._gates}")

    def submit(
        self, name: str = "job", queue: str = "standard", env: Mapping[str, Any] | None = None, **request: Any
    ) -> str:
        """Its id. env: what it is to do."""
        variables = {"NAME": name} | {key: str(value) for key, value in (env or {}).items()}
        overrides = {"environment": [{"name": key, "value": value} for key, value in variables.items()]}
        overrides |= request.pop("overrides", {})
        return self.batch.submit_job(
            jobName=name, jobQueue=queue, jobDefinition=request.pop("definition", "probe"),
            containerOverrides=overrides, **request,
        )["jobId"]  # fmt: skip

    def job(self, job_id: str) -> dict[str, Any]:
        return self.batch.describe_jobs(jobs=[job_id])["jobs"][0]

    def status(self, job_id: str) -> str:
        return self.job(job_id)["status"]

    def reaches(self, job_id: str, status: str) -> dict[str, Any]:
        """The job once it is so."""
        return until(lambda: job if (job := self.job(job_id))["status"] == status else None)

    def end(self, job_id: str) -> dict[str, Any]:
        """The job once it has ended."""
        return until(lambda: job if (job := self.job(job_id))["status"] in ("SUCCEEDED", "FAILED") else None)

    def began(self) -> list[str]:
        return self.journal.read_text().split() if self.journal.exists() else []

    def function(self, name: str, code: str, **inputs: Any) -> str:
        """ARN of a function whose `handler.py` is the code."""
        archive = pulumi.AssetArchive({"handler.py": pulumi.StringAsset(code)})
        return self.create(
            "aws:lambda/function:Function", name, code=archive, handler="handler.handler", timeout=10, memorySize=128,
            **inputs,
        )["arn"]  # fmt: skip
