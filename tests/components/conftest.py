"""The three stacks, declared once for all tests that only look at them; and a copy of the project to change."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from component_support import PROJECT, REGION, Declared

from components.stackfile import engine_config
from sandbox.invented import Invented
from sandbox.program import run

StackReader = Callable[..., Declared]


@pytest.fixture(scope="session")
def stack() -> StackReader:
    """`stack("dev")`: what the real program declares for a stack; `preview=True`: before anything exists."""

    @cache
    def declared(name: str, *, preview: bool = False) -> Declared:
        return Declared(run(PROJECT, name, engine_config(PROJECT, name), Invented(REGION), preview=preview))

    return declared


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """What a program reads of the project, to be changed at will."""
    for folder in ("jobs", "workers", "functions", "flows"):
        shutil.copytree(PROJECT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("Pulumi.yaml", "Pulumi.dev.yaml"):
        shutil.copy(PROJECT / file, tmp_path)
    return tmp_path
