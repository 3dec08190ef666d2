"""s3_batch: a run that is killed or out of time, at any point, and the one that goes on after it."""

from __future__ import annotations

import json
import logging
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from threading import Event, Lock
from typing import Any

import boto3
import pytest
from batch_support import ARCHIVE, MANIFEST, Batch, counts
from botocore.client import BaseClient
from moto.server import ThreadedMotoServer

from workers.s3_batch.items import Done, Output, Source
from workers.s3_batch.journal import Journal
from workers.s3_batch.process import process

HERE = Path(__file__).parent
OBJECTS = 4


class Killed(BaseException):
    """What stands for SIGKILL in one process: from then on no request gets out any more."""


class Line:
    """The line to S3, which goes dead once so many requests have been answered."""

    def __init__(self, patch: pytest.MonkeyPatch, *, dies_after: float = math.inf):
        self.requests: list[str] = []
        lock = Lock()
        call = BaseClient._make_api_call  # type: ignore[attr-defined]

        def counted(client: BaseClient, operation: str, given: dict[str, Any]) -> Any:
            with lock:
                self.requests.append(operation)
                number = len(self.requests)
            if number > dies_after:
                raise Killed
            return call(client, operation, given)

        patch.setattr(BaseClient, "_make_api_call", counted)


def two_outputs(source: Source, folder: Path) -> Iterator[Output]:
    """As the archive, and with the length of the name: an object is done when both are there."""
    yield from process(source, folder)
    path = folder / "length"
    path.write_text(str(len(source.name)))
    yield Output(f"length/{source.name}", path)


def requests(batch: Batch, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Of a run that nobody interrupts."""
    with monkeypatch.context() as patch:
        line = Line(patch)
        batch.run(process=two_outputs)
    return line.requests


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """One object after the other, and a part for two: so each point of a run is reached, and told from the others."""
    monkeypatch.setattr("workers.s3_batch.work.IN_FLIGHT", 1)
    monkeypatch.setattr("workers.s3_batch.journal.PART_OBJECTS", 2)


@pytest.mark.usefixtures("small_steps")
@pytest.mark.parametrize("same_job", [True, False], ids=["same job", "next job"])
def test_wherever_a_run_is_killed_the_next_one_does_the_rest_and_nothing_twice(
    batch: Batch, monkeypatch: pytest.MonkeyPatch, same_job: bool
):
    contents = batch.fill(OBJECTS)
    total = len(requests(batch, monkeypatch))
    assert total == 2 + 1 + 3 * OBJECTS + 2 + 3  # lists, opening, objects, parts, closing
    for requests_answered in range(total):
        batch.empty()
        contents = batch.fill(OBJECTS)
        with monkeypatch.context() as patch:
            Line(patch, dies_after=requests_answered)
            with pytest.raises(Killed):
                batch.run("monday", attempt=1, process=two_outputs)
        before = {key.removeprefix(ARCHIVE) for key in batch.keys("results")}
        done = [name for name in contents if {f"gzip/{name}.gz", f"length/{name}"} <= before]
        ended = "_manifest/ledger.jsonl.gz" in before
        batch.processed.clear()
        result = batch.run(*("monday", 2) if same_job else ("tuesday", 1), process=two_outputs)
        assert sorted(batch.processed) == sorted(contents.keys() - set(done)), requests_answered
        after = batch.outputs()
        assert {name: after.pop(f"gzip/{name}.gz") for name in contents} == contents
        assert after == {f"length/{name}": str(len(name)).encode() for name in contents}
        assert result["complete"]
        assert batch.ledger().keys() == {f"inbox/{name}" for name in contents}
        if same_job:
            assert counts(result) == (OBJECTS, 0, 0, 0)
            assert [line["key"] for line in batch.lines(result)] == [f"inbox/{name}" for name in contents]
        elif ended:
            assert counts(result) == (0, OBJECTS, 0, 0)
        batch.processed.clear()
        batch.run("wednesday", process=two_outputs)
        assert batch.processed == []


@pytest.mark.usefixtures("small_steps")
def test_a_run_that_is_killed_again_and_again_comes_to_its_end(batch: Batch, monkeypatch: pytest.MonkeyPatch):
    """Each attempt dies a few objects on: every second one right after it has written an output."""
    contents = batch.fill(20)
    attempts = 0
    while f"{MANIFEST}latest.json" not in batch.keys("results"):
        attempts += 1
        assert attempts < 20
        with monkeypatch.context() as patch:
            Line(patch, dies_after=10 + 3 * attempts)  # of which some are to read what the earlier ones have done
            try:
                batch.run(attempt=attempts)
            except Killed:
                continue
    assert attempts > 3
    assert batch.outputs() == {f"gzip/{name}.gz": content for name, content in contents.items()}
    assert len(batch.processed) <= len(contents) + attempts


def test_what_recovery_finds_is_what_was_recorded_otherwise(batch: Batch, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("workers.s3_batch.work.IN_FLIGHT", 1)
    batch.fill(3)
    batch.run(process=two_outputs)
    expected = batch.ledger()
    batch.empty()
    batch.fill(3)
    with monkeypatch.context() as patch:
        Line(patch, dies_after=3 + 3 * 3)  # everything is there, and nothing of it written down
        with pytest.raises(Killed):
            batch.run(process=two_outputs)
    batch.processed.clear()
    batch.run(attempt=2, process=two_outputs)
    found = batch.ledger()
    assert batch.processed == []
    for ledger in (expected, found):
        for line in ledger.values():
            assert line.pop("done_at")
    assert found == expected


def test_recovery_looks_only_at_what_was_written_since_the_killed_attempt_began(
    batch: Batch, monkeypatch: pytest.MonkeyPatch
):
    """The others may be a million, whose sources are gone long since."""
    monkeypatch.setattr("workers.s3_batch.work.IN_FLIGHT", 1)
    monkeypatch.setattr("workers.s3_batch.journal.PART_OBJECTS", 1)
    batch.fill(10)
    batch.run("monday")
    for key in batch.keys("uploads"):
        batch.s3.delete_object(Bucket="uploads", Key=key)
    batch.run("evening")  # which forgets them
    old = set(batch.keys("results"))
    batch.put("inbox/new-1")
    batch.put("inbox/new-2")
    call = BaseClient._make_api_call  # type: ignore[attr-defined]

    def a_day_later(client: BaseClient, operation: str, given: dict[str, Any]) -> Any:
        answer = call(client, operation, given)
        for item in answer.get("Contents", ()):
            item["LastModified"] -= timedelta(days=item["Key"] in old)
        return answer

    monkeypatch.setattr(BaseClient, "_make_api_call", a_day_later)
    with monkeypatch.context() as patch:
        Line(patch, dies_after=4 + 3 + 2)  # lists, ledger, opening; the first object with its part, the second without
        with pytest.raises(Killed):
            batch.run("tuesday")
    with monkeypatch.context() as patch:
        line = Line(patch)
        batch.run("tuesday", attempt=2)
    assert line.requests.count("HeadObject") == 1
    assert batch.processed[10:] == ["new-1", "new-2"]


def test_an_output_of_an_earlier_version_is_not_taken_for_the_objects(batch: Batch, monkeypatch: pytest.MonkeyPatch):
    batch.put("inbox/a", b"old")
    with monkeypatch.context() as patch:
        Line(patch, dies_after=3 + 2)
        with pytest.raises(Killed):
            batch.run()
    assert batch.outputs() == {"gzip/a.gz": b"old"}
    batch.put("inbox/a", b"new")
    assert counts(batch.run(attempt=2)) == (1, 0, 0, 0)
    assert batch.outputs() == {"gzip/a.gz": b"new"}


def test_a_run_that_is_killed_after_another_has_ended_beside_it_loses_nothing(
    batch: Batch, monkeypatch: pytest.MonkeyPatch
):
    """The other writes a ledger that holds the first parts of this one, and knows nothing of those to come."""
    monkeypatch.setattr("workers.s3_batch.work.IN_FLIGHT", 1)
    monkeypatch.setattr("workers.s3_batch.journal.PART_OBJECTS", 1)
    contents = batch.fill(6)

    def visited(source: Source, folder: Path) -> Iterator[Output]:
        if source.name == "003.txt":
            assert batch.run("second", remaining=lambda: 0.0)["left"] == 3
        if source.name == "005.txt":
            raise Killed
        yield from process(source, folder)

    with pytest.raises(Killed):
        batch.run("first", process=visited)
    batch.processed.clear()
    assert counts(batch.run("third")) == (1, 5, 0, 0)
    assert batch.processed == ["005.txt"]
    assert batch.outputs().keys() == {f"gzip/{name}.gz" for name in contents}


# ── out of time ───────────────────────────────────────────────────────────────


def test_a_run_ends_in_time_and_the_next_one_goes_on(batch: Batch, monkeypatch: pytest.MonkeyPatch):
    """Time goes by as objects are recorded, so that none is in flight when it is over."""
    monkeypatch.setattr("workers.s3_batch.work.IN_FLIGHT", 1)
    contents = batch.fill(12)
    recorded: list[Done] = []
    add = Journal.add

    def recording(journal: Journal, done: Done) -> None:
        add(journal, done)
        recorded.append(done)

    monkeypatch.setattr(Journal, "add", recording)
    first = batch.run("monday", remaining=lambda: 1000.0 - 200 * len(recorded))
    assert (first["complete"], counts(first)) == (False, (5, 0, 0, 7))
    assert len(batch.lines(first)) == len(batch.outputs()) == len(batch.processed) == 5
    recorded.clear()
    second = batch.run("tuesday", remaining=lambda: 1000.0 - 200 * len(recorded))
    assert (second["complete"], counts(second)) == (False, (5, 5, 0, 2))
    assert batch.run("wednesday")["complete"]
    assert sorted(batch.processed) == sorted(contents)


def test_no_object_is_begun_shortly_before_the_end(batch: Batch):
    batch.fill(3)
    left = iter([1000.0])  # when the run begins, of which it keeps 30 for its end
    result = batch.run(remaining=lambda: next(left, 50.0))
    assert (counts(result), batch.processed) == ((0, 0, 0, 3), [])


def test_an_object_that_takes_too_long_is_left_behind(batch: Batch, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("workers.s3_batch.work.IN_FLIGHT", 1)
    monkeypatch.setattr("workers.s3_batch.work.PART_SECONDS", 0.01)
    batch.fill(3)
    begun, released = Event(), Event()

    def endless(source: Source, folder: Path) -> Iterator[Output]:
        if source.name == "001.txt":
            begun.set()
            assert released.wait(60)
            raise ValueError
        yield from process(source, folder)

    try:
        result = batch.run(process=endless, remaining=lambda: 20.0 if begun.is_set() else 1000.0)
        assert (counts(result), result["complete"]) == ((1, 0, 0, 2), False)
    finally:
        released.set()
    assert counts(batch.run("next")) == (2, 1, 0, 0)


# ── kill -9 ───────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def start(server: str, attempt: int) -> subprocess.Popen[str]:
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(HERE.parents[1]),
        "AWS_ENDPOINT_URL": server,
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    script = [sys.executable, str(HERE / "batch_process.py"), str(attempt)]
    return subprocess.Popen(script, env=environment, stdout=subprocess.PIPE, text=True)


def test_a_process_that_is_killed_loses_nothing_but_what_is_in_flight(server: str):
    """Killed as the runtime does when a task is stopped: by SIGKILL, with eight objects in flight."""
    endpoint = {"endpoint_url": server, "aws_access_key_id": "x", "aws_secret_access_key": "x"}
    batch = Batch(boto3.client("s3", region_name="us-east-1", **endpoint))
    batch.empty()
    contents = batch.fill(40)
    processed: list[str] = []
    for attempt, lines in enumerate([1, 15, None], 1):
        there = {name.removeprefix("gzip/").removesuffix(".gz") for name in batch.outputs()}
        with start(server, attempt) as process:
            assert process.stdout
            if lines:
                names = [process.stdout.readline().strip() for _ in range(lines)]
                process.kill()
                names += process.stdout.read().splitlines()
            else:
                names = process.stdout.read().splitlines()
                assert process.wait(60) == 0
        assert all(names)
        assert len(names) == len(set(names))
        assert not there & set(names), "what has its output is not processed again"
        processed += names
    assert batch.outputs() == {f"gzip/{name}.gz": content for name, content in contents.items()}
    assert set(processed) == set(contents)
    assert len(processed) <= len(contents) + 2 * 8
    result = json.loads(batch.get(f"{MANIFEST}latest.json"))
    assert (counts(result), result["complete"]) == ((40, 0, 0, 0), True)
    assert sorted(line["key"] for line in batch.lines(result)) == [f"inbox/{name}" for name in contents]
