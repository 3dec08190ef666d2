"""Fixtures of the image pipeline's tests; see `pipeline_cloud`."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from moto.backends import get_backend
from pipeline_cloud import ACCOUNT, Cloud, Docker, client, network

from tests.mocked_aws import mocked_aws

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Docker:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return Docker(folder)


@pytest.fixture(scope="module")
def aws() -> Iterator[None]:
    """Clients and a network are made once: that takes longer than all that is done with them."""
    with mocked_aws(MOTO_EC2_LOAD_DEFAULT_AMIS="false"):
        client.cache_clear()
        network.cache_clear()
        yield


@pytest.fixture
def cloud(aws: None) -> Cloud:
    for service in ("batch", "ecr", "ecs", "s3", "ssm"):
        for region in get_backend(service)[ACCOUNT].values():
            region.reset()
    return Cloud()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """What the program reads of the project, to be changed at will."""
    for folder in ("jobs", "workers", "functions", "flows"):
        shutil.copytree(PROJECT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("Pulumi.yaml", "Pulumi.dev.yaml"):
        shutil.copy(PROJECT / file, tmp_path)
    return tmp_path
