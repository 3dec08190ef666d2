"""The states of a state machine that run ECS tasks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from policies.model import UNKNOWN
from policies.rules.dlq.states import states

RUN_TASK = re.compile(r"arn:[^:]*:states:::(aws-sdk:)?ecs:runTask(\..*)?")


def tasks(definition: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Name and arguments of each state that runs an ECS task or may do so, also inside Map and Parallel states."""
    for state in states(definition):
        if state.body is UNKNOWN or state.body.get("Resource") is UNKNOWN:
            yield state.name, UNKNOWN
        elif isinstance(state.body.get("Resource"), str) and RUN_TASK.fullmatch(state.body["Resource"]):
            # JSONata has Arguments, JSONPath has Parameters.
            yield state.name, state.body.get("Arguments", state.body.get("Parameters"))
