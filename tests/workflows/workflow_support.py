"""Workflows for tests, and where they run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from components.workflow_file import read_workflow
from workflows import Runner, Size, Surroundings, Workflow, definition, faults

SIZES = [
    Size(up_to=100, vcpu=0.5, memory=1024, queue="standard", definition="lines", share="reports"),
    Size(up_to=1000, vcpu=1, memory=4096, queue="standard", definition="lines", share="reports"),
    Size(up_to=None, vcpu=4, memory=16384, queue="large", definition="lines_ec2"),
]
STRICT = {
    "type": "object", "additionalProperties": False, "required": ["key"], "properties": {"key": {"type": "string"}},
}  # fmt: skip
RUNNERS = {
    "lines": Runner(kind="batch", name="lines", sizes=SIZES, timeout=600, attempts=3),
    "plain": Runner(kind="batch", name="plain", sizes=SIZES[:1], timeout=600, attempts=1),
    "strict": Runner(kind="batch", name="strict", sizes=SIZES[:1], input=STRICT),
    "pages": Runner(kind="task", name="pages", target="serverless-batch-test-pages", timeout=60, attempts=2),
}
AROUND = Surroundings(
    machine="serverless-batch-test-flow-demo",
    partition="aws",
    buckets={"uploads": "uploads", "results": "results"},
    topic="arn:aws:sns:eu-central-1:123456789012:alerts",
    cluster="arn:aws:ecs:eu-central-1:123456789012:cluster/tasks",
    subnets=["subnet-1"],
    security_groups=["sg-1"],
    functions="arn:aws:lambda:eu-central-1:123456789012:function:",
    evaluate_on_exit=[{"OnExitCode": "137", "Action": "EXIT"}],
)
INPUT: dict[str, Any] = {
    "type": "object",
    "required": ["prefix"],
    "properties": {
        "prefix": {"type": "string"},
        "days": {"type": "array", "default": ["mon", "tue"]},
        "maybe": {"type": "string"},
    },
}


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def job(worker: str = "plain", **input: Any) -> dict[str, Any]:
    return {"worker": worker, "input": input}


def document(*stages: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"description": "Demo.", "input": INPUT, "stages": list(stages), **more}


def read(folder: Path, content: dict[str, Any]) -> tuple[Workflow | None, list[str]]:
    """The workflow, and what is wrong with it, in words."""
    path = folder / "workflow.yaml"
    path.write_text(yaml.dump(content, Dumper=_Dumper, sort_keys=False))
    workflow, problems = read_workflow(path, "flows/demo/workflow.yaml", "demo", RUNNERS)
    return workflow, [str(problem) for problem in problems]


def machine(folder: Path, *stages: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The definition that stages become; it holds together."""
    workflow, problems = read(folder, document(*stages, **more))
    assert workflow, problems
    assert problems == []
    found = definition(workflow, RUNNERS, AROUND)
    assert faults(found) == []
    return found
