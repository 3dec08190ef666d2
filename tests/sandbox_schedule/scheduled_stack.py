"""A stack of scheduled workers that is up in this process."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

from sandbox_project import MANIFEST, Project

from sandbox.cloud import Cloud
from sandbox.scheduled_workers import scheduled_workers

STACK = "test"
INPUT: dict[str, Any] = dict(MANIFEST["input"])
INPUT |= {"properties": INPUT["properties"] | {"scheduled_at": {"type": "string"}}}


def write_project(folder: Path) -> Path:
    """nightly: at six in Berlin. often: every ten minutes. off: switched off. picky: refuses what it is given."""
    project = Project(folder)
    for name, expression, do in (
        ("nightly", "cron(0 6 * * ? *)", "echo"),
        ("often", "cron(0/10 * * * ? *)", "echo"),
        ("off", "rate(1 hour)", "echo"),
        ("picky", "rate(1 day)", "refuse"),
    ):
        schedule = {"expression": expression, "timezone": "Europe/Berlin", "input": {"do": do, "text": "good morning"}}
        project.add_worker(name, trigger={"schedule": schedule}, input=INPUT)
    project.write_stack(STACK, workers={"nightly": {}, "often": {}, "off": {"enabled": False}, "picky": {}})
    return folder


class Stack:
    """project: its folder. cloud: in which it is up, its clock standing still until it is stepped."""

    def __init__(self, project: Path, cloud: Cloud):
        self.project, self.cloud, self.clock = project, cloud, cloud.compute.clock

    def step_to(self, minutes: int) -> dt.datetime:
        """Go ahead to the next full multiple of so many minutes, which it is afterwards."""
        seconds = minutes * 60
        due = (self.clock.now() // seconds + 1) * seconds
        self.clock.step(due - self.clock.now())
        return dt.datetime.fromtimestamp(due, dt.UTC)

    def outcome(self, worker: str, job_id: str) -> dict[str, Any]:
        return scheduled_workers(self.cloud)[worker].outcome(job_id)
