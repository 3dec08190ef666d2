"""`sfn-retry-catch`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from policies.model import (
    UNKNOWN,
    Config,
    Finding,
    Level,
    Resource,
    ResourceRule,
    Severity,
    Unknown,
    refuse,
    unsettled,
)
from policies.rules.dlq.states import MACHINE, MACHINE_COMPONENT, states
from policies.values import as_list, number, parse_json

SHOWN = 5  # names in a message
# A Map state that bears failures of its items goes on without a Catch.
BEARS = (
    "ToleratedFailurePercentage", "ToleratedFailurePercentagePath", "ToleratedFailureCount", "ToleratedFailureCountPath"
)  # fmt: skip


def check(resource: Resource, _config: Config) -> Iterable[Finding]:
    definition = parse_json(resource.get("definition"))
    if definition is UNKNOWN:
        if resource.parent_type != MACHINE_COMPONENT:
            yield unsettled(resource, "its definition")
        return
    if not isinstance(definition, Mapping):
        yield refuse(resource, "has a definition that is no JSON object.")
        return
    unretried, uncaught, is_open = [], [], False
    found = list(states(definition))
    # What is done about an error may fail in its turn; there an end has to be.
    handlers = {one.get("Next") for state in found for one in _catchers(state.body) if isinstance(one, Mapping)}
    for state in found:
        kind = state.body if state.body is UNKNOWN else state.body.get("Type")
        if kind is UNKNOWN:
            is_open = True
        elif kind == "Task":
            retried, caught = _any(state.has("Retry"), _tries), _any(state.has("Catch"), _catches)
            is_open |= UNKNOWN in (retried, caught)
            unretried += [state.name] if retried is False else []
            borne = state.name in handlers or any(map(_bears, state.around))
            uncaught += [state.name] if caught is False and not borne else []
    if is_open:
        yield unsettled(resource, "how some of its states deal with errors")
    if unretried:
        yield refuse(
            resource,
            f"fails at the first error of {_named(unretried)}, also at one that would be over in a second. Give each a "
            "Retry.",
        )
    if uncaught:
        yield refuse(
            resource,
            f"does nothing about an error of {_named(uncaught)}: the execution ends there, with what it has begun. "
            "Give each, or the Map or Parallel state around it, a Catch that undoes or tells.",
        )


def _catchers(body: Any) -> list[Any]:
    return as_list(body.get("Catch")) if isinstance(body, Mapping) else []


def _any(values: Sequence[Any], applies: Any) -> bool | Unknown:
    found = [UNKNOWN if one is UNKNOWN else applies(one) for value in values for one in as_list(value)]
    return True if True in found else UNKNOWN if UNKNOWN in found else False


def _tries(retrier: Any) -> bool:
    return isinstance(retrier, Mapping) and number(retrier.get("MaxAttempts", 3)) != 0


def _catches(catcher: Any) -> bool:
    return isinstance(catcher, Mapping) and bool(catcher)


def _bears(around: Mapping[str, Any]) -> bool:
    return any(around.get(name) not in (None, 0) for name in BEARS)


def _named(names: Sequence[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:SHOWN])
    return f"{shown} and {len(names) - SHOWN} more" if len(names) > SHOWN else shown


RULE = ResourceRule(
    id="sfn-retry-catch",
    theme="dlq",
    description="A state machine tries again what failed for a moment, and does something about what failed for good.",
    why="Step Functions tries nothing again by itself: a throttled call ends an execution that has run for hours. And "
    "without a Catch nothing is undone, and nobody is told.",
    steps="Give every Task state of the `definition` `Retry`, with the service's passing errors, and `Catch` for "
    "States.ALL. Those of a Map or Parallel state count for all that is in it.",
    unknown="Advises at preview when the definition, or how a state deals with errors, is unknown; settled at update. "
    f"Below a {MACHINE_COMPONENT} the definition is read from the component, where values alone are unknown.",
    severity=Severity.LOW,
    level=Level.ADVISORY,
    types=frozenset({MACHINE, MACHINE_COMPONENT}),
    check=check,
)
