"""Services that fail: AWS itself, what the worker depends on, and tasks at random."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from fault_proxy import FaultProxy
from queue_cloud import QueueCloud, Task, wait_for

pytestmark = pytest.mark.timeout(60)
Start = Callable[..., Task]


def test_calls_that_fail_lose_nothing_and_repeat_no_effect(
    queue_cloud: QueueCloud, start_task: Start, queue_endpoint: str
) -> None:
    queue_cloud.s3.put_object(Bucket=queue_cloud.uploads, Key="page.txt", Body=b"three short words")
    for number in range(12):
        queue_cloud.send(f"count-{number}", "count")
        queue_cloud.send(f"describe-{number}", "describe", key="page.txt")
    with FaultProxy(queue_endpoint, share=0.15, seed=4) as proxy:
        task = start_task(
            AWS_ENDPOINT_URL=proxy.url,
            QUEUE_URL=queue_cloud.queue.replace(queue_endpoint, proxy.url),
            DLQ_URL=queue_cloud.dlq.replace(queue_endpoint, proxy.url),
            VISIBILITY_SECONDS="3",
            CONCURRENCY="2",
            OPEN_SECONDS="0.5",
        )
        queue_cloud.drained(50)
        assert task.stop() == 0
    assert len(proxy.failed) == 5 and sum(proxy.failed.values()) - proxy.failed[""] > 10
    assert queue_cloud.effects() == {f"count-{number}": 1 for number in range(12)}
    results = [key for key in queue_cloud.written() if key.endswith("/result.json")]
    assert sorted(results) == sorted(f"probe/describe-{number}/result.json" for number in range(12))
    assert queue_cloud.counts(queue_cloud.dlq) == (0, 0)


def test_a_dependency_that_is_down_stops_the_receiving_and_blames_no_message(
    queue_cloud: QueueCloud, start_task: Start, tmp_path: Path
) -> None:
    service = tmp_path / "service"
    for number in range(20):
        queue_cloud.send(str(number), "need", service=str(service))
    task = start_task(OPEN_SECONDS="2").said("the circuit is open")
    wait_for(lambda: queue_cloud.counts(queue_cloud.queue) == (20, 0))  # given back, and nobody receives
    begun = task.messages().count("begun")
    assert 5 <= begun <= 8
    task.said("the circuit is open", 2)
    assert task.messages().count("begun") == begun + 1  # one message to try
    service.touch()
    queue_cloud.drained()
    assert task.stop() == 0
    assert task.metrics()["Processed"] == 20
    assert "Failed" not in task.metrics()
    assert queue_cloud.counts(queue_cloud.dlq) == (0, 0)


def test_results_that_cannot_be_stored_are_failures_of_the_message(queue_cloud: QueueCloud, start_task: Start) -> None:
    queue_cloud.s3.put_object(Bucket=queue_cloud.uploads, Key="page.txt", Body=b"text")
    queue_cloud.send("a", "leak", mb=0)
    task = start_task(RESULTS_BUCKET="gone")
    queue_cloud.drained()
    assert task.stop() == 0
    (reason, failures) = queue_cloud.dead()["a"]
    assert reason.startswith("the result could not be stored: ") and "NoSuchBucket" in reason
    assert failures == 2


def test_without_its_table_no_message_is_processed_and_none_is_lost(queue_cloud: QueueCloud, start_task: Start) -> None:
    for number in range(3):
        queue_cloud.send(str(number), "count")
    task = start_task(IDEMPOTENCY_TABLE="gone").said("the circuit is open")
    assert task.stop() == 0
    assert "begun" not in task.messages()
    start_task()
    queue_cloud.drained()
    assert queue_cloud.effects() == queue_cloud.runs() == {"0": 1, "1": 1, "2": 1}
    assert queue_cloud.counts(queue_cloud.dlq) == (0, 0)


def test_a_fifo_queue_keeps_good_messages_however_long_a_dependency_is_down(
    queue_endpoint: str, queue_app: Path, start_task: Start, tmp_path: Path
) -> None:
    cloud = QueueCloud(queue_endpoint, queue_app, fifo=True, max_receives=2)
    service = tmp_path / "service"
    for number in range(6):
        cloud.send(str(number), "need", group=f"group-{number % 2}", service=str(service))
    task = start_task(cloud, OPEN_SECONDS="0.2").said("the circuit is open", 3)  # each time after another attempt
    service.touch()
    cloud.drained()
    assert task.stop() == 0
    assert task.metrics()["Processed"] == 6
    assert cloud.counts(cloud.dlq) == (0, 0)


def test_poison_that_the_dead_letter_queue_does_not_take_is_moved_by_the_queue_itself(
    queue_endpoint: str, queue_app: Path, start_task: Start
) -> None:
    cloud = QueueCloud(queue_endpoint, queue_app, max_receives=3)
    cloud.send("refused", "refuse")
    task = start_task(cloud, DLQ_URL=f"{cloud.dlq}-gone")
    wait_for(lambda: cloud.counts(cloud.dlq) == (1, 0), task.lines)
    assert task.stop() == 0
    assert task.messages().count("begun") == 3


def kill_at_random(cloud: QueueCloud, start: Start, folder: Path, messages: int, *, every: int, seed: int) -> int:
    """Two tasks do `mark`. After each so many runs one of them is ended and replaced. Returns how many got SIGKILL.

    One in ten messages is sent twice. The queue is kept short, because moto takes long to look through a long one.
    """
    chance, killed = random.Random(seed), 0
    ids = [str(number) for number in range(messages)]
    ids += ids[::10]
    chance.shuffle(ids)
    environment = {"VISIBILITY_SECONDS": "3", "STOP_TIMEOUT_SECONDS": "4", "MAX_ATTEMPTS": "1"}
    kinds = [{"WORK": "io", "CONCURRENCY": "4"}, {"WORK": "cpu"}]
    tasks = [start(cloud, **environment, **kind) for kind in kinds]
    ended: list[Task] = []
    done = 0
    while ids or done < messages:
        if ids and sum(cloud.counts(cloud.queue)) < 60:
            cloud.send_batch(ids[:10], "mark", folder=str(folder))
            del ids[:10]
        done = len(list(folder.glob("effect-*")))
        at_work = [number for number in range(2) if "begun" in tasks[number].messages()]
        if at_work and every * (len(ended) + 1) <= done < messages:
            number = chance.choice(at_work)
            task = tasks[number]
            sent = chance.choice([signal.SIGKILL, signal.SIGTERM])
            killed += sent == signal.SIGKILL
            task.process.send_signal(sent)
            ended.append(task)
            tasks[number] = start(cloud, **environment, **kinds[number])
        else:
            time.sleep(0.02)
    cloud.drained()
    assert [task.stop() for task in tasks] == [0, 0]
    assert {task.ended() for task in ended} == {0, -signal.SIGKILL}
    return killed


def check_nothing_lost(cloud: QueueCloud, folder: Path, messages: int, killed: int) -> None:
    assert len(list(folder.glob("effect-*"))) == messages
    assert cloud.counts(cloud.dlq) == (0, 0)  # though one failure would have been enough
    repeated = len((folder / "runs").read_text().splitlines()) - messages
    assert repeated <= killed * 20  # only what a killed task was doing, and had not recorded, runs again


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_thousand_messages_with_tasks_killed_at_random_lose_nothing_and_repeat_no_effect(
    queue_cloud: QueueCloud, start_task: Start, tmp_path: Path
) -> None:
    killed = kill_at_random(queue_cloud, start_task, tmp_path, 1000, every=80, seed=2)
    check_nothing_lost(queue_cloud, tmp_path, 1000, killed)
