"""What becomes of a message, for each way in which its run can end."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from queue_cloud import QueueCloud, Task

pytestmark = pytest.mark.timeout(60)
Start = Callable[..., Task]


def test_messages_are_processed_once_and_leave_results_and_an_empty_queue(
    queue_cloud: QueueCloud, start_task: Start
) -> None:
    queue_cloud.s3.put_object(Bucket=queue_cloud.uploads, Key="page.txt", Body=b"three short words")
    queue_cloud.send("d", "describe", key="page.txt")
    for id in ("a", "b", "a", "a"):
        queue_cloud.send(id, "count")
    task = start_task()
    queue_cloud.drained()
    assert task.stop() == 0
    assert queue_cloud.effects() == queue_cloud.runs() == {"a": 1, "b": 1}
    written = queue_cloud.written()
    assert sorted(written) == ["probe/d/result.json", "probe/processed/page.txt"]  # an empty result is not written
    assert json.loads(written["probe/d/result.json"]) == {
        "text": "three short words",
        "copy": {"bucket": queue_cloud.results, "key": "probe/processed/page.txt"},
        "in time": True,
    }
    assert queue_cloud.counts(queue_cloud.dlq) == (0, 0)
    metrics = task.metrics()
    assert 0 < metrics.pop("Duration") < 20
    assert 20 < metrics.pop("PeakMemory") < 300
    assert 1 <= metrics.pop("BacklogAtReceive") <= 5
    assert metrics == {"Processed": 3, "Repeated": 2, "Words": 3}
    processed = [line for line in task.lines if line.get("message") == "messages processed"]
    assert sorted(id for line in processed for id in line["job_ids"]) == ["a", "b", "d"]
    assert sum(line["messages"] for line in processed) == 3
    assert {line["job_id"] for line in task.lines if line.get("message") == "begun"} == {"a", "b", "d"}
    assert {(line["worker"], line["service"]) for line in task.lines if "_aws" in line} == {("probe", "probe")}
    assert list(queue_cloud.scratch.iterdir()) == []


def test_each_kind_of_poison_ends_in_the_dead_letter_queue_with_its_reason(
    queue_cloud: QueueCloud, start_task: Start
) -> None:
    queue_cloud.send("refused", "refuse")
    queue_cloud.send("missing", "describe", key="none")
    queue_cloud.send("unfit", "count", times=0)
    queue_cloud.send("bug", "fail", words="private words")
    queue_cloud.send("exit", "leave")
    queue_cloud.send("vanished", "vanish")
    queue_cloud.send("segfault", "segfault")
    queue_cloud.send("hung", "hang")
    queue_cloud.send("nan", "answer", **{"with": "nan"})
    queue_cloud.send("list", "answer", **{"with": "list"})
    undecodable = {
        "no json": "the body is not JSON",
        "[1]": "the body is not a JSON object",
        '{"Service":"Amazon S3","Event":"s3:TestEvent"}': "`id` is not a text of 1 to 512 printable characters",
        '{"id": "", "input": {}}': "`id` is not a text of 1 to 512 printable characters",
        '{"id": "../a", "input": {}}': "`id` is not a text of 1 to 512 printable characters",
        '{"id": "x", "input": []}': "`input` is not a JSON object",
    }
    for body in undecodable:
        queue_cloud.send_body(body)
    queue_cloud.send("good", "count")
    task = start_task(TIMEOUT_SECONDS="3", CONCURRENCY="2")
    queue_cloud.drained()
    assert task.stop() == 0
    dead = queue_cloud.dead()
    assert {id: dead.pop(id) for id in ("refused", "missing", "unfit")} == {
        "refused": ("the page is empty", 1),
        "unfit": ("input.times must be bigger than or equal to 1", 1),
        "missing": (f"s3://{queue_cloud.uploads}/none does not exist, or this worker may not read it", 1),
    }
    expected = {
        "bug": "ValueError: cannot read private words",
        "exit": "SystemExit: 3",
        "vanished": "the worker's process ended without a result: exit code 7",
        "segfault": "the worker's process ended without a result: killed by signal 11 (Segmentation fault)",
        "hung": "did not finish within 3 s (the manifest's timeout)",
        "nan": "ValueError: handle() returned what JSON cannot hold: Out of range",
        "list": "TypeError: handle() returned list, not dict",
    }
    for id, reason in expected.items():
        found, failures = dead.pop(id)
        assert found.startswith(reason), (id, found)
        assert failures == 2, id  # MAX_ATTEMPTS
    for body, reason in undecodable.items():
        id = json.loads(body)["id"] if '"id"' in body else body
        found, failures = dead.pop(id)
        assert found.startswith(reason), (body, found)
        assert failures == 0
    assert dead == {}
    assert queue_cloud.effects() == {"good": 1}
    assert "private" not in json.dumps(task.lines)
    metrics = task.metrics()
    assert (metrics["Processed"], metrics["DeadLettered"]) == (1, 16)
    assert (metrics["Failed"], metrics["ApplicationErrors"]) == (3 + 7 * 2, 7 * 2)
    # Nothing is remembered of what failed, so that it can be sent again once it is mended.
    assert [item["status"]["S"] for item in queue_cloud.records().values()] == ["COMPLETED"]


def test_a_dead_letter_keeps_body_and_attributes(queue_cloud: QueueCloud, start_task: Start) -> None:
    queue_cloud.send("refused", "refuse")
    start_task()
    queue_cloud.drained()
    (dead,) = queue_cloud.receive(queue_cloud.dlq)
    assert json.loads(dead["Body"])["input"] == {"do": "refuse"}
    assert set(dead["MessageAttributes"]) == {"origin", "reason", "failures"}


def test_a_message_that_fails_waits_longer_each_time(queue_cloud: QueueCloud, start_task: Start) -> None:
    queue_cloud.send("a", "fail", words="")
    task = start_task(BACKOFF_SECONDS="1", MAX_ATTEMPTS="3", EFFECT="repeatable")
    queue_cloud.drained()
    begun = [line["timestamp"] for line in task.lines if line.get("message") == "begun"]
    times = [float(text[17:19]) + int(text[20:23]) / 1000 for text in begun]
    waits = [(later - earlier) % 60 for earlier, later in pairwise(times)]
    assert len(waits) == 2 and 1 <= waits[0] < 2 <= waits[1]
    assert queue_cloud.dead() == {"a": ("ValueError: cannot read ", 3)}


def test_a_dead_letter_that_is_sent_again_has_all_its_attempts_and_repeats_nothing(
    queue_cloud: QueueCloud, start_task: Start, tmp_path: Path
) -> None:
    notes = str(tmp_path / "notes")
    queue_cloud.send("a", "note", notes=notes, failures=3)
    queue_cloud.send("b", "count")
    task = start_task()
    queue_cloud.drained()
    for message in queue_cloud.receive(queue_cloud.dlq):
        queue_cloud.send_body(message["Body"])
    queue_cloud.send("b", "count")
    queue_cloud.drained()
    assert task.stop() == 0
    assert (tmp_path / "notes").read_text().count("begin") == 4  # twice before it was dead, twice after
    assert queue_cloud.effects() == queue_cloud.runs() == {"b": 1}
    assert queue_cloud.counts(queue_cloud.dlq) == (0, 1)


def test_a_repeatable_message_is_not_remembered(queue_cloud: QueueCloud, start_task: Start) -> None:
    for _ in range(2):
        queue_cloud.send("a", "count")
    start_task(EFFECT="repeatable")
    queue_cloud.drained()
    assert queue_cloud.runs() == {"a": 2}
    assert queue_cloud.records() == {}


def test_failures_are_forgotten_once_repeatable_work_succeeds(
    queue_cloud: QueueCloud, start_task: Start, tmp_path: Path
) -> None:
    queue_cloud.send("a", "note", notes=str(tmp_path / "notes"), failures=1)
    task = start_task(EFFECT="repeatable")
    queue_cloud.drained()
    assert task.stop() == 0
    assert (task.metrics()["Failed"], task.metrics()["Processed"]) == (1, 1)
    assert queue_cloud.records() == {}


def test_a_process_that_leaks_is_replaced(queue_cloud: QueueCloud, start_task: Start) -> None:
    for number in range(6):
        queue_cloud.send(str(number), "leak", mb=70)
    task = start_task(MEMORY_GB="0.4")  # of which a process may keep 225 MiB
    queue_cloud.drained()
    assert task.stop() == 0
    assert len({json.loads(body)["process"] for body in queue_cloud.written().values()}) >= 2
    assert task.metrics()["Recycled"] >= 1
    assert task.metrics()["Processed"] == 6


def test_a_worker_that_cannot_be_loaded_receives_nothing(queue_cloud: QueueCloud, start_task: Start) -> None:
    queue_cloud.send("a", "count")
    task = start_task(WORKER="missing")
    assert task.ended() == 1
    assert "the worker cannot be loaded: ModuleNotFoundError: No module named 'workers.missing'" in task.messages()
    assert task.metrics()["ApplicationErrors"] == 1
    assert queue_cloud.counts(queue_cloud.queue) == (1, 0)


def test_a_wrong_environment_is_named(queue_cloud: QueueCloud, start_task: Start) -> None:
    task = start_task(WORK="gpu", CONCURRENCY="0", VISIBILITY_SECONDS="")
    assert task.ended() == 2
    assert task.messages() == [
        "environment: WORK is 'gpu', not one of cpu, io; CONCURRENCY is '0', not a whole number from 1 up; "
        "VISIBILITY_SECONDS is not set"
    ]
