"""Containers as their task definitions declare them."""

from __future__ import annotations

from sandbox.cloud import Cloud


def environment(cloud: Cloud, definition: str) -> dict[str, str]:
    """Of a definition's first container. definition: a family, of which the newest revision counts, or an ARN."""
    described = cloud.client("ecs").describe_task_definition(taskDefinition=definition)
    [container, *_] = described["taskDefinition"]["containerDefinitions"]
    return {item["name"]: item["value"] for item in container["environment"]}
