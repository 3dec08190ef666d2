"""The states of a state machine, those in Map and Parallel states included."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from policies.model import UNKNOWN
from policies.values import as_list

MACHINE = "aws:sfn/stateMachine:StateMachine"
# Our component hands the definition over as data, in which only some values are unknown at preview.
MACHINE_COMPONENT = "serverless-batch:workflow:StateMachine"


@dataclass(frozen=True)
class State:
    """body: its fields, or UNKNOWN. around: the Map and Parallel states that it is in, the innermost last."""

    name: str
    body: Any
    around: tuple[Mapping[str, Any], ...] = ()

    def has(self, name: str) -> Any:
        """Values of a field of the state itself and of those around it, which apply to all that is in them."""
        return [one.get(name) for one in (self.body, *self.around)]


def states(definition: Mapping[str, Any]) -> Iterator[State]:
    """In the order of the text, each before those in it."""
    waiting: list[tuple[Any, tuple[Mapping[str, Any], ...]]] = [(definition, ())]
    while waiting:
        machine, around = waiting.pop()
        if machine is UNKNOWN or (isinstance(machine, Mapping) and machine.get("States") is UNKNOWN):
            yield State("", UNKNOWN, around)
            continue
        named = machine.get("States") if isinstance(machine, Mapping) else None
        inner: list[tuple[Any, tuple[Mapping[str, Any], ...]]] = []
        for name, body in named.items() if isinstance(named, Mapping) else ():
            if body is UNKNOWN or isinstance(body, Mapping):
                yield State(str(name), body, around)
            if isinstance(body, Mapping):  # Iterator is what ItemProcessor was called
                parts = [body.get("ItemProcessor"), body.get("Iterator"), *as_list(body.get("Branches"))]
                inner += [(part, (*around, body)) for part in parts if part is not None]
        waiting += reversed(inner)
