"""A stack of scheduled workers that is up, its clock standing still until it is stepped."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "sandbox"))  # a stack of its own is what those tests have, too
from life_of_runs import Runs
from live_stack import Gate, deployed
from sandbox_project import MANIFEST, Project

INPUT = dict(MANIFEST["input"])
INPUT |= {"properties": {**MANIFEST["input"]["properties"], "scheduled_at": {"type": "string"}}}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    """nightly: two attempts, no overlap. brief: one attempt of two seconds. sync: replaces what runs."""
    project = Project(tmp_path_factory.mktemp("project"))
    brief = {"resources": {"vcpu": 0.25, "memory": "512 MB", "timeout": "2 s"}, "retry": {"attempts": 1}}
    for name, overlap, changes in (("nightly", "forbid", {}), ("brief", "forbid", brief), ("sync", "replace", {})):
        schedule = {"expression": "cron(0 * * * ? *)", "overlap": overlap, "input": {"do": "echo"}}
        project.add_worker(name, trigger={"schedule": schedule}, input=INPUT, **changes)
    project.add_worker("probe")  # the API shows jobs and fetches results
    project.write_stack("test", workers={"nightly": {}, "brief": {}, "sync": {}, "probe": {}})
    with deployed(project) as live:
        live.cloud.compute.clock.factor = 0
        yield Runs(live)


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return Gate(tmp_path / "gate")
