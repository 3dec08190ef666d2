"""How an execution begins: its input with the defaults, refused by name if a part of it is missing or no such thing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workflows.model import Workflow

State = dict[str, Any]
TESTS = {"string": "IsString", "number": "IsNumeric", "integer": "IsNumeric", "boolean": "IsBoolean"}


@dataclass(frozen=True)
class BadInputStates:
    """Names of the states."""

    begin: str = "Begin"
    merge: str = "Take defaults"
    check: str = "Check input"
    refuse: str = "Refuse input"


def opening(workflow: Workflow, first: str, names: BadInputStates) -> dict[str, State]:
    """The states before the first stage, whose state is `first`. A state machine knows no JSON Schema, so what is
    looked at are the input's own fields; the workers look at the rest."""
    properties: Mapping[str, Any] = workflow.input.get("properties", {})
    defaults = {name: one["default"] for name, one in properties.items() if "default" in one}
    needed = [name for name in properties if name in workflow.input.get("required", ()) or name in defaults]
    then = names.check if needed else first
    carried: dict[str, Any] = {"run.$": "$$.Execution.Name", "stages": {}, "undoing": {}}
    if not defaults:
        begin = {"Type": "Pass", "Parameters": {"input.$": "$$.Execution.Input", **carried}, "Next": then}
        states: dict[str, State] = {names.begin: begin}
    else:
        given = {"given.$": "$$.Execution.Input", "defaults": defaults}
        merged = "States.JsonMerge($.defaults, $.given, false)"
        states = {
            names.begin: {"Type": "Pass", "Parameters": given, "Next": names.merge},
            names.merge: {"Type": "Pass", "Parameters": {"input.$": merged, **carried}, "Next": then},
        }
    if needed:
        tests = [test for name in needed for test in _tests(name, properties[name])]
        states[names.check] = {"Type": "Choice", "Choices": [{"And": tests, "Next": first}], "Default": names.refuse}
        told = ", ".join(_told(name, properties[name]) for name in needed)
        states[names.refuse] = {"Type": "Fail", "Error": "BadInput", "Cause": f"The input must have {told}."}
    return states


def _tests(name: str, schema: Mapping[str, Any]) -> list[dict[str, Any]]:
    variable = f"$.input.{name}"
    tests: list[dict[str, Any]] = [{"Variable": variable, "IsPresent": True}]
    if (kind := _kind(schema)) in TESTS:
        tests.append({"Variable": variable, TESTS[kind]: True})
    return tests


def _told(name: str, schema: Mapping[str, Any]) -> str:
    kind = _kind(schema)
    return f"{name} ({kind})" if kind else name


def _kind(schema: Mapping[str, Any]) -> str:
    kind = schema.get("type")
    return kind if isinstance(kind, str) else ""
