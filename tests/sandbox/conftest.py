"""Fixtures of the sandbox's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from live_stack import Gate, Live, deployed
from sandbox_project import Project


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """probe: for jobs in general. solo: one task at a time. brief: one attempt of two seconds."""
    project = Project(tmp_path_factory.mktemp("project"))
    project.add_worker("probe")
    project.add_worker("solo", trigger={"api": {"concurrency": 1}})
    resources = {"vcpu": 0.25, "memory": "512 MB", "timeout": "2 s"}
    project.add_worker("brief", resources=resources, retry={"attempts": 1})
    project.write_stack(
        "test",
        api={"allowedIps": ["203.0.113.0/24"], "throttle": {"rate": 1000, "burst": 1000}},
        workers={"probe": {}, "solo": {}, "brief": {}},
    )
    return project


@pytest.fixture(scope="module")
def live(project: Project) -> Iterator[Live]:
    """The project's stack. One a process at a time: tests that use it are of one module and one xdist group."""
    with deployed(project) as live:
        yield live


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    gate = Gate(tmp_path / "gate")
    yield gate
    gate.open()
