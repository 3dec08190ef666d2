"""What runs at the same time, and in which order."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from queue_cloud import QueueCloud, Task

pytestmark = pytest.mark.timeout(60)
Start = Callable[..., Task]


@pytest.fixture
def fifo_cloud(queue_endpoint: str, queue_app: Path) -> QueueCloud:
    return QueueCloud(queue_endpoint, queue_app, fifo=True)


def test_a_group_keeps_its_order_and_a_failed_message_blocks_it(
    fifo_cloud: QueueCloud, start_task: Start, tmp_path: Path
) -> None:
    notes = tmp_path / "notes"
    for number in range(4):
        for group in ("x", "y"):
            failures = {"x0": 1, "y1": 9, "y2": 9}.get(f"{group}{number}", 0)  # y1 and y2 are poison
            fifo_cloud.send(f"{group}{number}", "note", group=group, notes=str(notes), failures=failures, seconds=0.05)
    tasks = [start_task(fifo_cloud, CONCURRENCY="2", BACKOFF_SECONDS="0.1", MAX_ATTEMPTS="3") for _ in range(2)]
    fifo_cloud.drained()
    assert [task.stop() for task in tasks] == [0, 0]
    events = [line.split() for line in notes.read_text().splitlines()]
    for group, expected in {"x": ["x0", "x0", "x1", "x2", "x3"], "y": ["y0", *["y1"] * 3, *["y2"] * 3, "y3"]}.items():
        mine = [(kind, id) for kind, id in events if id.startswith(group)]
        assert [id for kind, id in mine if kind == "begin"] == expected
        assert [kind for kind, _ in mine] == ["begin", "end"] * len(expected)  # never two of one group at once
    assert fifo_cloud.dead() == {"y1": ("ValueError: not yet", 3), "y2": ("ValueError: not yet", 3)}


def test_sigterm_gives_a_group_back_in_order(fifo_cloud: QueueCloud, start_task: Start, tmp_path: Path) -> None:
    for id in ("a", "b", "c"):
        fifo_cloud.send(id, "hang" if id == "a" else "empty", group="g")
    task = start_task(fifo_cloud, STOP_TIMEOUT_SECONDS="3").begun()
    assert task.stop() == 0
    found = [message["Body"] for message in fifo_cloud.receive(fifo_cloud.queue)]
    assert [body[8:9] for body in found] == ["a", "b", "c"]


def test_processes_run_side_by_side(queue_cloud: QueueCloud, start_task: Start, tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    for number in range(4):
        queue_cloud.send(str(number), "note", notes=str(notes), seconds=1)
    start_task(CONCURRENCY="4", EFFECT="repeatable")
    queue_cloud.drained()
    kinds = [line.split()[0] for line in notes.read_text().splitlines()]
    assert kinds[:4] == ["begin"] * 4


def test_threads_of_one_process_run_side_by_side(queue_cloud: QueueCloud, start_task: Start) -> None:
    for number in range(4):
        queue_cloud.send(str(number), "meet")  # each waits for the other three
    task = start_task(WORK="io", CONCURRENCY="4")
    queue_cloud.drained()
    assert task.stop() == 0
    begun = [line for line in task.lines if line.get("message") == "begun"]
    assert sorted(line["job_id"] for line in begun) == ["0", "1", "2", "3"]


def test_a_thread_that_hangs_or_crashes_the_process_harms_no_other_message(
    queue_cloud: QueueCloud, start_task: Start
) -> None:
    queue_cloud.send("hung", "doze", seconds=100)
    queue_cloud.send("crash", "segfault")
    for number in range(4):
        queue_cloud.send(str(number), "doze", seconds=0.3)
    task = start_task(WORK="io", CONCURRENCY="4", TIMEOUT_SECONDS="1.5", MAX_ATTEMPTS="1")
    queue_cloud.drained()
    assert task.stop() == 0
    dead = queue_cloud.dead()
    assert set(dead) == {"hung", "crash"}
    assert dead["hung"] == ("did not finish within 1.5 s (the manifest's timeout)", 1)
    assert "signal 11" in dead["crash"][0]
    assert task.metrics()["Processed"] == 4
