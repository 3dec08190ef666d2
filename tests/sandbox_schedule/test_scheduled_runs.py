"""Scheduled workers of a stack that is up: by the clock, and by `python -m sandbox run`."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from scheduled_stack import STACK, Stack

from sandbox.program import ProgramError
from sandbox.scheduled_run import cost_text, run

pytestmark = pytest.mark.xdist_group("sandbox-schedule")
PATIENCE = 60


def test_a_run_is_followed_to_its_end_and_told_with_result_and_cost(
    stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    # Six in the morning in Berlin, in summer.
    assert run(stack.project, STACK, "nightly", "2026-07-01T06:00", PATIENCE) == 0
    said = capsys.readouterr().out
    assert said.startswith("Job nightly-20260701T040000Z\n  QUEUED\n")
    assert said.index("QUEUED") < said.index("SUCCEEDED")
    assert '"text": "good morning"' in said
    assert "/nightly/nightly-20260701T040000Z/result.json" in said
    assert re.search(
        r"On AWS: \d+\.\d s, \$0\.000206 on demand, \$0\.000062 on Spot; this one was on (Spot|demand)", said
    )


def test_a_run_finds_the_files_of_a_folder_and_its_own_are_copied_to_another(stack: Stack, tmp_path: Path) -> None:
    (tmp_path / "shop/orders").mkdir(parents=True)
    (tmp_path / "shop/orders/one.csv").write_text("a,b\n")
    (tmp_path / "shop/read me.txt").write_text("hello")
    uploads, out = tmp_path / "shop", tmp_path / "out"
    assert run(stack.project, STACK, "nightly", "2026-07-04T06:00", PATIENCE, uploads=uploads, out=out) == 0
    s3 = stack.cloud.client("s3")
    [bucket] = [b["Name"] for b in s3.list_buckets()["Buckets"] if "-uploads-" in b["Name"]]
    found = {key: s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in ("orders/one.csv", "read me.txt")}
    assert found == {"orders/one.csv": b"a,b\n", "read me.txt": b"hello"}
    assert [path.name for path in out.iterdir()] == ["result.json"]
    assert json.loads((out / "result.json").read_text())["text"] == "good morning"


def test_a_folder_that_is_not_there_is_told_before_anything_runs(stack: Stack, tmp_path: Path) -> None:
    with pytest.raises(ProgramError, match=r"There is no folder .*/shop"):
        run(stack.project, STACK, "nightly", "2026-07-05T06:00", PATIENCE, uploads=tmp_path / "shop")


def test_a_run_of_an_instant_that_has_run_is_that_job_again(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(stack.project, STACK, "nightly", "2026-07-02T04:00:00+00:00", PATIENCE) == 0
    first = capsys.readouterr().out
    assert run(stack.project, STACK, "nightly", "2026-07-02T06:00:00", PATIENCE) == 0
    again = capsys.readouterr().out
    assert again.startswith("Job nightly-20260702T040000Z\n  SUCCEEDED\n")
    assert again.splitlines()[-1] == first.splitlines()[-1]


def test_without_an_instant_it_is_due_now_also_if_its_schedule_is_off(
    stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(stack.project, STACK, "off", None, PATIENCE) == 0
    now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(stack.clock.now()))
    assert capsys.readouterr().out.startswith(f"Job off-{now}\n")


def test_a_run_that_fails_says_why(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(stack.project, STACK, "picky", None, PATIENCE) == 1
    said = capsys.readouterr().out
    assert "  FAILED\n" in said
    assert "Reason: the page is empty" in said


def test_a_run_that_takes_longer_than_one_would_wait_goes_on(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(stack.project, STACK, "nightly", "2026-07-03T06:00", -1) == 1
    assert "Not done after -1 seconds: python -m sandbox status --stack test" in capsys.readouterr().out


def test_a_worker_that_is_not_scheduled_is_refused_with_the_nearest(stack: Stack) -> None:
    with pytest.raises(
        ProgramError, match=r"The stack has no worker nightli with .* in Kubernetes; nearest: 'nightly'"
    ):
        run(stack.project, STACK, "nightli", None, PATIENCE)


def test_an_instant_that_the_starter_refuses_is_told(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    invoke = stack.cloud.compute.functions.invoke
    monkeypatch.setattr(
        stack.cloud.compute.functions, "invoke", lambda name, event: invoke(name, event | {"worker": "gone"})
    )
    with pytest.raises(ProgramError, match="The starter refused: there is no scheduled worker 'gone'"):
        run(stack.project, STACK, "nightly", None, PATIENCE)


def test_the_clock_starts_the_job_of_the_instant_at_which_it_is_due(
    stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    due = stack.step_to(minutes=10)
    job = stack.outcome("often", f"often-{due:%Y%m%dT%H%M%SZ}")  # there it is; to run it again is to follow it
    assert job["status"] in ("QUEUED", "RUNNING", "SUCCEEDED")
    assert run(stack.project, STACK, "often", due.isoformat(), PATIENCE) == 0
    assert '"text": "good morning"' in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["nightly", "--stack", "nobodys"], 1, "No sandbox of stack nobodys is up; start one with"),
        (
            ["nightly", "--at", "tomorrow"],
            2,
            "argument --at: 'tomorrow' is no time; write for example 2026-10-25T06:00",
        ),
        ([], 2, "the following arguments are required: worker"),
    ],
)
def test_a_command_that_cannot_be_carried_out_is_refused(arguments: list[str], code: int, said: str) -> None:
    done = subprocess.run([sys.executable, "-m", "sandbox", "run", *arguments], capture_output=True, text=True)
    assert done.returncode == code
    assert said in done.stderr


def test_the_price_of_a_run_stands_beside_that_on_the_other_capacity() -> None:
    # Four minutes of 0.5 vCPU and 1 GB: 0.5 x 0.04048 + 0.004445 dollars an hour.
    told = "On AWS: 240.0 s, $0.001646 on demand, $0.000494 on Spot; this one was on"
    assert cost_text(0.00164567, False, 240.0).startswith(f"{told} demand")
    assert cost_text(0.00049370, True, 240.0).startswith(f"{told} Spot")
