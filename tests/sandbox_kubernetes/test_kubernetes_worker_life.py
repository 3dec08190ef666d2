"""Workers in Kubernetes as the program declares them, and the commands for them."""

from __future__ import annotations

import argparse
import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest
from batch_cloud import Gate, until
from live_kubernetes import STACK, LiveKubernetes, live_kubernetes, write_project

from components.settings import parse_settings
from components.stackfile import engine_config
from sandbox.agenda import agenda
from sandbox.chaos import chaos, status
from sandbox.check import console
from sandbox.program import ProgramError
from sandbox.scheduled_run import run

pytestmark = pytest.mark.xdist_group("live_kubernetes")


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveKubernetes]:
    """One a process at a time: tests that use it are of one module and one xdist group."""
    with live_kubernetes(write_project(tmp_path_factory.mktemp("project"))) as live:
        yield live


def command(live: LiveKubernetes, worker: str, at: str | None = None, out: Path | None = None) -> tuple[int, str]:
    """Exit code of `run`, and what it said."""
    with console.capture() as said:
        code = run(live.project, STACK, worker, at, 100, out=out)
    return code, said.get()


def test_a_job_without_a_schedule_has_run_once_when_the_stack_is_up(live: LiveKubernetes) -> None:
    [result] = until(lambda: live.results("single", "single"))
    assert result == {"did": "it", "at": None, "attempt": 1}


def test_it_can_be_run_again_by_hand(live: LiveKubernetes) -> None:
    code, said = command(live, "single")
    assert code == 0
    assert '"did": "it"' in said
    [job] = [line.removeprefix("Job ") for line in said.splitlines() if line.startswith("Job ")]
    assert job.startswith("single-")
    assert live.results("single", job)


def test_every_source_is_loaded_or_reported_with_its_reason(live: LiveKubernetes, tmp_path: Path) -> None:
    code, said = command(live, "loader", "2026-10-25T02:00", tmp_path)
    assert code == 1
    lines = said.splitlines()
    assert "  index 0 (it): succeeded" in lines
    assert "  index 1 (stumble): succeeded" in lines
    assert any(line.startswith("  index 1 (stumble): failed, Error (exit code 1)") for line in lines)
    report = lines[lines.index("FAILED Job has failed indexes") + 1 :]
    assert report[:3] == [
        "2 of 4 indexes succeeded.",
        "  index 2 (fail): OSError: the warehouse does not answer",
        "  index 3 (refuse): the orders are no CSV",
    ]
    due = dt.datetime(2026, 10, 25, 0, 0, tzinfo=dt.UTC)  # in Berlin two o'clock, for the first time in that night
    results = live.results("loader", f"loader-{int(due.timestamp()) // 60}")
    assert sorted((one["did"], one["at"], one["attempt"]) for one in results) == [
        ("it", "2026-10-25T00:00:00Z", 1),
        ("stumble", "2026-10-25T00:00:00Z", 3),
    ]
    copied = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file())
    assert copied == [
        "0/part.csv", "0/result.json", "1/error.json", "1/part.csv", "1/result.json", "2/error.json", "3/error.json",
    ]  # fmt: skip


def test_a_minute_has_one_run(live: LiveKubernetes) -> None:
    live.worker("loader").start(dt.datetime(2026, 1, 5, 2, 0))
    with pytest.raises(ProgramError, match=r'jobs.batch "loader-[0-9]+" already exists: .*--at'):
        command(live, "loader", "2026-01-05T02:00:30")


def test_check_tells_when_a_cron_job_is_due(live: LiveKubernetes) -> None:
    settings = parse_settings(engine_config(live.project, STACK), STACK, live.project)
    lines = list(agenda(settings.workers, dt.datetime(2026, 10, 24, 12, 0, tzinfo=dt.UTC)))
    assert lines == [
        "Schedule of loader: 0 2 * * * in Europe/Berlin. Switched off in this stack; it would be due:",
        "  Sun 2026-10-25 02:00 CEST = 2026-10-25 00:00 UTC",
        "  Sun 2026-10-25 02:00 CET = 2026-10-25 01:00 UTC",
        "  Mon 2026-10-26 02:00 CET = 2026-10-26 01:00 UTC",
        "  Tue 2026-10-27 02:00 CET = 2026-10-27 01:00 UTC",
        "  Wed 2026-10-28 02:00 CET = 2026-10-28 01:00 UTC",
    ]


def test_a_node_that_is_taken_back_costs_no_retry(live: LiveKubernetes) -> None:
    gate = Gate(live.gate)
    said: list[tuple[int, str]] = []
    runner = Thread(target=lambda: said.append(command(live, "held")))
    runner.start()
    gate.wait_for_job()
    live.gate.unlink()  # the next pod shall not wait
    assert chaos(live.project, argparse.Namespace(fault="reclaim", stack=STACK, pod="held-")) == 0
    runner.join()
    gate.open()
    code, text = said[0]
    assert code == 0
    assert "index 0 (held): lost its node, which is no failure" in text
    assert "index 0 (held): running again" in text or "index 0 (held): succeeded" in text
    [result] = live.results("held")
    assert result["attempt"] == 1


def test_status_shows_cron_jobs_and_jobs(live: LiveKubernetes) -> None:
    with console.capture() as said:
        status(live.project, STACK)
    rows = {line.split()[0]: line for line in said.get().splitlines() if line.split()}
    assert "0 2 * * * Europe/Berlin, suspended" in rows["loader"]
    assert "Complete" in rows["single"]
    assert "1 of 1" in rows["single"]


@pytest.mark.parametrize(
    ("worker", "at", "reason"),
    [
        ("singel", None, "The stack has no worker singel with a schedule or in Kubernetes; nearest: 'single'"),
        ("single", "2026-01-05T02:00", "single has no schedule; leave out --at."),
    ],
)
def test_what_cannot_be_run_is_said(live: LiveKubernetes, worker: str, at: str | None, reason: str) -> None:
    with pytest.raises(ProgramError, match=reason):
        command(live, worker, at)


def test_there_must_be_such_a_pod(live: LiveKubernetes) -> None:
    with pytest.raises(ProgramError, match=r"There is no pod nobody running."):
        chaos(live.project, argparse.Namespace(fault="kill", stack=STACK, pod="nobody"))
