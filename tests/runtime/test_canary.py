"""`python -m workers.runtime.canary`: a worker is loaded, or run once, in a process like its task's."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from task_cloud import ENVIRONMENT, Cloud


@pytest.fixture
def canary(cloud: Cloud, app: Path, moto: str):
    """Exit code and the last line of the log."""

    def run(input: dict[str, Any] | None = None, **environment: str) -> tuple[int, dict[str, Any]]:
        given = {"AWS_ENDPOINT_URL": moto, "UPLOADS_BUCKET": cloud.uploads, "RESULTS_BUCKET": cloud.results}
        given |= {"CANARY_INPUT": json.dumps(input)} if input is not None else {}
        done = subprocess.run(
            [sys.executable, "-m", "workers.runtime.canary"],
            cwd=app,
            env=ENVIRONMENT | given | environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, json.loads(done.stdout.splitlines()[-1])

    return run


def test_without_a_sample_the_worker_is_only_loaded(canary) -> None:
    code, last = canary()
    assert (code, last["message"], last["sampled"]) == (0, "the canary lives", False)


def test_a_worker_that_cannot_be_loaded_kills_the_canary(canary) -> None:
    code, last = canary(WORKER="missing")
    assert code == 1
    assert "the worker cannot be loaded: ModuleNotFoundError" in last["reason"]


def test_with_a_sample_the_worker_runs(canary, cloud: Cloud) -> None:
    cloud.s3.put_object(Bucket=cloud.uploads, Key="canary/probe/words.txt", Body=b"words")
    code, last = canary({"do": "describe", "key": "canary/probe/words.txt"})
    assert (code, last["sampled"]) == (0, True)
    assert cloud.s3.get_object(Bucket=cloud.results, Key="probe/canary/copy.txt")["Body"].read() == b"words"


@pytest.mark.parametrize(
    ("do", "outcome", "reason"),
    [("refuse", "Refused", "the page is empty"), ("vanish", "Crashed", "exit code 7"), ("leave", "Failure", "3")],
)
def test_whatever_is_not_a_result_kills_the_canary(canary, do: str, outcome: str, reason: str) -> None:
    code, last = canary({"do": do})
    assert (code, last["outcome"]) == (1, outcome)
    assert reason in last["reason"]


def test_a_worker_that_does_not_end_is_ended(canary) -> None:
    code, last = canary({"do": "hang"}, TIMEOUT_SECONDS="1")
    assert (code, last["outcome"]) == (1, "TimedOut")


def test_an_environment_that_is_not_a_tasks_is_told(canary) -> None:
    code, last = canary(RESULTS_BUCKET="")
    assert code == 2
    assert "RESULTS_BUCKET" in last["message"]
