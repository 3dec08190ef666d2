"""Fixtures of the tests of the runtime's Batch mode."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from batch_container import Batch
from moto.server import ThreadedMotoServer

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]


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
    (root / "workers/probe/handler.py").symlink_to(HERE / "batch_probe.py")
    (root / "workers/probe/worker.yaml").write_text("input: {type: object, required: [do]}")
    return root


@pytest.fixture
def batch(moto: str, app: Path) -> Iterator[Batch]:
    batch = Batch(moto, app)
    yield batch
    batch.close()
