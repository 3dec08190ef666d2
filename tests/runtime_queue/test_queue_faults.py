"""Services that fail: AWS itself, what the worker depends on, and tasks at random."""

from __future__ import annotations

import random
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
    task = start_task(OPEN_SECONDS="3").said("the circuit is open")
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


def kill_at_random(cloud: QueueCloud, start: Start, messages: int, *, share: float, seed: int) -> int:
    """Two tasks work off the messages; one or the other is ended now and then, and replaced. Returns how often."""
    chance, kills = random.Random(seed), 0
    for number in range(messages):
        cloud.send(str(number), "count", seconds=0.02)
    environment = {"VISIBILITY_SECONDS": "3", "CONCURRENCY": "2", "STOP_TIMEOUT_SECONDS": "4", "MAX_ATTEMPTS": "1"}
    tasks = [start(cloud, **environment) for _ in range(2)]
    while sum(cloud.counts(cloud.queue)):
        time.sleep(chance.uniform(0.2, 1.0))
        if sum(cloud.counts(cloud.queue)) < messages * (1 - share):
            continue
        number = chance.randrange(2)
        tasks[number].begun()
        if chance.random() < 0.5:
            tasks[number].process.kill()
        else:
            tasks[number].process.terminate()
        kills += 1
        tasks[number].process.wait()
        tasks[number] = start(cloud, **environment)
    for task in tasks:
        assert task.stop() == 0
    return kills


def check_nothing_lost(cloud: QueueCloud, messages: int, kills: int) -> None:
    assert cloud.effects() == {str(number): 1 for number in range(messages)}  # none lost, none twice
    assert cloud.counts(cloud.dlq) == (0, 0)  # though one failure would have been enough
    repeated = sum(cloud.runs().values()) - messages
    assert repeated <= kills * 2 * 11  # only what a killed process had been given, and not recorded, runs again


def test_tasks_killed_at_random_lose_nothing_and_repeat_no_effect(queue_cloud: QueueCloud, start_task: Start) -> None:
    kills = kill_at_random(queue_cloud, start_task, 60, share=0.7, seed=1)
    assert kills >= 2
    check_nothing_lost(queue_cloud, 60, kills)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_thousand_messages_with_tasks_killed_at_random(queue_cloud: QueueCloud, start_task: Start) -> None:
    kills = kill_at_random(queue_cloud, start_task, 1000, share=0.9, seed=2)
    assert kills >= 10
    check_nothing_lost(queue_cloud, 1000, kills)
