"""Fixtures of the tests of workflows in the sandbox."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from live_flow import PREFIX, Journal, LiveFlows, each, live_flows, probe, write_project

BATCH_EVENTS = f"{PREFIX}-batch-events"
EVENT = {"id": "1", "detail": {"jobId": "1", "jobQueue": "arn/x", "status": "SUCCEEDED"}}  # no job of a worker
RECORD = {"messageId": "1", "eventSource": "aws:sqs", "body": json.dumps(EVENT)}
REFUSED = {"refuse": "it is not to be"}


def flows(pipe: str) -> dict[str, list[dict[str, Any]]]:
    """pipe: on which whatever is slow waits."""
    function = {"function": {"name": BATCH_EVENTS, "input": {"Records": [RECORD]}}}
    return {
        "kinds": [
            {"name": "first", **probe("first")},
            {"name": "second", **probe("second", "task", rows="${first.result.rows}")},
            {"name": "third", **function},
            {"name": "fourth", **probe("fourth", failures="${third.result.batchItemFailures}")},
        ],
        "undone": [
            {"name": "load", **probe("load"), "compensate": probe("unload", why="${error.name}")},
            {"name": "check", **each("mixed/"), "retry": {"attempts": 3}},
            {"name": "never", **probe("never")},
        ],
        "tolerant": [
            {"name": "check", **each("mixed/", tolerate=50)},
            {"name": "after", **probe("after")},
        ],
        "caught": [
            {"name": "first", **probe("first", "task", **REFUSED), "retry": {"attempts": 2, "backoff": "1 s"},
             "catch": "rescue", "end": True},
            {"name": "rescue", **probe("rescue", why="${error.name}")},
        ],
        "slow": [{"name": "waiting", **probe("waiting", pipe=pipe), "timeout": "3 s"}],
        "slow_task": [{"name": "waiting", **probe("waiting", "task", pipe=pipe), "timeout": "3 s"}],
        "endless": [{"name": "waiting", **probe("waiting", pipe=pipe)}],
        "growing": [{"name": "work", **probe("work", worker="greedy", hold=300)}],
        "empty": [{"name": "check", **each("nothing/")}, {"name": "after", **probe("after")}],
        "many": [{"name": "check", **each("many/", concurrency=2)}],
    }  # fmt: skip


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveFlows]:
    folder = tmp_path_factory.mktemp("project")
    pipe = str(tmp_path_factory.mktemp("pipes") / "shut")
    os.mkfifo(pipe)
    with live_flows(write_project(folder, flows(pipe))) as live:
        yield live


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path)
