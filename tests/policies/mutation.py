"""Breaks a stack that complies, in every way that a rule names: `cases/<rule>/breaks.yaml`.

    - name: no dead-letter queue
      of: aws:sqs/queue:Queue            # type of the resources that it can be done to, also a pattern
      named: "*"                         # pattern of their logical names; may be left out
      where: {redrivePolicy: "*"}        # path → pattern of the text there; "*" is that there is something
      remove: [redrivePolicy]            # paths; or
      set: {fifoQueue: true}             # path → value; or
      drop: true                         # the resource is not there at all; or
      add: {type: …, name: …, props: {…}}   # once a stack, a resource that is not there
      also: [dlq-alarm]                  # other rules that have to say, or may have to say, something, too
      only: update                       # the only phase in which it can be seen; why: in words

A path is keys and list places with dots between: `spec.template`, `rules.0`; `*` is each of them, one at a time. After
`!` it goes on in the JSON text that stands there: `policy!Statement.*.Action`.

Where a value on the path is not known at preview, the break cannot be made there; it must be possible at update.
"""

from __future__ import annotations

import copy
import fnmatch
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rule_cases import CASES, read

from policies.evaluation import evaluate, judge, judge_in_stack
from policies.model import UNKNOWN, Resource, ResourceRule, Rule, Stack, StackRule

Path = tuple[str | int, ...]
JSON = "!"  # the step from a text into the JSON that it is


@dataclass(frozen=True)
class World:
    """A stack in one phase: what goes into its resources, and what comes out."""

    name: str
    phase: str
    inputs: Sequence[Resource]
    outputs: Sequence[Resource]
    config: Mapping[str, Mapping[str, Any]]

    def speakers(self, rules: Sequence[Rule], changed: Resource | None, urn: str) -> set[str]:
        """Ids of the rules that say something once the resource with this URN is another, or none any more.

        Only the other one is judged by itself, as nothing has been said of the rest; the stack is as a whole.
        """
        outputs = [one for one in self.outputs if one.urn != urn]
        if changed is not None:
            outputs.append(replace(changed, props=self._added(urn) | changed.props if _is_made(changed) else {}))
        stack, told = Stack(outputs), set[str]()
        for rule in rules:
            if isinstance(rule, StackRule) and judge_in_stack(rule, stack, self.config[rule.id]):
                told.add(rule.id)
            if isinstance(rule, ResourceRule) and changed is not None and changed.type in rule.types:
                told |= {rule.id for _ in judge(rule, changed, self.config[rule.id])}
        return told

    def _added(self, urn: str) -> dict[str, Any]:
        """What the provider adds to the resource's inputs."""
        given = next((one.props for one in self.inputs if one.urn == urn), {})
        known = next((one.props for one in self.outputs if one.urn == urn), {})
        return {key: value for key, value in known.items() if key not in given}

    def complaints(self, rules: Sequence[Rule]) -> list[str]:
        """What is said of the stack as it is."""
        told = evaluate(rules, self.inputs, self.outputs, self.config)
        return [f"{one.rule.id}: {one.finding.message}" for one in told if one.finding.settled]


def _is_made(resource: Resource) -> bool:
    """Whether a provider makes it; a component hands out nothing."""
    return resource.type.startswith(("aws:", "awsx:", "kubernetes:", "pulumi:"))


@dataclass(frozen=True)
class Break:
    rule: str
    name: str
    given: Mapping[str, Any]

    def __str__(self) -> str:
        return f"{self.rule}: {self.name}"

    @property
    def allowed(self) -> set[str]:
        return {self.rule, *self.given.get("also", ())}

    def seen_at(self, phase: str) -> bool:
        return self.given.get("only", phase) == phase

    def made(self, world: World) -> Iterator[tuple[str, Resource | None, str]]:
        """Where it is made, the resource as it is then, and the URN of the one that it stands for."""
        if added := self.given.get("add"):
            urn = f"urn:pulumi:{world.name}::p::{added['type']}::{added['name']}"
            yield added["name"], Resource(urn, added["type"], added["name"], added.get("props", {})), urn
            return
        for resource in world.inputs:
            if self._can_be_done_to(resource):
                for place, changed in self._changed(resource):
                    yield f"{resource.name} {place}", changed, resource.urn

    def _can_be_done_to(self, resource: Resource) -> bool:
        if not fnmatch.fnmatchcase(resource.type, self.given["of"]):
            return False
        if not fnmatch.fnmatchcase(resource.name, self.given.get("named", "*")):
            return False
        return all(
            any(fnmatch.fnmatchcase(_text(value), pattern) for _, value in _found(resource.props, path))
            for path, pattern in self.given.get("where", {}).items()
        )

    def _changed(self, resource: Resource) -> Iterator[tuple[str, Resource | None]]:
        if self.given.get("drop"):
            yield "", None
            return
        removed, values = self.given.get("remove", ()), self.given.get("set", {})
        if len(removed) + len(values) == 1:  # each place that the path leads to, one at a time
            [path] = [*removed, *values]
            places = [place for place, _ in _found(resource.props, path)] if removed else _places(resource.props, path)
            for place in places:
                props = _edited(resource.props, place, remove=bool(removed), value=values.get(path))
                yield ".".join(map(str, place)), replace(resource, props=props)
            return
        props: Any = resource.props
        for path in removed:
            for place, _ in _found(props, path):
                props = _edited(props, place, remove=True, value=None)
        for path, value in values.items():
            for place in _places(props, path):
                props = _edited(props, place, remove=False, value=value)
        if props != resource.props:
            yield "", replace(resource, props=props)


def breaks() -> Iterator[Break]:
    for folder in sorted(CASES.iterdir()):
        file = folder / "breaks.yaml"
        for one in (read(file) or []) if file.exists() else []:
            yield Break(folder.name, one["name"], one)


def _steps(path: str) -> list[str]:
    return [step for part in path.replace("!", ".!.").split(".") if (step := part)]


def _found(value: Any, path: str) -> Iterator[tuple[Path, Any]]:
    """Places that are there and known, with their values."""
    yield from _walk(value, _steps(path), ())


def _walk(value: Any, steps: Sequence[str], at: Path) -> Iterator[tuple[Path, Any]]:
    if value is UNKNOWN:
        return
    if not steps:
        yield at, value
        return
    step, rest = steps[0], steps[1:]
    if step == JSON:
        inner = _parsed(value)
        if inner is not None:
            yield from _walk(inner, rest, (*at, JSON))
    elif isinstance(value, Mapping):
        for key in list(value) if step == "*" else [step]:
            if key in value:
                yield from _walk(value[key], rest, (*at, key))
    elif isinstance(value, list):
        for index in range(len(value)) if step == "*" else [int(step)] if step.isdigit() else []:
            if index < len(value):
                yield from _walk(value[index], rest, (*at, index))


def _places(value: Any, path: str) -> Iterator[Path]:
    """Places at which something can be set: what they are in is there and known."""
    steps = _steps(path)
    if steps[-1] == "*":
        yield from (place for place, _ in _walk(value, steps, ()))
        return
    last: str | int = int(steps[-1]) if steps[-1].isdigit() else steps[-1]
    for place, inner in _walk(value, steps[:-1], ()):
        if (isinstance(inner, Mapping) and inner.get(str(last)) is not UNKNOWN) or isinstance(inner, list):
            yield (*place, last)


def _edited(container: Any, place: Path, *, remove: bool, value: Any) -> Any:
    """The same with one place set or removed; what it was is left as it is."""
    step, rest = place[0], place[1:]
    if step == JSON:
        return json.dumps(_edited(_parsed(container), rest, remove=remove, value=value))
    result: Any = copy.copy(container)
    if rest:
        result[step] = _edited(container[step], rest, remove=remove, value=value)
    elif remove:
        del result[step]
    else:
        result[step] = value
    return result


def _parsed(value: Any) -> Any:
    try:
        return json.loads(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)
