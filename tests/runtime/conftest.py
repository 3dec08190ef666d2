"""Fixtures of the runtime's tests; see `task_cloud`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from moto.server import ThreadedMotoServer
from task_cloud import Cloud, Stub, Task, metadata

from jobs import Job

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]


@pytest.fixture(scope="session")
def moto() -> Iterator[str]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="session")
def agent() -> Iterator[str]:
    with Stub(metadata) as stub:
        yield stub.url


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the image holds at its working directory, with `probe` for a worker."""
    root = tmp_path_factory.mktemp("app")
    (root / "workers/probe").mkdir(parents=True)
    (root / "tmp").mkdir()
    for shared in ("jobs", "workers/__init__.py", "workers/runtime", "workers/engines"):
        (root / shared).symlink_to(REPOSITORY / shared)
    (root / "workers/probe/handler.py").symlink_to(HERE / "probe.py")
    return root


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
