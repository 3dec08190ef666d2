from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from scaling.catalogue import QueueWorker
from scaling.decision import Bounds
from scaling.memory import Memory
from tests.mocked_aws import mocked_aws

REGION = "eu-central-1"


@pytest.fixture(scope="module", autouse=True)
def aws() -> Iterator[None]:
    with mocked_aws(REGION):
        yield


@pytest.fixture
def memory() -> Iterator[Memory]:
    dynamodb: Any = boto3.resource("dynamodb")
    table = dynamodb.create_table(
        TableName="idempotency",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )
    yield Memory(dynamodb.meta.client, "idempotency")
    table.delete()


@pytest.fixture
def worker() -> QueueWorker:
    return QueueWorker(
        name="resize",
        queue_url=f"https://sqs.{REGION}.amazonaws.com/123456789012/resize",
        queue_name="resize",
        cluster="tasks",
        service="resize",
        prefix="uploads/",
        suffixes=(".jpg",),
        fifo=False,
        tenant=None,
        bounds=Bounds(target=5, minimum=0, maximum=10, cooldown_in=300),
    )
