"""Fixtures of the tests of the runtime's Batch mode."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from batch_container import Batch

from tests.worker_image import image, moto_server

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def moto() -> Iterator[str]:
    with moto_server() as url:
        yield url


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    manifest = "input: {type: object, required: [do]}"
    return image(tmp_path_factory.mktemp("app"), HERE / "batch_probe.py", manifest)


@pytest.fixture
def batch(moto: str, app: Path) -> Iterator[Batch]:
    batch = Batch(moto, app)
    yield batch
    batch.close()
