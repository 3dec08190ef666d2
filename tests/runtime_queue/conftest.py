"""Fixtures of the tests of queue mode; see `queue_cloud`."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from queue_cloud import QueueCloud, Task

MANIFEST = """
input: {type: object, required: [do], properties: {do: {type: string}, times: {type: integer, minimum: 1}}}
"""
HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]


@pytest.fixture(scope="session")
def queue_endpoint() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    from sandbox.atomic import make_atomic

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    make_atomic()
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="session")
def queue_app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the image holds at its working directory, with `probe` for a worker."""
    root = tmp_path_factory.mktemp("app")
    (root / "workers/probe").mkdir(parents=True)
    (root / "tmp").mkdir()
    for shared in ("workers/__init__.py", "workers/runtime"):
        (root / shared).symlink_to(REPOSITORY / shared)
    (root / "workers/probe/handler.py").symlink_to(HERE / "queue_probe.py")
    (root / "workers/probe/worker.yaml").write_text(MANIFEST)
    return root


@pytest.fixture
def queue_cloud(queue_endpoint: str, queue_app: Path) -> QueueCloud:
    return QueueCloud(queue_endpoint, queue_app)


@pytest.fixture
def start_task(queue_cloud: QueueCloud) -> Iterator[Callable[..., Task]]:
    """Starts tasks, and ends those that a failing test leaves behind."""
    tasks: list[Task] = []

    def start(cloud: QueueCloud = queue_cloud, **environment: str) -> Task:
        tasks.append(cloud.start(**environment))
        return tasks[-1]

    yield start
    for task in tasks:
        task.process.kill()
        task.process.wait()


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    os.mkfifo(tmp_path / "pipe")
    return tmp_path / "pipe"
