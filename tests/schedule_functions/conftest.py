"""The functions of scheduled workers as they are deployed, AWS by moto."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto.moto_api._internal.models import moto_api_backend

from jobs import JobStore
from tests.functions.function_support import REGION, TABLE, create_jobs_table
from tests.mocked_aws import POWERTOOLS, mocked_aws
from tests.schedule_functions.schedule_support import Starter, Watchman


@pytest.fixture(scope="module")
def account() -> Iterator[None]:
    with mocked_aws(REGION, **POWERTOOLS, JOBS_TABLE=TABLE):
        yield


@pytest.fixture
def store(account: None) -> JobStore:
    """The jobs of an account in which nothing has happened."""
    moto_api_backend.reset()
    create_jobs_table()
    return JobStore(TABLE)


@pytest.fixture(scope="module")
def deployed_starter(account: None, tmp_path_factory: pytest.TempPathFactory) -> Starter:
    return Starter(tmp_path_factory.mktemp("starter"))


@pytest.fixture
def starter(deployed_starter: Starter, store: JobStore, monkeypatch: pytest.MonkeyPatch) -> Starter:
    deployed_starter.begin(store, boto3.client("sqs"), monkeypatch)
    return deployed_starter


@pytest.fixture
def watchman(store: JobStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Watchman:
    return Watchman(tmp_path, store, monkeypatch)
