"""`${stage.field}` in a workflow's values, as the JSONPath of Amazon States Language.

What an execution carries with it: `input`, `run` (its name), `stages` (stage → what it left), `error` (of the stage
that failed last) and, for each piece of a fan-out, `item` and `index`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from workflows.model import Path

REFERENCE = re.compile(r"\$\{([^}]*)\}")
_NAMES = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")
RESERVED = ("input", "run", "item", "index", "error")
UNQUOTABLE = re.compile(r"['{}\\]")
"""What text beside a reference cannot have: the interpreters disagree on how it is written there."""
# What a stage leaves, by the kind of its work; `result` is read from the bucket where something asks for it.
FIELDS = {
    "batch": ("bucket", "prefix", "job", "result"),
    "task": ("bucket", "prefix", "result"),
    "function": ("result",),
}
FAN_OUT_FIELDS = ("bucket", "prefix")
ITEM_FIELDS = {"key": "Key", "size": "Size", "etag": "Etag"}  # of an object; as the list has them
VALUE = "value"  # a ResultSelector makes maps only, so a result is in one
ERROR_FIELDS = {"name": "Error", "cause": "Cause"}


@dataclass(frozen=True)
class Reference:
    """path: of the value that it stands in. first, rest: `a` and `b.c` of `${a.b.c}`. alone: it is the whole value."""

    path: Path
    text: str
    alone: bool

    @property
    def first(self) -> str:
        return self.text.split(".")[0]

    @property
    def rest(self) -> tuple[str, ...]:
        return tuple(self.text.split(".")[1:])

    @property
    def well_formed(self) -> bool:
        return _NAMES.fullmatch(self.text) is not None


def references(value: Any, path: Path = ()) -> Iterator[Reference]:
    """All in a value, with where they stand below `path`."""
    if isinstance(value, str):
        for match in REFERENCE.finditer(value):
            yield Reference(path, match[1], match[0] == value)
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from references(inner, (*path, key))
    elif isinstance(value, list | tuple):
        for number, inner in enumerate(value):
            yield from references(inner, (*path, number))


def jsonpath(reference: Reference, *, of_objects: bool = False) -> str:
    """of_objects: `item` is an object of a bucket."""
    first, rest = reference.first, reference.rest
    if first == "item" and of_objects and rest:
        rest = (ITEM_FIELDS[rest[0]],)
    elif first == "error" and rest:
        rest = (ERROR_FIELDS[rest[0]],)
    elif first not in RESERVED and rest[:1] == ("result",):
        rest = ("result", VALUE, *rest[1:])
    root = f"$.{first}" if first in RESERVED else f"$.stages.{first}"
    return ".".join((root, *rest))


def template(values: Mapping[str, Any], *, of_objects: bool = False) -> dict[str, Any]:
    """A map as a state's Parameters take it: a key whose value has references ends in `.$`."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        name, inner = entry(key, value, of_objects=of_objects)
        found[name] = inner
    return found


def entry(key: str, value: Any, *, of_objects: bool = False) -> tuple[str, Any]:
    """One key of Parameters with its value."""
    if isinstance(value, Mapping):
        return key, template(value, of_objects=of_objects)
    if isinstance(value, list | tuple) and any(references(value)):
        parts = ", ".join(expression(item, of_objects=of_objects) for item in value)
        return f"{key}.$", f"States.Array({parts})"
    if isinstance(value, str) and REFERENCE.search(value):
        return f"{key}.$", expression(value, of_objects=of_objects)
    return key, value


def expression(value: Any, *, of_objects: bool = False) -> str:
    """A text with references, or a plain value, as the right side of a `.$` or inside an intrinsic function."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return str(value)
    found = list(references(value))
    if found and found[0].alone:
        return jsonpath(found[0], of_objects=of_objects)
    if not found:
        return f"'{value}'"
    text = "{}".join(REFERENCE.split(value)[::2])  # what stands between the references
    return f"States.Format('{text}', {', '.join(jsonpath(one, of_objects=of_objects) for one in found)})"
