"""What a container of a Kubernetes Job gives its worker, how it ends, and what it leaves behind."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
from batch_container import Batch

from workers.runtime.settings import SettingsError, load_kubernetes, mode

DUE = "29678760"  # minutes of the epoch: 2026-06-06 06:00 UTC


@pytest.fixture
def sources(tmp_path: Path) -> str:
    """Path of the mounted file."""
    file = tmp_path / "sources.json"
    file.write_text(json.dumps([{"name": "orders", "do": "it"}, {"do": "refuse"}, {"do": "fail"}, {"do": "wait"}]))
    return str(file)


def test_a_job_without_indexes_writes_below_its_name_and_measures_itself(pod: Batch) -> None:
    code, log = pod.run({"day": "monday"})
    assert code == 0
    assert pod.written() == {
        "probe/etl-7/result.json": {
            "index": 0, "size": 1, "attempt": 1, "job_id": "etl-7", "input": {"day": "monday"},
        }
    }  # fmt: skip
    [metrics] = [json.loads(line) for line in log.splitlines() if '"_aws"' in line]
    assert 1 < metrics["MemoryUsed"][0] < 50  # percent of 1 GB
    assert {json.loads(line)["pod"] for line in log.splitlines() if '"job succeeded"' in line} == {"etl-7-x2c4k"}


def test_an_index_gets_its_own_source_and_writes_below_its_number(pod: Batch, sources: str) -> None:
    code, _ = pod.run({"day": "monday"}, JOB_COMPLETION_INDEX="0", SIZE="4", SOURCES_FILE=sources, INDEX_FAILURES="2")
    assert code == 0
    source = {"name": "orders", "do": "it"}
    assert pod.written() == {
        "probe/etl-7/0/result.json": {
            "index": 0, "size": 4, "attempt": 3, "job_id": "etl-7:0", "input": {"day": "monday", "source": source},
        }
    }  # fmt: skip


def test_a_cron_jobs_run_is_told_for_when_it_is(pod: Batch) -> None:
    assert pod.run(RUN=f"etl-{DUE}", CRON_JOB="etl")[0] == 0
    [(key, result)] = pod.written().items()
    assert key == f"probe/etl-{DUE}/result.json"
    assert result["input"] == {"scheduled_at": "2026-06-06T06:00:00Z"}


@pytest.mark.parametrize("run", ["etl-by-hand", f"etls-{DUE}", f"etl-{DUE}-0"])
def test_a_run_of_another_name_has_no_time(pod: Batch, run: str) -> None:
    assert pod.run(RUN=run, CRON_JOB="etl")[0] == 0
    [result] = pod.written().values()
    assert result["input"] == {}


@pytest.mark.parametrize(
    ("index", "code", "reason"),
    [
        ("1", 64, "the orders are no CSV"),
        ("2", 1, "OSError: the disk is full"),
        ("4", 64, "index 4 has no source: "),
    ],
)
def test_the_exit_code_says_whether_another_pod_may_help_and_a_file_says_why(
    pod: Batch, sources: str, index: str, code: int, reason: str
) -> None:
    ended, log = pod.run({}, JOB_COMPLETION_INDEX=index, SIZE="5", SOURCES_FILE=sources, INDEX_FAILURES="")
    assert ended == code
    error = pod.written()[f"probe/etl-7/{index}/error.json"]
    assert reason in error["reason"]
    assert (error["attempt"], error["final"]) == (1, code == 64)
    assert "Traceback" not in log


@pytest.mark.parametrize(("content", "reason"), [(None, "cannot be read"), ("{", "cannot be read"), ("{}", "no list")])
def test_sources_that_cannot_be_read_are_final(pod: Batch, tmp_path: Path, content: str | None, reason: str) -> None:
    file = tmp_path / "mounted.json"
    if content:
        file.write_text(content)
    assert pod.run(JOB_COMPLETION_INDEX="0", SOURCES_FILE=str(file))[0] == 64
    assert reason in pod.written()["probe/etl-7/0/error.json"]["reason"]


def test_a_pod_that_is_told_to_stop_ends_at_once_and_writes_nothing(pod: Batch, sources: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    given = json.dumps({"pipe": str(tmp_path / "pipe")})
    process = pod.start(INPUT=given, JOB_COMPLETION_INDEX="3", SOURCES_FILE=sources)
    assert process.stdout
    while '"begun"' not in process.stdout.readline():
        pass
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 143
    assert pod.written() == {}


def test_settings_that_are_wrong_are_named_all_at_once() -> None:
    wrong = {"KUBERNETES": "1", "JOB_COMPLETION_INDEX": "-1", "SIZE": "0", "INDEX_FAILURES": "some", "CRON_JOB": "etl"}
    assert mode(wrong) == "kubernetes"
    with pytest.raises(SettingsError) as error:
        load_kubernetes(wrong)
    for name in ("RUN", "POD_NAME", "JOB_COMPLETION_INDEX", "SIZE", "INDEX_FAILURES", "MEMORY_GB", "WORKER"):
        assert f"{name} is " in str(error.value)
