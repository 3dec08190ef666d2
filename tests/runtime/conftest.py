"""Fixtures of the runtime's tests; see `task_cloud`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from task_cloud import Cloud, Stub, Task, metadata

from jobs import Job
from tests.worker_image import image, moto_server

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def moto() -> Iterator[str]:
    with moto_server() as url:
        yield url


@pytest.fixture(scope="session")
def agent() -> Iterator[str]:
    with Stub(metadata) as stub:
        yield stub.url


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return image(tmp_path_factory.mktemp("app"), HERE / "probe.py")


@pytest.fixture
def cloud(moto: str, agent: str, app: Path) -> Cloud:
    return Cloud(moto, agent, app)


@pytest.fixture
def start(cloud: Cloud) -> Iterator[Callable[..., Task]]:
    """Starts tasks, and ends those that a failing test leaves behind."""
    tasks: list[Task] = []

    def start(*jobs: Job, **environment: str) -> Task:
        tasks.append(cloud.start(*jobs, **environment))
        return tasks[-1]

    yield start
    for task in tasks:
        task.process.kill()
        task.process.wait()
