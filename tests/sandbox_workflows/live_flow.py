"""A stack with workflows that is up in this process, as the program declares it."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

sys.path.insert(0, str(Path(__file__).parents[1] / "sandbox"))  # a project of its own is what those tests have, too
from sandbox_project import REPOSITORY, Project

import sandbox.__main__
from components.stackfile import engine_config
from sandbox.cloud import Cloud
from sandbox.control import Control
from sandbox.deployment import Deployment, fresh_cloud
from sandbox.invented import ACCOUNT

STACK = "test"
PREFIX = f"serverless-batch-{STACK}"
SAMPLE_WORKERS = ("data_processor", "s3_batch", "sales_report")
HANDLER = """
import time
from pathlib import Path
from workers.runtime import BadInput

def handle(input, context):
    with open(input["journal"], "a") as lines:
        lines.write(f"{input['name']}:{context.index}:{context.attempt}\\n")
    if "pipe" in input:
        Path(input["pipe"]).read_text()
    if "key" in input and context.objects.read(None, input["key"]) == b"broken":
        raise OSError("the object is broken")
    if "hold" in input:
        held = bytearray(input["hold"] * 1024**2)
        held[::4096] = b"x" * len(held[::4096])
        time.sleep(2)  # memory is looked at now and then
    if "refuse" in input:
        raise BadInput(input["refuse"])
    return {"name": input["name"], "rows": 7, "size": context.size}
"""
QUEUES = {
    "standard": {"shares": {"weights": {"reports": 1}}},
    "machines": {"compute": "ec2", "architecture": "x86_64", "maxVcpus": 8},
}
RESOURCES = {"vcpu": 0.25, "memory": "512 MB", "timeout": "1 min"}
MANIFEST: dict[str, Any] = {"resources": RESOURCES, "retry": {"attempts": 2}, "input": {"type": "object"}}
INPUT = {"type": "object", "required": ["journal"], "properties": {"journal": {"type": "string"}}}


def probe(name: str, kind: str = "batch", **more: Any) -> dict[str, Any]:
    """The work of a stage that writes into the journal, and then does what `more` says."""
    worker = more.pop("worker", "probe" if kind == "batch" else "page")
    return {kind: {"worker": worker, "input": {"name": name, "journal": "${input.journal}", **more}}}


def each(prefix: str, **more: Any) -> dict[str, Any]:
    return {"fan_out": {"prefix": prefix, **more}, **probe("each", key="${item.key}")}


def write_project(folder: Path, flows: dict[str, list[dict[str, Any]]]) -> Path:
    """The sample workflow with its workers, and others by name, with their stages.

    probe: of AWS Batch, in a queue with shares. page: of a schedule, a task of Fargate. greedy: with two sizes.
    """
    project = Project(folder)
    for part in ("flows/line_report", *(f"workers/{worker}" for worker in SAMPLE_WORKERS)):
        shutil.copytree(REPOSITORY / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    schedule = {"schedule": {"expression": "cron(0 6 1 1 ? 2099)", "timezone": "UTC"}}
    tiers = [{"up_to": "1 MB", "vcpu": 1, "memory": "256 MB"}, {"vcpu": 1, "memory": "512 MB"}]
    for worker, trigger in (
        ("probe", {"batch": {"queue": "standard"}}),
        ("greedy", {"batch": {"queue": "machines", "tiers": tiers}}),
        ("page", schedule),
    ):
        project.add_worker(worker, trigger=trigger, **MANIFEST)
        (folder / "workers" / worker / "handler.py").write_text(HANDLER)
    for name, stages in flows.items():
        (folder / "flows" / name).mkdir()
        document = {"description": "A test's.", "input": INPUT, "stages": stages}
        (folder / "flows" / name / "workflow.yaml").write_text(yaml.safe_dump(document, sort_keys=False))
    project.write_stack(
        STACK,
        batch={"queues": QUEUES},
        workers={worker: {} for worker in (*SAMPLE_WORKERS, "probe", "greedy", "page")},
        workflows={name: {} for name in ("line_report", *flows)},
    )
    return folder


class LiveFlows:
    def __init__(self, cloud: Cloud, project: Path):
        self.cloud, self.project = cloud, project
        self.s3, self.states = cloud.client("s3"), cloud.client("stepfunctions")

    def run(self, *arguments: str) -> int:
        """`python -m sandbox workflow …` in this process; its exit code."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sandbox.__main__, "PROJECT", self.project)
            patch.setattr(sys, "argv", ["sandbox", "workflow", *arguments, "--stack", STACK])
            return sandbox.__main__.main()

    def upload(self, key: str, content: bytes = b"x") -> None:
        self.s3.put_object(Bucket=self.bucket("uploads"), Key=key, Body=content)

    def bucket(self, kind: str) -> str:
        names = [bucket["Name"] for bucket in self.s3.list_buckets()["Buckets"]]
        return next(name for name in names if name.startswith(f"{PREFIX}-{kind}-"))

    def executions(self, flow: str) -> list[dict[str, Any]]:
        """The newest first, as DescribeExecution has them."""
        arn = f"arn:aws:states:{self.cloud.region}:{ACCOUNT}:stateMachine:{PREFIX}-flow-{flow.replace('_', '-')}"
        found = self.states.list_executions(stateMachineArn=arn)["executions"]
        return [self.states.describe_execution(executionArn=one["executionArn"]) for one in found]

    def jobs(self, status: str) -> list[dict[str, Any]]:
        batch = self.cloud.client("batch")
        found = batch.list_jobs(jobQueue=f"{PREFIX}-standard", jobStatus=status)["jobSummaryList"]
        return batch.describe_jobs(jobs=[job["jobId"] for job in found])["jobs"] if found else []

    def notices(self) -> list[tuple[str, str]]:
        """Subject and text of what the topic of alarms was told, in order."""
        from moto.sns.models import sns_backends

        topic = sns_backends[ACCOUNT][self.cloud.region].topics[
            f"arn:aws:sns:{self.cloud.region}:{ACCOUNT}:{PREFIX}-alerts"
        ]
        return [(subject, message) for _, message, subject, *_ in topic.sent_notifications]


@contextmanager
def live_flows(project: Path) -> Iterator[LiveFlows]:
    config = engine_config(project, STACK)
    with fresh_cloud(project, STACK, config) as cloud:
        Deployment(project, STACK, config, cloud)
        with closing(Control(cloud)):
            yield LiveFlows(cloud, project)


class Journal:
    """What `probe` and `page` write: `<name>:<index>:<attempt>`. input: of a workflow, as JSON."""

    def __init__(self, folder: Path):
        self.path = folder / "journal"
        self.input = json.dumps({"journal": str(self.path)})

    @property
    def lines(self) -> list[str]:
        return self.path.read_text().split() if self.path.exists() else []
