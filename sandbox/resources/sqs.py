"""Queues."""

from __future__ import annotations

from typing import Any

from sandbox.cloud import Cloud, creates

# Input → attribute of SQS.
ATTRIBUTES = {
    "contentBasedDeduplication": "ContentBasedDeduplication",
    "delaySeconds": "DelaySeconds",
    "fifoQueue": "FifoQueue",
    "maxMessageSize": "MaximumMessageSize",
    "messageRetentionSeconds": "MessageRetentionPeriod",
    "receiveWaitTimeSeconds": "ReceiveMessageWaitTimeSeconds",
    "redrivePolicy": "RedrivePolicy",
    "sqsManagedSseEnabled": "SqsManagedSseEnabled",
    "visibilityTimeoutSeconds": "VisibilityTimeout",
}


@creates("aws:sqs/queue:Queue")
def queue(cloud: Cloud, name: str, inputs: dict[str, Any]) -> dict[str, Any]:
    attributes = {ATTRIBUTES[key]: _text(value) for key, value in inputs.items() if key in ATTRIBUTES}
    if attributes.get("FifoQueue") == "false":
        del attributes["FifoQueue"]  # SQS knows only FIFO or silence
    url = cloud.client("sqs").create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    return {"id": url, "url": url}


@creates("aws:sqs/redriveAllowPolicy:RedriveAllowPolicy")
def redrive_allow_policy(cloud: Cloud, name: str, inputs: dict[str, Any]) -> dict[str, Any]:
    return _set(cloud, inputs["queueUrl"], "RedriveAllowPolicy", inputs["redriveAllowPolicy"])


@creates("aws:sqs/queuePolicy:QueuePolicy")
def queue_policy(cloud: Cloud, name: str, inputs: dict[str, Any]) -> dict[str, Any]:
    return _set(cloud, inputs["queueUrl"], "Policy", inputs["policy"])


def _set(cloud: Cloud, url: str, attribute: str, value: str) -> dict[str, Any]:
    cloud.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={attribute: value})
    return {"id": url}


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(int(value)) if isinstance(value, float) else str(value)
