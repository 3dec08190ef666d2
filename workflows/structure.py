"""Whether a definition in Amazon States Language holds together, as AWS asks when a state machine is made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from workflows.definition import leads

LONGEST_NAME = 80
TYPES = ("Choice", "Fail", "Map", "Pass", "Succeed", "Task")
ENDS = ("Fail", "Succeed")


def faults(definition: Mapping[str, Any], place: str = "") -> list[str]:
    """What is wrong, each with the state that it is about. place: what to put before a state's name."""
    states, start = definition.get("States", {}), definition.get("StartAt")
    found = [] if start in states else [f"{place}StartAt is {start!r}, which is no state"]
    found += [fault for name, state in states.items() for fault in _of_state(f"{place}{name}", name, state, states)]
    reached = {start} | {target for state in states.values() for target in leads(state)}
    found += [f"{place}{name}: nothing leads to it" for name in states if name not in reached]
    if not any(state.get("End") or state.get("Type") in ENDS for state in states.values()):
        found.append(f"{place}no state is an end")
    return found


def _of_state(place: str, name: str, state: Mapping[str, Any], states: Mapping[str, Any]) -> Iterator[str]:
    kind = state.get("Type")
    if kind not in TYPES:
        yield f"{place}: has the type {kind!r}"
    if len(name) > LONGEST_NAME:
        yield f"{place}: its name has more than {LONGEST_NAME} characters"
    for target in leads(dict(state)):
        if target not in states:
            yield f"{place}: leads to {target!r}, which is no state"
    ways = [key for key in ("Next", "End") if key in state]
    if kind in ("Map", "Pass", "Task") and len(ways) != 1:
        yield f"{place}: must have either Next or End"
    if kind in (*ENDS, "Choice") and ways:
        yield f"{place}: a {kind} state has no {ways[0]}"
    if kind == "Choice" and not state.get("Choices"):
        yield f"{place}: has no choices"
    if kind == "Map":
        yield from faults(state["ItemProcessor"], f"{place} / ")
