"""Fixtures of the tests of queue mode; see `queue_cloud`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from queue_cloud import QueueCloud, Task

from tests.worker_image import RUNTIME, image, moto_server

MANIFEST = """
input: {type: object, required: [do], properties: {do: {type: string}, times: {type: integer, minimum: 1}}}
"""
HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def queue_endpoint() -> Iterator[str]:
    from sandbox.atomic import make_atomic

    make_atomic()
    with moto_server() as url:
        yield url


@pytest.fixture(scope="session")
def queue_app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return image(tmp_path_factory.mktemp("app"), HERE / "queue_probe.py", MANIFEST, RUNTIME)


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
