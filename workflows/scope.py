"""Which references a stage may have: to what certainly is there when it begins."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from workflows.model import (
    OVER_COUNT,
    OVER_ITEMS,
    OVER_PREFIX,
    Mistake,
    Path,
    Stage,
    Work,
    Workflow,
    nearest,
    stages_of,
)
from workflows.references import (
    ERROR_FIELDS,
    FAN_OUT_FIELDS,
    FIELDS,
    ITEM_FIELDS,
    REFERENCE,
    UNQUOTABLE,
    Reference,
    references,
)


def misreferences(workflow: Workflow, stage: Stage, path: Path, done: frozenset[str]) -> Iterator[Mistake]:
    """path: to the stage in workflow.yaml. done: stages that have succeeded whenever this one begins, and `error` if
    one always has failed."""
    yield from _of_work(workflow, stage, stage.work, path, done, in_item=stage.fan_out is not None)
    if stage.compensate:  # runs after a failure, and only if the stage has succeeded
        undoing = done | {stage.name, "error"}
        yield from _of_work(workflow, stage, stage.compensate, (*path, "compensate"), undoing, in_item=False)
    if stage.fan_out and isinstance(stage.fan_out.value, str):
        here = (*path, "fan_out", stage.fan_out.over)
        found = list(references(stage.fan_out.value, here))
        for reference in found:
            yield from _of_reference(workflow, stage, reference, done, in_item=False)
        if stage.fan_out.over == OVER_ITEMS and not (found and found[0].alone):
            yield Mistake(here, "must be a reference to a list, such as '${input.days}', and nothing else")


def _of_work(
    workflow: Workflow, stage: Stage, work: Work, path: Path, done: frozenset[str], *, in_item: bool
) -> Iterator[Mistake]:
    for reference in references(work.input, (*path, work.kind, "input")):
        yield from _of_reference(workflow, stage, reference, done, in_item=in_item)
        if any(UNQUOTABLE.search(text) for text in _beside(work.input, reference.path[len(path) + 2 :])):
            yield Mistake(reference.path, "has one of ' { } \\ beside a reference, where they cannot stand")
        inside = reference.path[len(path) + 2 :]
        first = next((n for n, part in enumerate(inside) if isinstance(part, int)), None)
        if first is not None and first != len(inside) - 1:
            yield Mistake(reference.path, "is a reference deeper inside a list; only the list's own items may be some")


def _beside(input: Any, path: Path) -> list[str]:
    """The text around the references of a value, and of the list that it is in."""
    holder: Any = None
    for part in path:
        holder, input = input, input[part]
    values = holder if isinstance(holder, list) else [input]
    return [piece for value in values if isinstance(value, str) for piece in REFERENCE.split(value)[::2]]


def _of_reference(
    workflow: Workflow, stage: Stage, reference: Reference, done: frozenset[str], *, in_item: bool
) -> Iterator[Mistake]:
    wrong, right = _judged(workflow, stage, reference, done, in_item=in_item)
    if wrong:
        yield Mistake(reference.path, f"${{{reference.text}}} {wrong}", right)


def _judged(
    workflow: Workflow, stage: Stage, reference: Reference, done: frozenset[str], *, in_item: bool
) -> tuple[str, str]:
    """What is wrong, and what would be right; both empty if nothing is."""
    first, rest = reference.first, reference.rest
    if not reference.well_formed:
        return "is no reference", "write for example ${input.name} or ${stage.prefix}"
    if first == "input":
        return _input(workflow, rest)
    if first == "run":
        return ("is text and has no parts", "") if rest else ("", "")
    if first in ("item", "index"):
        return _item(stage, first, rest) if in_item else ("has a meaning only in the work of a fan-out's pieces", "")
    if first == "error":
        if "error" not in done:
            return "is there only in a stage that no success leads to, and in 'compensate'", ""
        return _field(rest, tuple(ERROR_FIELDS))
    known = stages_of(workflow)
    if first not in known:
        return "refers to a stage that does not exist", nearest(first, [*known, "input", "run"])
    if first not in done:
        return f"refers to stage '{first}', which need not have succeeded before", ""
    other = known[first]
    if not other.work.name:
        return "", ""
    fields = FAN_OUT_FIELDS if other.fan_out else FIELDS[other.work.kind]
    if rest[:1] == ("result",) and "result" in fields:
        return "", ""  # what a result holds is its worker's business
    return _field(rest, fields)


def _field(rest: tuple[str, ...], fields: tuple[str, ...]) -> tuple[str, str]:
    if len(rest) == 1 and rest[0] in fields:
        return "", ""
    return "is nothing that is left there", nearest(".".join(rest), fields)


def _input(workflow: Workflow, rest: tuple[str, ...]) -> tuple[str, str]:
    schema = workflow.input
    if not schema:
        return "", ""
    for depth, name in enumerate(rest):
        properties = schema.get("properties") or {}
        if name not in properties:
            if not properties and depth:
                return "", ""  # a part that the schema does not describe
            return "is not described by the workflow's input", nearest(name, properties)
        required = name in schema.get("required", ())
        schema = properties[name]
        if not required and (depth or "default" not in schema):
            return "may be missing from the input", f"list '{name}' under 'required', or give it a default"
    return "", ""


def _item(stage: Stage, first: str, rest: tuple[str, ...]) -> tuple[str, str]:
    assert stage.fan_out is not None
    over = stage.fan_out.over
    if first == "index" or over == OVER_COUNT:
        return ("is a number and has no parts", "") if rest else ("", "")
    if over == OVER_PREFIX:
        return _field(rest, tuple(ITEM_FIELDS))
    return "", ""
