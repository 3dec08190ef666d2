"""What it takes to add a worker."""

from __future__ import annotations

from pathlib import Path

import pytest
from live_stack import deployed
from sandbox_project import Project

pytestmark = pytest.mark.xdist_group("new-worker")


def content(folder: Path) -> dict[str, str]:
    return {str(file.relative_to(folder)): file.read_text() for file in folder.rglob("*") if file.is_file()}


def test_a_folder_and_a_line_in_the_stack_deploy_a_worker_that_answers_through_the_api(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.add_worker("probe")
    stack = project.write_stack("test", workers={"probe": {}})
    before = content(tmp_path)

    project.add_worker("greeter", description="Greets.")
    stack.write_text(stack.read_text() + "    greeter: {}\n")

    after = content(tmp_path)
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    assert changed == {"workers/greeter/worker.yaml", "workers/greeter/handler.py", "Pulumi.test.yaml"}
    with deployed(project) as live:
        assert live.deployment.violations == {"preview": [], "update": []}
        workers = {worker["name"]: worker["description"] for worker in live.client.call("GET", "/workers")["workers"]}
        assert workers == {"probe": "Does what its input says.", "greeter": "Greets."}
        job_id = live.submit("greeter", do="echo", text="good morning")
        live.succeed(job_id)
        assert live.result(job_id)["text"] == "good morning"
        assert live.is_told_once(job_id)
