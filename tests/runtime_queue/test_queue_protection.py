"""Task protection: asked of the ECS agent while the task is busy, given up when it is not."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from queue_cloud import QueueCloud, Task, wait_for

pytestmark = pytest.mark.timeout(60)
Start = Callable[..., Task]
Answer = dict[str, Any]


@contextmanager
def agent(answer: Callable[[Any], Answer]) -> Iterator[str]:
    """Stands for the ECS agent; answers each change of protection. Yields its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            assert self.path == "/task-protection/v1/state"
            content = json.dumps(answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_task_is_protected_while_it_has_messages_and_no_longer(
    queue_cloud: QueueCloud, start_task: Start, pipe: Path
) -> None:
    asked: list[Any] = []

    def answer(wanted: Any) -> Answer:
        asked.append(wanted)
        return {"protection": wanted}

    with agent(answer) as uri:
        task = start_task(ECS_AGENT_URI=uri)
        for _ in range(2):
            before = len(asked)
            queue_cloud.send(str(before), "wait", pipe=str(pipe))
            task.begun(before // 2 + 1)
            wait_for(lambda before=before: len(asked) == before + 1)
            pipe.write_text("go")
            wait_for(lambda before=before: len(asked) == before + 2)
        assert task.stop() == 0
    assert asked == [{"ProtectionEnabled": True, "ExpiresInMinutes": 1 + 5}, {"ProtectionEnabled": False}] * 2


def test_a_deployment_that_waits_for_a_busy_task_goes_first(
    queue_cloud: QueueCloud, start_task: Start, pipe: Path
) -> None:
    asked: list[bool] = []
    left: list[int] = []

    def answer(wanted: Any) -> Answer:
        asked.append(wanted["ProtectionEnabled"])
        if asked == [True, True]:
            return {"failure": {"Reason": "DEPLOYMENT_BLOCKED", "Arn": "task"}}
        if asked[-1] is False:
            left.append(queue_cloud.counts(queue_cloud.queue)[0])
        return {"protection": wanted}

    queue_cloud.send("a", "wait", pipe=str(pipe))
    with agent(answer) as uri:
        # Protection for a minute and a message of a minute: it is to be renewed at once.
        task = start_task(ECS_AGENT_URI=uri, SLACK_MINUTES="0", TIMEOUT_SECONDS="60")
        task.begun().said("task protection was not changed")
        for id in ("b", "c", "d"):
            queue_cloud.send(id, "empty")
        pipe.write_text("go")
        queue_cloud.drained()
        assert task.stop() == 0
    assert asked[:3] == [True, True, False]
    assert left[0] == 3  # it took none before its protection had ended, though it could have
    assert task.metrics()["Processed"] == 4


def test_without_protection_a_task_works_on(queue_cloud: QueueCloud, start_task: Start) -> None:
    with agent(lambda _: {"failure": {"Reason": "DEPLOYMENT_BLOCKED", "Arn": "task"}}) as uri:
        task = start_task(ECS_AGENT_URI=uri)
        for number in range(3):
            queue_cloud.send(str(number), "empty")
        queue_cloud.drained()
        assert task.stop() == 0
    assert task.metrics()["Processed"] == 3
