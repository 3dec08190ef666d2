"""Tasks that are told to stop, die without a word, or lose their messages to another."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from queue_cloud import QueueCloud, Task, wait_for

pytestmark = pytest.mark.timeout(60)
Start = Callable[..., Task]
LEASE = 5  # seconds; a busy machine may delay a renewal by more than a second


def test_sigterm_lets_finish_what_runs_and_gives_back_what_waits(
    queue_cloud: QueueCloud, start_task: Start, pipe: Path, tmp_path: Path
) -> None:
    notes = str(tmp_path / "notes")
    for number in range(3):
        queue_cloud.send(f"first-{number}", "empty")
    task = start_task()
    queue_cloud.drained()  # so that it knows how short they are, and takes several
    queue_cloud.send("slow", "wait", pipe=str(pipe))
    task.begun(4)
    for number in range(3):
        queue_cloud.send(f"late-{number}", "note", notes=notes)
    wait_for(lambda: queue_cloud.counts(queue_cloud.queue) == (0, 4))
    task.process.terminate()
    wait_for(lambda: queue_cloud.counts(queue_cloud.queue) == (3, 1))  # at once, though one still runs
    pipe.write_text("go")
    assert task.ended() == 0
    assert queue_cloud.counts(queue_cloud.queue) == (3, 0)
    assert json.loads(queue_cloud.written()["probe/slow/result.json"]) == {"read": "go"}
    assert not (tmp_path / "notes").exists()
    assert task.metrics()["Processed"] == 4
    assert task.metrics()["Returned"] >= 3  # a poll that was under way may have brought them again
    assert "Failed" not in task.metrics()


def test_what_does_not_end_in_time_is_given_back_and_not_blamed(queue_cloud: QueueCloud, start_task: Start) -> None:
    queue_cloud.send("a", "hang")
    task = start_task(STOP_TIMEOUT_SECONDS="3").begun()
    assert task.stop() == 0
    (message,) = queue_cloud.receive(queue_cloud.queue)
    assert message["Attributes"]["ApproximateReceiveCount"] == "2"
    assert queue_cloud.records() == {}  # neither a claim nor a failure
    assert task.metrics()["Returned"] == 1


def test_reclaims_never_lead_to_the_dead_letter_queue(queue_cloud: QueueCloud, start_task: Start) -> None:
    queue_cloud.send("a", "hang")
    for _ in range(7):  # of the 10 that the queue allows
        queue_cloud.sqs.receive_message(QueueUrl=queue_cloud.queue, VisibilityTimeout=0)
    task = start_task(STOP_TIMEOUT_SECONDS="3").begun()
    assert task.stop() == 0
    (message,) = queue_cloud.receive(queue_cloud.queue)
    assert message["Attributes"]["ApproximateReceiveCount"] == "1"  # a fresh copy
    assert json.loads(message["Body"])["id"] == "a"
    assert message["MessageAttributes"]["origin"]["StringValue"] == "test"
    assert queue_cloud.counts(queue_cloud.dlq) == (0, 0)


def test_a_message_that_arrives_while_the_task_ends_is_given_back(queue_cloud: QueueCloud, start_task: Start) -> None:
    task = start_task(LONG_POLL_SECONDS="20")
    queue_cloud.send("first", "empty")
    queue_cloud.drained()
    time.sleep(0.5)  # a long poll is under way
    task.process.terminate()
    task.said("the task was told to stop")
    queue_cloud.send("late", "empty")
    assert task.ended() == 0
    assert queue_cloud.counts(queue_cloud.queue) == (1, 0)


def test_a_killed_task_loses_nothing(queue_cloud: QueueCloud, start_task: Start, pipe: Path) -> None:
    environment = {"VISIBILITY_SECONDS": "2"}
    queue_cloud.send("a", "wait", pipe=str(pipe))
    task = start_task(**environment).begun()
    task.process.kill()
    assert task.ended() == -signal.SIGKILL  # after the end of its output, which the worker's process holds open, too
    other = start_task(**environment).begun()
    pipe.write_text("go")
    queue_cloud.drained()
    assert other.stop() == 0
    assert json.loads(queue_cloud.written()["probe/a/result.json"]) == {"read": "go"}
    assert other.metrics()["Processed"] == 1
    assert "Failed" not in other.metrics()


def test_a_message_stays_ours_for_as_long_as_it_runs(queue_cloud: QueueCloud, start_task: Start) -> None:
    queue_cloud.send("a", "count", seconds=LEASE + 2)
    tasks = [start_task(VISIBILITY_SECONDS=str(LEASE)) for _ in range(2)]
    queue_cloud.drained()
    assert [task.stop() for task in tasks] == [0, 0]
    assert queue_cloud.effects() == queue_cloud.runs() == {"a": 1}
    assert sum(task.metrics().get("Returned", 0) for task in tasks) == 0


def test_work_in_progress_elsewhere_is_left_hidden_and_then_dropped(
    queue_cloud: QueueCloud, start_task: Start, pipe: Path
) -> None:
    queue_cloud.send("a", "wait", pipe=str(pipe))
    first = start_task(VISIBILITY_SECONDS=str(LEASE)).begun()
    queue_cloud.send("a", "wait", pipe=str(pipe))
    second = start_task(VISIBILITY_SECONDS=str(LEASE))
    second.said("message left hidden", 2)  # with the claim renewed in between
    assert queue_cloud.counts(queue_cloud.queue) == (0, 2)
    pipe.write_text("go")
    queue_cloud.drained()
    assert [first.stop(), second.stop()] == [0, 0]
    assert first.metrics()["Processed"] == 1
    assert first.metrics().get("Repeated", 0) + second.metrics().get("Repeated", 0) == 1
    assert not {"Processed", "Failed"} & set(second.metrics())
    assert queue_cloud.counts(queue_cloud.dlq) == (0, 0)


def test_a_task_that_was_frozen_discards_what_another_has_done(queue_cloud: QueueCloud, start_task: Start) -> None:
    queue_cloud.send("a", "count", seconds=1.5)
    frozen = start_task(VISIBILITY_SECONDS=str(LEASE)).begun()
    wait_for(lambda: queue_cloud.runs() == {"a": 1})
    child = _child(frozen)
    for pid in (frozen.process.pid, child):
        os.kill(pid, signal.SIGSTOP)
    other = start_task(VISIBILITY_SECONDS=str(LEASE)).said("messages processed")
    for pid in (frozen.process.pid, child):
        os.kill(pid, signal.SIGCONT)
    queue_cloud.drained()
    assert [frozen.stop(), other.stop()] == [0, 0]
    assert queue_cloud.effects() == {"a": 1}
    assert queue_cloud.runs() == {"a": 2}
    assert queue_cloud.counts(queue_cloud.dlq) == (0, 0)


def test_neither_a_queue_that_shows_a_message_early_nor_a_clock_that_is_ahead_repeats_work(
    queue_cloud: QueueCloud, start_task: Start, pipe: Path
) -> None:
    queue_cloud.send("a", "wait", pipe=str(pipe))
    first = start_task(VISIBILITY_SECONDS="9", GRANTED_SECONDS="1").begun()
    second = start_task(VISIBILITY_SECONDS="9", CLOCK_AHEAD="4").said("message left hidden")
    pipe.write_text("go")
    queue_cloud.drained()
    assert [first.stop(), second.stop()] == [0, 0]
    assert first.metrics()["Processed"] == 1
    assert "begun" not in second.messages()


def test_work_goes_on_without_its_message_and_nobody_else_begins_it(
    queue_cloud: QueueCloud, start_task: Start, pipe: Path
) -> None:
    queue_cloud.send("a", "wait", pipe=str(pipe))
    first = start_task(VISIBILITY_SECONDS=str(LEASE)).begun()
    queue_cloud.sqs.purge_queue(QueueUrl=queue_cloud.queue)
    first.said("a message is not ours any more")
    queue_cloud.send("a", "wait", pipe=str(pipe))
    second = start_task(VISIBILITY_SECONDS=str(LEASE))
    second.said("message left hidden", 3)  # a claim is not valid for so long
    pipe.write_text("go")
    queue_cloud.drained()
    assert [first.stop(), second.stop()] == [0, 0]
    assert first.metrics()["Processed"] == 1
    assert "begun" not in second.messages()


def _child(task: Task) -> int:
    pid = task.process.pid
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])
