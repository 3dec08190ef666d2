"""What is wrong with a workflow whose form is right: its stages' order, their workers, what they refer to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any

from workflows.model import Mistake, Path, Runner, Stage, Work, Workflow, following, nearest, stages_of
from workflows.references import RESERVED
from workflows.scope import misreferences

KINDS = {"batch": "a Batch worker", "task": "a worker with trigger 'api' or 'schedule'", "function": "a function"}


def mistakes(workflow: Workflow, runners: Mapping[str, Runner], *, partial: bool = False) -> list[Mistake]:
    """Everything, each with the path to it.

    runners: the stack's workers, by name. partial: there are stages that could not be read, whose work has no name,
    and perhaps without a name of their own, so that nothing can be said of the order.
    """
    found = [*_names(workflow), *_works(workflow, runners), *_timeouts(workflow)]
    leads = list(_leads(workflow))
    ordered = not (partial or leads or any(mistake.path[-1:] == ("name",) for mistake in found))
    found += leads
    # Without an order every stage counts as done before every other.
    names = [stage.name for stage in workflow.stages]
    done = dict.fromkeys(names, frozenset([*names, "error"]))
    if ordered:
        edges = _edges(workflow)
        found += _unreachable(workflow, edges)
        try:
            order = list(TopologicalSorter({name: set(before) for name, before in edges.items()}).static_order())
            done = _done(order, edges)
        except CycleError as error:
            circle = list(reversed(error.args[1]))
            found.append(Mistake(_path(workflow, circle[0]), f"is part of a circle: {' → '.join(circle)}"))
    for number, stage in enumerate(workflow.stages):
        found += misreferences(workflow, stage, ("stages", number), done[stage.name])
    return found


def _names(workflow: Workflow) -> Iterator[Mistake]:
    seen: dict[str, int] = {}
    for number, stage in enumerate(workflow.stages):
        path: Path = ("stages", number, "name")
        if not stage.name:
            continue
        if stage.name in seen:
            yield Mistake(path, f"'{stage.name}' is also the name of stage {seen[stage.name] + 1}")
        elif stage.name in RESERVED:
            yield Mistake(path, f"'{stage.name}' is what references call something else; choose another name")
        seen.setdefault(stage.name, number)


def _timeouts(workflow: Workflow) -> Iterator[Mistake]:
    for number, stage in enumerate(workflow.stages):
        if stage.timeout and stage.timeout > workflow.timeout:
            yield Mistake(("stages", number, "timeout"), "is longer than the workflow's own timeout")


def _works(workflow: Workflow, runners: Mapping[str, Runner]) -> Iterator[Mistake]:
    for number, stage in enumerate(workflow.stages):
        yield from _work(stage.work, ("stages", number), runners)
        if stage.compensate:
            yield from _work(stage.compensate, ("stages", number, "compensate"), runners)


def _work(work: Work, path: Path, runners: Mapping[str, Runner]) -> Iterator[Mistake]:
    if work.kind == "function":
        return
    here, fit = (*path, work.kind, "worker"), [name for name, one in runners.items() if one.kind == work.kind]
    if work.name not in runners:
        yield Mistake(here, f"'{work.name}' is not a worker of this stack", nearest(work.name, fit))
    elif work.name not in fit:
        other = runners[work.name].kind
        yield Mistake(here, f"'{work.name}' is not {KINDS[work.kind]}", f"write '{other}' instead of '{work.kind}'")
    else:
        yield from _keys(work, (*path, work.kind, "input"), runners[work.name].input)


def _keys(work: Work, path: Path, schema: Mapping[str, Any]) -> Iterator[Mistake]:
    """Of the input's own keys, those that the worker does not know or misses; the values may be known only later."""
    properties = schema.get("properties", {})
    if schema.get("additionalProperties") is False:
        for key in work.input:
            if key not in properties:
                yield Mistake((*path, key), f"is nothing that {work.name} takes", nearest(key, properties))
    for key in schema.get("required", ()):
        if key not in work.input:
            yield Mistake(path, f"has no '{key}', which {work.name} needs")


def _leads(workflow: Workflow) -> Iterator[Mistake]:
    """Stages that lead to none that exists."""
    known = stages_of(workflow)
    for number, stage in enumerate(workflow.stages):
        for key in ("next", "catch"):
            target = getattr(stage, key)
            if target is None:
                continue
            if target == stage.name:
                yield Mistake(("stages", number, key), "leads to the stage itself")
            elif target not in known:
                wrong = f"leads nowhere: there is no stage '{target}'"
                yield Mistake(("stages", number, key), wrong, nearest(target, set(known) - {stage.name}))


def _edges(workflow: Workflow) -> dict[str, dict[str, bool]]:
    """Stage → those that it may come after, and whether after their success (or after their failure)."""
    after = following(workflow)
    edges: dict[str, dict[str, bool]] = {stage.name: {} for stage in workflow.stages}
    for stage in workflow.stages:
        if stage.catch:
            edges[stage.catch][stage.name] = False
    for name, target in after.items():
        if target:  # a stage that follows another either way can rely on neither
            edges[target].setdefault(name, True)
    return edges


def _unreachable(workflow: Workflow, edges: Mapping[str, Mapping[str, bool]]) -> Iterator[Mistake]:
    first = workflow.stages[0].name
    reached, waiting = {first}, [first]
    while waiting:
        here = waiting.pop()
        found = {name for name, before in edges.items() if here in before} - reached
        reached |= found
        waiting += found
    for number, stage in enumerate(workflow.stages):
        if stage.name not in reached:
            yield Mistake(("stages", number), "no way leads to it, by the order of the list, 'next' or 'catch'")


def _done(order: list[str], edges: Mapping[str, Mapping[str, bool]]) -> dict[str, frozenset[str]]:
    """Stage → what has succeeded before it, whichever way it was reached; `error` if a failure always led to it."""
    done: dict[str, frozenset[str]] = {}
    for name in order:
        ways = [done[before] | ({before} if succeeded else {"error"}) for before, succeeded in edges[name].items()]
        done[name] = frozenset.intersection(*ways) if ways else frozenset()
    return done


def _path(workflow: Workflow, name: str) -> Path:
    return "stages", [stage.name for stage in workflow.stages].index(name)


def in_order(workflow: Workflow) -> list[Stage]:
    """The stages of a workflow without mistakes, each after those that it may follow."""
    known = stages_of(workflow)
    waits = {name: set(before) for name, before in _edges(workflow).items()}
    return [known[name] for name in TopologicalSorter(waits).static_order()]
