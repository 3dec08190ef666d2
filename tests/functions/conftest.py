"""Each function as it is deployed: its own files, `jobs` and the generated files in one folder, AWS by moto."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import boto3
import pytest
import yaml

from jobs import JobStore
from tests.functions.function_support import (
    CATALOGUE,
    CONTEXT,
    DLQ_URL,
    PROJECT,
    QUEUE_URL,
    REGION,
    TABLE,
    Queue,
    create_jobs_table,
    load_function,
)
from tests.mocked_aws import POWERTOOLS, mocked_aws


@pytest.fixture(scope="module", autouse=True)
def aws() -> Iterator[None]:
    """An empty account with the jobs table."""
    with mocked_aws(REGION, **POWERTOOLS, JOBS_TABLE=TABLE):
        create_jobs_table()
        yield


@pytest.fixture(scope="module")
def load(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., ModuleType]:
    """`load(function, **environment)`: a fresh `handler` module, from the folder that its archive would hold."""

    def load(function: str, **environment: str) -> ModuleType:
        description = yaml.safe_load((PROJECT / "functions/api/openapi.yaml").read_text(encoding="utf-8"))
        files = {"openapi.json": description, "catalogue.json": CATALOGUE}
        return load_function(function, tmp_path_factory.mktemp(function), files, **environment)

    return load


@pytest.fixture(scope="module")
def store() -> JobStore:
    return JobStore(TABLE)


@pytest.fixture
def context() -> Any:
    return CONTEXT


@pytest.fixture(scope="module")
def sqs() -> Any:
    return boto3.client("sqs")


def _queue(url: str, sqs: Any) -> Iterator[Queue]:
    sqs.create_queue(QueueName=url.rpartition("/")[2], Attributes={"FifoQueue": "true"})
    yield Queue(url, sqs)
    sqs.delete_queue(QueueUrl=url)


@pytest.fixture
def queue(sqs: Any) -> Iterator[Queue]:
    """The queue of the worker `summariser`."""
    yield from _queue(QUEUE_URL, sqs)


@pytest.fixture
def other_queue(sqs: Any) -> Iterator[Queue]:
    """The queue of the worker `translator`."""
    yield from _queue(QUEUE_URL.replace("summariser", "translator"), sqs)


@pytest.fixture
def dead_letters(sqs: Any) -> Iterator[Queue]:
    yield from _queue(DLQ_URL, sqs)
