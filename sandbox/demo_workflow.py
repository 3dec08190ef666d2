"""A section of the demonstration: the workflow that comes with the project, stage by stage."""

from __future__ import annotations

import time

from sandbox.check import console
from sandbox.demo_scene import Outcome, Scene
from sandbox.workflow_execution import Execution
from sandbox.workflow_run import follow

WORKFLOW = "line_report"


def workflow(scene: Scene) -> Outcome | None:
    """None if the stack does without the workflow."""
    content = {one.name: one for one in scene.settings.workflows}.get(WORKFLOW)
    if content is None:
        return None
    console.rule("A workflow")
    began = time.monotonic()
    execution = Execution(scene.cloud.environment(), scene.settings.stack, WORKFLOW)
    if not follow(scene.project, execution, content):
        return Outcome([], [f"the workflow {WORKFLOW} failed"])
    names = ", ".join(stage.name for stage in content.stages)
    return Outcome([f"[bold]Workflow[/]: {WORKFLOW} ran {names} in {time.monotonic() - began:.0f} s."])
