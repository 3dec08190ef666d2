"""A deployed queue worker: woken, scaled, interrupted, drained, back to zero."""

from __future__ import annotations

import json
import subprocess
import sys
from argparse import Namespace
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import urllib3
from queue_stack import NAME, STACK, Stack, queue_stack

from sandbox.burst import Files, burst
from sandbox.chaos import chaos
from sandbox.control import FILE, Control, ask
from sandbox.program import ProgramError
from sandbox.upload import upload
from tests.waiting import until

pytestmark = pytest.mark.xdist_group("sandbox-queue-worker")
COOLDOWN_MINUTES = 5


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with queue_stack(tmp_path_factory.mktemp("project")) as stack:
        yield stack


@pytest.fixture
def stack(live: Stack) -> Iterator[Stack]:
    """With no task, and nothing in the queue."""
    live.clock.factor = 0
    live.compute.services.set_capacity("FARGATE_SPOT", True)
    live.drain()
    live.forget_dead_letters()
    live.minutes(COOLDOWN_MINUTES + 3)
    until(lambda: live.desired == 0 and live.running == 0)
    assert live.service.strategy[0]["capacityProvider"] == "FARGATE_SPOT"
    yield live


def test_a_burst_wakes_the_service_without_a_metric_and_drained_it_returns_to_zero(stack: Stack) -> None:
    for n in range(6):
        stack.upload(f"burst-{n}", f"burst {n}")
    assert stack.compute.asynchronous.settle()
    assert stack.desired == 3
    stack.drain()
    assert [text for text in stack.texts() if text.startswith("burst")] == [f"burst {n}" for n in range(6)]
    stack.minutes(COOLDOWN_MINUTES - 1)
    assert stack.desired == 3
    stack.minutes(3)
    assert stack.desired == 0
    until(lambda: stack.running == 0)
    assert stack.compute.alarms.in_alarm() == []


def test_a_message_that_nobody_told_of_is_found_within_a_minute(stack: Stack) -> None:
    sqs = stack.cloud.client("sqs")
    body = '{"id": "lonely", "input": {"bucket": "x", "key": "y"}, "at": "2026-01-01T00:00:00Z"}'
    sqs.send_message(QueueUrl=sqs.get_queue_url(QueueName=stack.queue)["QueueUrl"], MessageBody=body)
    assert stack.desired == 0
    stack.minutes(1)
    assert stack.desired == 1
    stack.drain()


def test_a_poison_message_ends_in_the_dead_letter_queue_and_its_alarm_fires(stack: Stack) -> None:
    stack.upload("bad", "bad")
    stack.drain()
    until(lambda: sum(stack.compute.queues.backlog(stack.dead_letters)) == 1)
    stack.minutes(1)
    names = [alarm.name for alarm in stack.compute.alarms.in_alarm()]
    assert f"{NAME}-echo-dlq" in names
    stack.forget_dead_letters()
    stack.minutes(1)
    assert stack.compute.alarms.in_alarm() == []


def test_without_spot_capacity_the_work_is_done_on_demand_and_then_spot_is_declared_again(stack: Stack) -> None:
    stack.compute.services.set_capacity("FARGATE_SPOT", False)
    stack.upload("waits", "waits")
    assert stack.compute.asynchronous.settle()
    stack.minutes(2)
    assert (stack.desired, stack.running, stack.backlog()) == (1, 0, 1)
    stack.minutes(2)
    assert stack.service.strategy == [{"capacityProvider": "FARGATE", "weight": 1, "base": 0}]
    stack.drain()
    assert "waits" in stack.texts()
    assert {kept.provider for kept in stack.service.tasks[-1:]} == {"FARGATE"}
    stack.minutes(COOLDOWN_MINUTES + 2)
    until(lambda: stack.running == 0)
    stack.minutes(1)
    assert stack.service.strategy[0]["capacityProvider"] == "FARGATE_SPOT"


@pytest.mark.parametrize("fault", ["reclaim", "kill"])
def test_a_task_that_is_taken_away_is_replaced(stack: Stack, fault: str) -> None:
    stack.upload(fault, f"sleep 0.3 {fault}")
    [first] = until(lambda: [kept for kept in stack.service.tasks if kept.running])
    project = stack.cloud.project
    with closing(Control(stack.cloud)):
        [task] = ask(project, STACK, fault, service="echo")
    assert task == first.arn
    until(lambda: [kept for kept in stack.service.tasks if kept.running and kept is not first])
    # What the task had in flight comes back: after a reclaim at once, after a kill when it becomes visible.
    if fault == "kill":
        _surface(stack)
    stack.drain()
    assert f"sleep 0.3 {fault}" in stack.texts()
    assert sum(stack.compute.queues.backlog(stack.dead_letters)) == 0


def test_status_and_chaos_talk_to_a_sandbox_that_is_up(stack: Stack) -> None:
    project = stack.cloud.project
    with closing(Control(stack.cloud)):
        assert chaos(project, Namespace(fault="capacity", spot="off", stack=STACK)) == 0
        assert chaos(project, Namespace(fault="kill", service=None, task=None, stack=STACK)) == 1
        with pytest.raises(ProgramError, match="no service nobody"):
            ask(project, STACK, "kill", service="nobody")
        command = [sys.executable, "-m", "sandbox", "status", "--stack", STACK]
        said = subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=60)
        assert said.returncode == 0, said.stderr
        assert "Spot has no capacity" in said.stdout
        assert f"{NAME}-echo" in said.stdout
        assert "No alarm." in said.stdout
        place = json.loads((stack.cloud.folder / FILE).read_text())
        assert urllib3.request("POST", f"{place['url']}/status", json={}).status == 403
    with pytest.raises(ProgramError, match="No sandbox of stack test is up"):
        ask(project, STACK, "status")


def test_files_are_sent_to_a_worker_and_what_became_of_each_is_told(
    stack: Stack, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad, other = tmp_path / "good.txt", tmp_path / "poor.txt", tmp_path / "good.csv"
    good.write_text("sent by hand")
    bad.write_text("bad")
    other.touch()
    project = stack.cloud.project
    with closing(Control(stack.cloud)):
        assert upload(project, STACK, "echo", [good], 60) == 0
        said = capsys.readouterr().out
        assert "Written s3://" in said and "sent by hand" in said
        assert upload(project, STACK, "echo", [bad], 60) == 1
        said = capsys.readouterr().out
        assert "In the dead-letter queue: in/poor.txt: " in said and "it says so" in said
        for worker, file, why in (
            ("ecko", good, "nearest: 'echo'"),
            ("echo", tmp_path / "none", "no file"),
            ("echo", other, "takes files that end in .txt"),
        ):
            with pytest.raises(ProgramError, match=why):
                upload(project, STACK, worker, [file], 60)


def _surface(stack: Stack) -> None:
    """End the visibility timeouts of the queue's messages, instead of waiting for them."""
    for message in stack.messages(stack.queue):
        message.visible_at = 0


def test_a_burst_with_a_broken_file_is_followed_to_its_mended_result(stack: Stack) -> None:
    contents = {f"b{n}.txt": f"b {n}".encode() for n in range(9)}
    report = burst(stack.cloud, "echo", Files(contents | {"b9.txt": b"bad"}, "b9.txt", b"b 9"))
    assert report.redriven
    assert not report.lost
    assert (report.uploads, report.lost, report.redriven) == (10, 0, True)
    assert 0 < report.first_task < report.drain < report.idle
    assert 1 <= report.most <= report.tasks
    assert report.most <= 3
    assert "it says so" in report.reason
    assert report.requests_per_message > 0
    assert report.cost_usd > 0
    assert stack.clock.factor == 0
    assert [sample.dead for sample in report.samples if sample.dead]
