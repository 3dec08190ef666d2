"""No message shows a value that could be a secret: of all that a resource has, names of its parts alone are told."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from rule_cases import KINDS, Case, cases

CANARY = "zQxCANARYxQz"
Path = tuple[str | int, ...]
JSON = "!"  # the step from a text into the JSON that it is
# Containers, variables, and where a log goes: without these nobody knows what is meant.
TOLD = {
    "name", "awslogs-group", "cloudWatchLogGroupName", "destinationArn", "groupName", "logDestination", "logGroup",
    "logGroupArn",
}  # fmt: skip
PUT: list[Callable[[str], str]] = [lambda _: CANARY, lambda text: text + CANARY, lambda text: CANARY + text]


@pytest.mark.parametrize("case", [*cases(*KINDS)], ids=str)
def test_no_value_is_told_but_names(case: Case) -> None:
    told = [
        (resource.name, path, finding.message)
        for place, resource in enumerate(case.resources)
        for path in _texts(resource.props)
        if path[-1] not in TOLD
        for put in PUT
        for finding in _with(case, place, replace(resource, props=_edited(resource.props, path, put))).findings()
        if CANARY.lower() in finding.message.lower()
    ]
    assert told == []


def _with(case: Case, place: int, resource: Any) -> Case:
    return replace(case, resources=(*case.resources[:place], resource, *case.resources[place + 1 :]))


def _texts(value: Any, at: Path = ()) -> Iterator[Path]:
    if isinstance(value, str):
        yield at
        yield from _texts(_parsed(value), (*at, JSON))
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _texts(item, (*at, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _texts(item, (*at, index))


def _edited(value: Any, path: Path, put: Callable[[str], str]) -> Any:
    if not path:
        return put(value)
    step, *rest = path
    if step == JSON:
        return json.dumps(_edited(_parsed(value), tuple(rest), put))
    items = enumerate(value) if isinstance(value, list) else value.items()
    edited = {key: _edited(item, tuple(rest), put) if key == step else item for key, item in items}
    return [*edited.values()] if isinstance(value, list) else edited


def _parsed(text: str) -> Any:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict | list) else None
