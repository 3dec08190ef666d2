"""Functions as processes: what Lambda promises about them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pulumi
import pytest
from live_stack import alive
from sandbox_project import REPOSITORY

from sandbox.clock import Clock
from sandbox.compute.functions import FunctionError, Functions
from tests.waiting import until

HANDLER = """
import json, os, sys, time
from pathlib import Path

calls = 0

def handler(event, context):
    global calls
    calls += 1
    return globals()[event["do"]](event, context)

def count(event, context):
    print("in between")
    return {"calls": calls, "process": os.getpid()}

def see(event, context):
    return {
        "files": sorted(str(path) for path in Path().rglob("*") if path.is_file()),
        "name": context.function_name, "variable": os.environ["COLOUR"],
        "in_time": 0 < context.get_remaining_time_in_millis() <= 20_000,
    }

def find(event, context):
    __import__(event["module"])

def fail(event, context):
    raise ValueError("cannot do it")

def hang(event, context):
    Path(event["file"]).touch()
    time.sleep(600)

def leave(event, context):
    sys.exit(3)

def vanish(event, context):
    os._exit(3)

def unserializable(event, context):
    return {1, 2}
"""
Invoke = Callable[..., Any]


@pytest.fixture
def functions(tmp_path: Path) -> Iterator[Functions]:
    cloud: Any = SimpleNamespace(region="eu-central-1", project=REPOSITORY, folder=tmp_path, environment=dict)
    clock = Clock()
    functions = Functions(cloud, clock)
    yield functions
    functions.close()
    clock.close()


@pytest.fixture
def add(functions: Functions) -> Invoke:
    """Adds a function `name` that may take `timeout` seconds; returns what invokes it."""

    def add(name: str = "sample", timeout: float = 20) -> Invoke:
        code = {
            "handler.py": pulumi.StringAsset(HANDLER),
            "jobs/__init__.py": pulumi.StringAsset(""),
            "jobs/cost.py": pulumi.FileAsset("jobs/cost.py"),
        }
        inputs = {
            "handler": "handler.handler",
            "code": pulumi.AssetArchive(code),
            "timeout": timeout,
            "memorySize": 256,
            "environment": {"variables": {"COLOUR": "blue"}},
        }
        functions.add(name, inputs)
        return lambda do, **event: functions.invoke(name, {"do": do, **event})

    return add


def test_a_function_sees_its_own_files_and_its_environment(add: Invoke) -> None:
    seen = add()("see")
    assert [file for file in seen.pop("files") if "__pycache__" not in file] == [
        "handler.py",
        "jobs/__init__.py",
        "jobs/cost.py",
    ]
    assert seen == {"name": "sample", "variable": "blue", "in_time": True}


@pytest.mark.parametrize("module", ["sandbox", "components", "workers", "jobs.store"])
def test_the_rest_of_the_project_cannot_be_imported(add: Invoke, module: str) -> None:
    with pytest.raises(FunctionError, match=f"ModuleNotFoundError: No module named '{module}'"):
        add()("find", module=module)


def test_a_process_is_used_again(add: Invoke) -> None:
    sample = add()
    first, second = sample("count"), sample("count")
    assert (first["calls"], second["calls"]) == (1, 2)
    assert first["process"] == second["process"]


def test_an_exception_fails_the_invocation_and_keeps_the_process(add: Invoke) -> None:
    sample = add()
    with pytest.raises(FunctionError, match="sample: ValueError: cannot do it"):
        sample("fail")
    assert sample("count")["calls"] == 2


@pytest.mark.parametrize("do", ["leave", "vanish"])
def test_a_process_that_ends_fails_its_invocation_and_is_replaced(add: Invoke, do: str) -> None:
    sample = add()
    with pytest.raises(FunctionError, match="ended without an answer"):
        sample(do)
    assert sample("count")["calls"] == 1


def test_an_answer_that_is_no_json_fails_the_invocation(add: Invoke) -> None:
    with pytest.raises(FunctionError, match="TypeError"):
        add()("unserializable")


def test_a_function_that_takes_too_long_is_killed_and_replaced(add: Invoke, tmp_path: Path) -> None:
    sample = add(timeout=2)
    before = sample("count")["process"]
    with pytest.raises(FunctionError, match=r"timed out after 2\.00 seconds"):
        sample("hang", file=str(tmp_path / "begun"))
    assert not alive(before)
    assert sample("count")["calls"] == 1


def test_closing_ends_a_call_under_way_and_further_ones(functions: Functions, add: Invoke, tmp_path: Path) -> None:
    sample, raised = add(timeout=60), []

    def call() -> None:
        with pytest.raises(FunctionError) as error:
            sample("hang", file=str(tmp_path / "begun"))
        raised.append(error)

    caller = threading.Thread(target=call, daemon=True)
    caller.start()
    until((tmp_path / "begun").exists)
    functions.close()
    caller.join(30)
    assert raised
    with pytest.raises(FunctionError, match="has been stopped"):
        sample("count")
