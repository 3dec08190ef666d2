"""How a container of a Batch job ends, and what it leaves behind."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
from batch_container import Batch

from workers.runtime.settings import SettingsError, load_batch, mode


def test_a_job_writes_its_result_below_its_key_and_measures_itself(batch: Batch) -> None:
    code, log = batch.run({"do": "it"}, JOB_KEY="monday", AWS_BATCH_JOB_ATTEMPT="2")
    assert code == 0
    assert batch.written() == {
        "probe/monday/result.json": {"index": 0, "size": 1, "attempt": 2, "job_id": "1234"},
    }
    [metrics] = [json.loads(line) for line in log.splitlines() if '"_aws"' in line]
    assert 1 < metrics["MemoryUsed"][0] < 50  # percent of 1 GB
    assert metrics["PeakMemory"][0] > 20
    assert metrics["AttemptsFailed"] == [0]


def test_a_part_of_an_array_knows_which_it_is_and_writes_below_its_number(batch: Batch) -> None:
    code, _ = batch.run(
        {"do": "it"}, JOB_KEY="k", AWS_BATCH_JOB_ID="1:3", AWS_BATCH_JOB_ARRAY_INDEX="3", AWS_BATCH_JOB_ARRAY_SIZE="8"
    )  # fmt: skip
    assert code == 0
    [(key, result)] = batch.written().items()
    assert (key, result["index"], result["size"]) == ("probe/k/3/result.json", 3, 8)


@pytest.mark.parametrize(
    ("environment", "index"),
    [
        ({"ARRAY_INDEXES": "5"}, 5),
        ({"ARRAY_INDEXES": "0-2,5,7", "AWS_BATCH_JOB_ARRAY_INDEX": "3", "AWS_BATCH_JOB_ARRAY_SIZE": "5"}, 5),
        ({"ARRAY_INDEXES": "4,6-7", "AWS_BATCH_JOB_ARRAY_INDEX": "2", "AWS_BATCH_JOB_ARRAY_SIZE": "3"}, 7),
    ],
)
def test_parts_that_run_again_keep_their_numbers(batch: Batch, environment: dict[str, str], index: int) -> None:
    assert batch.run({"do": "it"}, JOB_KEY="k", ARRAY_SIZE="8", **environment)[0] == 0
    [(key, result)] = batch.written().items()
    assert (key, result["index"], result["size"]) == (f"probe/k/{index}/result.json", index, 8)


def test_without_a_key_results_go_below_the_jobs_id(batch: Batch) -> None:
    batch.run(
        {"do": "it"}, AWS_BATCH_JOB_ID="abcd:1", AWS_BATCH_JOB_ARRAY_INDEX="1", AWS_BATCH_JOB_ARRAY_SIZE="2"
    )  # fmt: skip
    assert list(batch.written()) == ["probe/abcd/1/result.json"]


def test_a_long_input_is_read_from_the_uploads(batch: Batch) -> None:
    batch.s3.put_object(Bucket=batch.uploads, Key="batch/probe/1.json", Body=b'{"do": "it"}')
    assert batch.run(INPUT_KEY="batch/probe/1.json", JOB_KEY="k")[0] == 0


@pytest.mark.parametrize(
    ("input", "environment", "code", "reason"),
    [
        ({"do": "refuse"}, {}, 64, "the page is empty"),
        ({"done": "no"}, {}, 64, "input must contain ['do'] properties"),
        (None, {"INPUT": "{"}, 64, "the input is no JSON: "),
        (None, {"INPUT": "[]"}, 64, "the input is no JSON object"),
        (None, {}, 64, "the job was submitted without an input"),
        (None, {"INPUT_KEY": "gone"}, 64, "does not exist, or this worker may not read it"),
        ({"do": "fail"}, {}, 1, "OSError: the disk is full"),
        ({"do": "crash"}, {}, 1, "the worker's process ended without a result: exit code 7"),
        ({"do": "die"}, {}, 137, "as happens when memory runs out"),
        ({"do": "swell"}, {}, 137, "MemoryError: no room for the groups"),
    ],
)
def test_the_exit_code_says_whether_another_attempt_may_help_and_a_file_says_why(
    batch: Batch, input: dict[str, str] | None, environment: dict[str, str], code: int, reason: str
) -> None:
    ended, log = batch.run(input, JOB_KEY="k", **environment)
    assert ended == code
    error = batch.written()["probe/k/error.json"]
    assert reason in error["reason"]
    assert (error["attempt"], error["final"]) == (1, code == 64)
    assert reason in log.replace('\\"', '"')
    assert "Traceback" not in log


def test_what_takes_too_long_is_final(batch: Batch, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    code, _ = batch.run({"do": "wait", "pipe": str(tmp_path / "pipe")}, JOB_KEY="k", TIMEOUT_SECONDS="0.5")
    assert code == 64
    assert "did not finish within 0.5 s" in batch.written()["probe/k/error.json"]["reason"]


def test_what_was_written_before_a_failure_is_kept(batch: Batch) -> None:
    assert batch.run({"do": "write"}, JOB_KEY="k")[0] == 64
    assert batch.written()["probe/k/part.csv"] == b"1,2"


def test_a_sigterm_ends_it_at_once_and_writes_nothing(batch: Batch, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    process = batch.start(INPUT=json.dumps({"do": "wait", "pipe": str(tmp_path / "pipe")}), JOB_KEY="k")
    assert process.stdout
    while '"begun"' not in process.stdout.readline():
        pass
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 143
    assert batch.written() == {}


def test_settings_that_are_wrong_are_named_all_at_once() -> None:
    wrong = {"BATCH": "1", "ARRAY_INDEXES": "3-x", "ARRAY_SIZE": "0", "AWS_BATCH_JOB_ARRAY_INDEX": "-1"}
    assert mode(wrong) == "batch"
    with pytest.raises(SettingsError) as error:
        load_batch(wrong)
    for name in ("AWS_BATCH_JOB_ID", "ARRAY_INDEXES", "ARRAY_SIZE", "AWS_BATCH_JOB_ARRAY_INDEX", "MEMORY_GB"):
        assert f"{name} is " in str(error.value)
    with pytest.raises(SettingsError, match="ARRAY_INDEXES is '1,2', which is too short a list"):
        load_batch(wrong | {"ARRAY_INDEXES": "1,2", "AWS_BATCH_JOB_ARRAY_INDEX": "2"})
