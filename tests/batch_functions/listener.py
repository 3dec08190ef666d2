"""The function `batch_events`, as it is deployed, and events of real jobs for it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from batch_stack import Stack

from tests.functions.function_support import CONTEXT, load_function


class Topic:
    """SNS, which fails so many times."""

    def __init__(self) -> None:
        self.notices: list[dict[str, str]] = []
        self.faults = 0

    def publish(self, **notice: str) -> None:
        if self.faults:
            self.faults -= 1
            raise ConnectionError("SNS is away")
        self.notices.append(notice)


class Listener:
    """module: of the function. topic: to which it tells of failures."""

    def __init__(self, stack: Stack, folder: Path):
        self.stack = stack
        self.module: Any = load_function(
            "batch_events",
            folder,
            {},
            IDEMPOTENCY_TABLE="idempotency",
            TOPIC_ARN="arn:aws:sns:eu-central-1:123456789012:alerts",
            POWERTOOLS_SERVICE_NAME="batch-events",
            POWERTOOLS_METRICS_NAMESPACE="serverless-batch",
        )

    def begin(self, patch: pytest.MonkeyPatch) -> None:
        patch.setenv("POWERTOOLS_METRICS_NAMESPACE", "serverless-batch")
        self.topic = Topic()
        patch.setattr(self.module, "sns", self.topic)
        self.stack.mend()

    def ended(self, job_id: str, **changes: Any) -> dict[str, Any]:
        """The event of the job's end. changes: to the job."""
        return {"id": str(uuid.uuid4()), "detail": self.stack.cloud.end(job_id) | changes}

    def hear(self, *events: Mapping[str, Any]) -> list[str]:
        """Deliver messages; ids of those that come back, from 0."""
        records = [
            {"messageId": str(number), "body": json.dumps(event), "eventSource": "aws:sqs", "attributes": {}}
            for number, event in enumerate(events)
        ]
        answer = self.module.handler({"Records": records}, CONTEXT)
        return [item["itemIdentifier"] for item in answer["batchItemFailures"]]

    def successor(self, job_id: str) -> dict[str, Any] | None:
        """The job that took a job's place."""
        row = self.stack.table.get_item(Key={"id": f"batch-next#{job_id}"}).get("Item")
        return self.stack.cloud.job(row["job_id"]) if row else None


def metrics(said: str) -> list[dict[str, Any]]:
    """Lines of metrics in what was said: name → value, and the dimensions."""
    found = []
    for line in said.splitlines():
        if '"_aws"' in line:
            document = json.loads(line)
            [directive] = document["_aws"]["CloudWatchMetrics"]
            values = {metric["Name"]: document[metric["Name"]][0] for metric in directive["Metrics"]}
            found.append({"dimensions": directive["Dimensions"], "worker": document["worker"], **values})
    return found
