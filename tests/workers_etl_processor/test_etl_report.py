"""etl_processor: the report of a run, whatever became of its sources."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from etl_support import RUN, Etl
from test_etl_extract import HEADER, ROW

from workers.etl_processor.bucket import Bucket
from workers.etl_processor.ready import NotReady
from workers.runtime import BadInput

PLACE = f"etl_processor/{RUN}"


def states(etl: Etl) -> dict[str, str]:
    return {one["source"]: one["state"] for one in etl.report()["outcomes"]}


def test_it_says_which_sources_are_loaded_and_why_the_others_are_not(etl: Etl):
    etl.sources("good", "late", "broken", "killed", "waiting")
    etl.put("sources/good/a.csv", HEADER + ROW.format("a") + "b,,two,,,,\n")
    etl.put("sources/broken/a.parquet", b"no Parquet")
    for attempt in (1, 2):
        with pytest.raises(NotReady):
            etl.run("late", attempt=attempt)
        assert states(etl)["late"] == "retrying"
    etl.run("good")
    with pytest.raises(BadInput):
        etl.run("broken")
    error = {"reason": "the worker's process ended without a result: killed by signal 9", "attempt": 4, "final": False}
    etl.put(f"{PLACE}/3/error.json", json.dumps(error), "results")
    etl.put("sources/late/a.csv", HEADER + ROW.format("a"))
    etl.run("late", attempt=3)

    assert states(etl) == {
        "good": "succeeded", "late": "succeeded", "broken": "failed", "killed": "failed", "waiting": "unknown",
    }  # fmt: skip
    report = etl.report()
    assert [report[name] for name in ("run", "sources", "succeeded", "failed", "unknown")] == [RUN, 5, 2, 2, 1]
    late = report["outcomes"][1]
    reason = "NotReady: there is no object below s3://uploads/sources/late/ yet"
    assert late["attempt"] == 3
    assert late["failures"] == [{"attempt": 1, "reason": reason}, {"attempt": 2, "reason": reason}]
    assert report["outcomes"][3]["failures"] == [{"attempt": 4, "reason": error["reason"]}]
    lines = etl.report_text().splitlines()
    assert lines[0] == "# 2 of 5 sources are loaded"
    assert any(
        line.startswith("| 2 | broken | failed | 1 | s3://uploads/sources/broken/a.parquet is damaged")
        for line in lines
    )
    assert f"| 3 | killed | failed | 4 | {error['reason']} (attempt 4) |" in lines
    assert any(line.startswith("| 4 | waiting | unknown | – | nothing is known of it") for line in lines)
    assert f"| 1 | late | 3 | {reason} (attempt 1, 2) |" in lines
    flaw = "s3://uploads/sources/good/a.csv line 3: quantity 'two' is not a whole number of 64 bits"
    assert f"| good | 2 | 1 | {flaw} |" in lines


def test_an_index_that_fails_the_last_time_has_failed(etl: Etl):
    with pytest.raises(NotReady):
        etl.run("late", attempt=3)
    assert states(etl) == {"late": "retrying"}
    with pytest.raises(NotReady):
        etl.run("late", attempt=4)
    assert states(etl) == {"late": "failed"}


def test_a_killed_attempt_is_remembered_by_the_next_one(etl: Etl):
    etl.sources("shop")
    error = {"reason": "killed", "attempt": 1, "final": False}
    etl.put(f"{PLACE}/0/error.json", json.dumps(error), "results")
    etl.put("sources/shop/a.csv", HEADER + ROW.format("a"))
    etl.run("shop", attempt=2)
    assert etl.report()["outcomes"][0]["failures"] == [{"attempt": 1, "reason": "killed"}]
    assert states(etl) == {"shop": "succeeded"}


def test_whoever_ends_while_it_is_written_is_in_it(etl: Etl, monkeypatch: pytest.MonkeyPatch):
    """The other one has looked before this one's outcome, and writes its report after this one's."""
    etl.sources("slow", "quick")
    for name in ("slow", "quick"):
        etl.put(f"sources/{name}/a.csv", HEADER + ROW.format("a"))
    put, interrupted = Bucket.put, False

    def interrupt(bucket: Bucket, key: str, *more: Any) -> None:
        nonlocal interrupted
        if key.endswith("report.json") and not interrupted:
            interrupted = True
            etl.run("quick")
        put(bucket, key, *more)

    monkeypatch.setattr(Bucket, "put", interrupt)
    etl.run("slow")
    assert states(etl) == {"slow": "succeeded", "quick": "succeeded"}
    assert etl.report_text().startswith("# 2 of 2 sources are loaded")


def test_outcomes_are_read_once(etl: Etl, monkeypatch: pytest.MonkeyPatch):
    etl.sources(*(f"s{number}" for number in range(5)))
    reads: list[str] = []
    read = Bucket.read
    monkeypatch.setattr(Bucket, "read", lambda bucket, key: reads.append(key) or read(bucket, key))
    for name in etl.names:
        etl.put(f"sources/{name}/a.csv", HEADER + ROW.format("a"))
        etl.run(name)
    assert [key for key in reads if key.endswith("outcome.json")] == [
        f"{PLACE}/{index}/outcome.json" for index in range(5)
    ]


def test_a_report_that_cannot_be_written_does_not_hide_why_the_source_failed(etl: Etl, monkeypatch: pytest.MonkeyPatch):
    def broken(*_: Any) -> None:
        raise ClientError({"Error": {"Code": "SlowDown"}}, "PutObject")

    monkeypatch.setattr(Bucket, "put", broken)
    with pytest.raises(NotReady):
        etl.run("late")
