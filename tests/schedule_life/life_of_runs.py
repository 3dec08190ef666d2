"""What tests do to scheduled workers of a stack that is up."""

from __future__ import annotations

import itertools
import json
from typing import Any

from live_stack import STACK, Live

from sandbox.invented import ACCOUNT

PREFIX = f"serverless-batch-{STACK}"


class Runs:
    """live: the stack."""

    def __init__(self, live: Live):
        self.live, self.clock = live, live.cloud.compute.clock
        self._days = itertools.count(1)
        self._alerts = live.sqs.create_queue(QueueName="alerts")["QueueUrl"]
        live.cloud.client("sns").subscribe(
            TopicArn=live.created("aws:sns/topic:Topic", "alerts").outputs["arn"],
            Protocol="sqs",
            Endpoint=f"arn:aws:sqs:{live.cloud.region}:{ACCOUNT}:alerts",
        )

    def fire(self, worker: str, **input: str) -> str:
        """As the schedule does, for the next of many days: the id of the job."""
        event = {"worker": worker, "scheduled": f"2026-01-{next(self._days):02}T06:00:00Z", "input": input}
        return self.live.cloud.compute.functions.invoke(f"{PREFIX}-starter", event)["job_id"]

    def alarmed(self, name: str) -> bool:
        """Whether an alarm has ever gone off."""
        alarm = self.live.cloud.compute.alarms.get(f"{PREFIX}-{name}")
        return "ALARM" in {change.state for change in alarm.history}

    def alerts(self) -> list[dict[str, Any]]:
        """What the topic of alarms has said since the last look."""
        messages = self.live.sqs.receive_message(QueueUrl=self._alerts, MaxNumberOfMessages=10).get("Messages", [])
        for message in messages:
            self.live.sqs.delete_message(QueueUrl=self._alerts, ReceiptHandle=message["ReceiptHandle"])
        return [json.loads(message["Body"]) for message in messages]
