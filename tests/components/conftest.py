"""The three stacks, declared once for all tests that only look at them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

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
