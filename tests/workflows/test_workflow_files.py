"""The workflows that the project comes with, and the example of their document."""

from __future__ import annotations

import re
from pathlib import Path

import fastjsonschema
import pytest
from component_support import PROJECT

from components.settings import parse_settings
from components.stackfile import engine_config
from components.workflow_file import read_workflow, runners_of
from workflows import Runner

FLOWS = sorted((PROJECT / "flows").glob("*/workflow.yaml"))


@pytest.fixture(scope="module")
def runners() -> dict[str, Runner]:
    return runners_of(parse_settings(engine_config(PROJECT, "dev"), "dev", PROJECT).workers)


@pytest.mark.parametrize("path", FLOWS, ids=[path.parent.name for path in FLOWS])
def test_a_workflow_of_the_project_is_right_and_its_examples_fit(path: Path, runners: dict[str, Runner]) -> None:
    workflow, problems = read_workflow(path, path.name, path.parent.name, runners)
    assert problems == []
    assert workflow
    check = fastjsonschema.compile(workflow.input)
    for example in workflow.input["examples"]:
        check(example)


def test_the_documents_example_is_right(tmp_path: Path, runners: dict[str, Runner]) -> None:
    text = (PROJECT / "docs/workflows.md").read_text(encoding="utf-8")
    [example] = re.findall(r"```yaml\n(.*?)```", text, re.S)
    (tmp_path / "workflow.yaml").write_text(example, encoding="utf-8")
    assert read_workflow(tmp_path / "workflow.yaml", "workflow.yaml", "example", runners)[1] == []
    for field in re.findall(r"^\| `(\w+)`", text, re.M):
        assert f"{field}:" in example, field
