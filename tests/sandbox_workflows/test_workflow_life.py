"""Executions of workflows in the sandbox, whose tasks run for real."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections import Counter

import pytest
from live_flow import Journal, LiveFlows

from tests.waiting import until

pytestmark = pytest.mark.xdist_group("sandbox-workflows")


def test_jobs_tasks_and_functions_run_and_hand_on_their_results(
    live: LiveFlows, journal: Journal, capsys: pytest.CaptureFixture[str]
) -> None:
    assert live.run("kinds", "--input", journal.input) == 0, capsys.readouterr().out
    assert journal.lines == ["first:0:1", "second:0:1", "fourth:0:1"]
    told = capsys.readouterr().out
    order = [line.strip() for line in told.splitlines() if line.endswith("…")]
    assert order == ["first …", "second …", "third …", "fourth …"]
    assert re.search(r"^SUCCEEDED after \d+\.\d s$", told, re.M)


def test_a_piece_that_fails_is_retried_and_then_what_had_succeeded_is_undone_and_told(
    live: LiveFlows, journal: Journal, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, content in (("a", b"x"), ("b", b"broken"), ("c", b"x")):
        live.upload(f"mixed/{name}", content)
    before = len(live.notices())
    assert live.run("undone", "--input", journal.input) == 1
    began = Counter(line.split(":")[0] for line in journal.lines)
    told = capsys.readouterr().out
    assert began == {"load": 1, "each": 2 + 3, "unload": 1}
    assert "check: 2 of 3, 1 failed\n" in told
    assert "    piece 1: OSError: the object is broken\n" in told
    assert "undo_load done" in told
    assert "StageFailed: Stage check failed (States.ExceedToleratedFailureThreshold). The specified " in told
    [(subject, text)] = [one for one in live.notices()[before:] if "flow" in one[0]]
    assert subject == "serverless-batch-test-flow-undone failed"
    assert text.startswith("Stage check of the execution ")


def test_failed_pieces_within_what_is_tolerated_change_nothing(live: LiveFlows, journal: Journal) -> None:
    for name, content in (("a", b"x"), ("b", b"broken"), ("c", b"x")):
        live.upload(f"mixed/{name}", content)
    assert live.run("tolerant", "--input", journal.input) == 0
    assert journal.lines[-1] == "after:0:1"


def test_a_task_that_fails_is_retried_and_then_caught(live: LiveFlows, journal: Journal) -> None:
    assert live.run("caught", "--input", journal.input) == 0
    assert [line.split(":")[0] for line in journal.lines] == ["first", "first", "rescue"]


def test_a_job_that_lacks_memory_runs_again_in_the_next_size(
    live: LiveFlows, journal: Journal, capsys: pytest.CaptureFixture[str]
) -> None:
    assert live.run("growing", "--input", journal.input) == 0
    assert journal.lines == ["work:0:1", "work:0:1"]
    told = capsys.readouterr().out
    assert re.search(r"work failed, .*\n.*memory.*\n  work \(size 2\) …\n  work \(size 2\) done", told), told


@pytest.mark.parametrize("flow", ["slow", "slow_task"])
def test_a_stage_over_its_time_fails_and_its_job_or_task_is_ended(
    live: LiveFlows, journal: Journal, flow: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert live.run(flow, "--input", journal.input) == 1
    assert "StageFailed: Stage waiting failed (States.Timeout)." in capsys.readouterr().out
    assert live.executions(flow)[0]["status"] == "FAILED"
    assert journal.lines == ["waiting:0:1"]
    until(lambda: not live.jobs("RUNNING") and not live.cloud.compute.fargate.running())


def test_ctrl_c_stops_the_execution_and_its_job(live: LiveFlows, journal: Journal) -> None:
    command = [sys.executable, "-m", "sandbox", "workflow", "endless", "--input", journal.input, "--stack", "test"]
    running = subprocess.Popen(command, cwd=live.project, stdout=subprocess.PIPE, text=True)
    until(lambda: journal.lines)
    os.kill(running.pid, signal.SIGTERM)  # counts as Ctrl-C, which tests that run in the background ignore
    told, _ = running.communicate(timeout=30)
    assert running.returncode == 130
    assert told.endswith("Stopped.\n")
    until(lambda: live.executions("endless")[0]["status"] == "ABORTED")
    until(lambda: not live.jobs("RUNNING"))


def test_a_fan_out_over_nothing_is_done_at_once(live: LiveFlows, journal: Journal) -> None:
    assert live.run("empty", "--input", journal.input) == 0
    assert journal.lines == ["after:0:1"]


def test_a_fan_out_takes_the_objects_of_all_pages_of_the_list(
    live: LiveFlows, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "2")
    for number in range(5):
        live.upload(f"many/{number}")
    assert live.run("many", "--input", journal.input) == 0
    assert len(journal.lines) == 5


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["kindz"], "The stack test has no workflow kindz; nearest: 'kinds'"),
        (["kinds", "--input", "{"], "The input is no JSON: "),
        (["kinds", "--input", "[]"], "The input is no JSON object"),
        (["kinds"], "The workflow kinds has no example of an input; say --input."),
    ],
)
def test_what_cannot_be_begun_is_told_in_a_line(
    live: LiveFlows, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert live.run(*arguments) == 1
    assert capsys.readouterr().err.startswith(said)


def test_an_input_that_is_not_as_described_fails_before_anything_runs(
    live: LiveFlows, capsys: pytest.CaptureFixture[str]
) -> None:
    assert live.run("kinds", "--input", "{}") == 1
    assert "BadInput: The input must have journal (string).\n" in capsys.readouterr().out
