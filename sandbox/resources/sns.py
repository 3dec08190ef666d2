"""Topics."""

from __future__ import annotations

from typing import Any

from sandbox.cloud import Cloud, creates


@creates("aws:sns/topic:Topic")
def topic(cloud: Cloud, name: str, inputs: dict[str, Any]) -> dict[str, Any]:
    return {"id": cloud.client("sns").create_topic(Name=name)["TopicArn"]}
