"""The containers of ECS task definitions and of Batch job definitions, which write them as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from policies.model import UNKNOWN, Resource
from policies.values import as_list, parse_json

TASK_DEFINITION = "aws:ecs/taskDefinition:TaskDefinition"
JOB_DEFINITION = "aws:batch/jobDefinition:JobDefinition"
# Type → properties that hold containers, with the way to them.
PROPERTIES: dict[str, dict[str, tuple[tuple[str, ...], ...]]] = {
    TASK_DEFINITION: {"containerDefinitions": ((),)},
    JOB_DEFINITION: {
        "containerProperties": ((),),
        "ecsProperties": (("taskProperties", "containers"),),
        "nodeProperties": (
            ("nodeRangeProperties", "container"),
            ("nodeRangeProperties", "ecsProperties", "taskProperties", "containers"),
        ),
    },
}


class Container(NamedTuple):
    """name: for people. body: its properties, or UNKNOWN."""

    name: str
    body: Any

    def get(self, *path: str) -> Any:
        """The value at a path; None where nothing is there, UNKNOWN where the way to it is unknown."""
        value = self.body
        for key in path:
            if value is UNKNOWN:
                return UNKNOWN
            value = value.get(key) if isinstance(value, Mapping) else None
        return value


def containers(resource: Resource) -> list[Container]:
    """All of them; one that is UNKNOWN for those of a text that is."""
    found = []
    for name, ways in PROPERTIES[resource.type].items():
        document = parse_json(resource.get(name))
        bodies = [body for way in ways for body in _at(document, way)]
        found += [Container(_name(body), body) for body in bodies if body is UNKNOWN or isinstance(body, Mapping)]
    return found


def _at(value: Any, way: tuple[str, ...]) -> Iterator[Any]:
    for item in as_list(value):
        if item is UNKNOWN or not way:
            yield item
        elif isinstance(item, Mapping):
            yield from _at(item.get(way[0]), way[1:])


def _name(body: Any) -> str:
    name = body.get("name") if isinstance(body, Mapping) else None
    return f"container '{name}'" if isinstance(name, str) else "container"
