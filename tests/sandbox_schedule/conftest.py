"""Fixtures of the tests of schedules in the sandbox."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from components.stackfile import engine_config
from sandbox.control import Control
from sandbox.deployment import Deployment, fresh_cloud

sys.path.insert(0, str(Path(__file__).parents[1] / "sandbox"))  # a project of its own is what those tests have, too
from scheduled_stack import STACK, Stack, write_project


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One a process at a time: tests that use it are of one module and one xdist group."""
    project = write_project(tmp_path_factory.mktemp("project"))
    config = engine_config(project, STACK)
    with fresh_cloud(project, STACK, config) as cloud:
        cloud.compute.clock.factor = 0
        Deployment(project, STACK, config, cloud)
        with closing(Control(cloud)):
            yield Stack(project, cloud)
