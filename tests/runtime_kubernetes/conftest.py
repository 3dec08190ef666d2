"""Fixtures of the tests of the runtime's Kubernetes mode."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from moto.server import ThreadedMotoServer

sys.path.insert(0, str(Path(__file__).parents[1] / "runtime_batch"))  # a container there is one here
from batch_container import Batch

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]
POD = {"KUBERNETES": "1", "RUN": "etl-7", "POD_NAME": "etl-7-x2c4k"}


@pytest.fixture(scope="session")
def moto() -> Iterator[str]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the image holds at its working directory, with `probe` for a worker."""
    root = tmp_path_factory.mktemp("app")
    (root / "workers/probe").mkdir(parents=True)
    (root / "tmp").mkdir()
    for shared in ("jobs", "workers/__init__.py", "workers/runtime", "workers/engines"):
        (root / shared).symlink_to(REPOSITORY / shared)
    (root / "workers/probe/handler.py").symlink_to(HERE / "kubernetes_probe.py")
    (root / "workers/probe/worker.yaml").write_text(
        "input: {type: object, additionalProperties: false,"
        " properties: {day: {type: string}, pipe: {type: string}, source: {type: object},"
        " scheduled_at: {type: string}}}"
    )
    return root


@pytest.fixture
def pod(moto: str, app: Path) -> Iterator[Batch]:
    pod = Batch(moto, app, POD)
    yield pod
    pod.close()
