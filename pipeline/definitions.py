"""Task definitions that differ from others by their image."""

from __future__ import annotations

from typing import Any

# What describes a revision rather than being a part of it.
_OF_A_REVISION = (
    "compatibilities", "deregisteredAt", "registeredAt", "registeredBy", "requiresAttributes", "revision", "status",
    "taskDefinitionArn",
)  # fmt: skip


class Definitions:
    def __init__(self, ecs: Any):
        self._ecs = ecs

    def image(self, definition: str) -> str:
        """Of a family's newest revision, or of a revision by its ARN."""
        return _container(self._described(definition)["taskDefinition"])["image"]

    def timeout(self, definition: str) -> int:
        """Seconds that a job or message of the task may take."""
        container = _container(self._described(definition)["taskDefinition"])
        return int(next(item["value"] for item in container["environment"] if item["name"] == "TIMEOUT_SECONDS"))

    def with_image(self, family: str, image: str, *, into: str | None = None) -> str:
        """ARN of the newest revision of the family if it has this image, else of a new one that differs by it alone.

        into: the new revision is one of this family instead, whatever its newest one is.
        """
        described = self._described(family)
        newest = described["taskDefinition"]
        if into is None and _container(newest)["image"] == image:
            return newest["taskDefinitionArn"]
        copy = {key: value for key, value in newest.items() if key not in _OF_A_REVISION}
        if tags := described.get("tags"):  # AWS takes no empty list
            copy["tags"] = tags
        return self.register(copy, image, into or family)

    def register(self, task: dict[str, Any], image: str, family: str) -> str:
        """ARN of a new revision. task: what RegisterTaskDefinition takes, of one container; its image is changed."""
        _container(task)["image"] = image
        answer = self._ecs.register_task_definition(**task | {"family": family})
        return answer["taskDefinition"]["taskDefinitionArn"]

    def _described(self, definition: str) -> dict[str, Any]:
        return self._ecs.describe_task_definition(taskDefinition=definition, include=["TAGS"])


def _container(definition: dict[str, Any]) -> dict[str, Any]:
    """The worker's; a task has no other."""
    [container] = definition["containerDefinitions"]
    return container
