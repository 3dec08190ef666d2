"""Runs rules on resources so that a fault in one is a finding and hides no other."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from policies.model import Config, Finding, Resource, ResourceRule, Rule, Stack, StackRule, refuse


@dataclass(frozen=True)
class Told:
    """A finding, and the rule that has it."""

    rule: Rule
    finding: Finding


def evaluate(
    rules: Iterable[Rule],
    inputs: Sequence[Resource],
    outputs: Sequence[Resource],
    config: Mapping[str, Config],
) -> list[Told]:
    """What the rules say of a stack, as the engine would have them say it.

    inputs, outputs: the stack's resources with what goes into them and with what comes out.
    config: parameters of every rule by its id, defaults included.
    """
    stack, told = Stack(outputs), []
    for rule in rules:
        if isinstance(rule, StackRule):
            told += [Told(rule, finding) for finding in judge_in_stack(rule, stack, config[rule.id])]
        elif isinstance(rule, ResourceRule):
            mine = [resource for resource in inputs if resource.type in rule.types]
            told += [Told(rule, finding) for resource in mine for finding in judge(rule, resource, config[rule.id])]
    return told


def judge(rule: ResourceRule, resource: Resource, config: Config) -> list[Finding]:
    """Findings of a resource rule on a resource of one of its types."""
    return _guarded(rule, resource, lambda: rule.check(resource, config))


def judge_in_stack(rule: StackRule, stack: Stack, config: Config) -> list[Finding]:
    """Findings of a stack rule on every resource of its types."""
    return [
        finding
        for resource in stack.of_type(*rule.types)
        for finding in _guarded(rule, resource, lambda resource=resource: rule.check(resource, stack, config))
    ]


def fault(rule: Rule, resource: Resource, error: Exception) -> Finding:
    """A rule that fails refuses: nothing shows that the resource complies.

    Names the place and the kind of the error and not its text, which may hold a property's value.
    """
    frame = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{type(error).__name__} in {Path(frame.filename).name}, line {frame.lineno}"
    return refuse(resource, f"could not be judged: {rule.id} failed ({place}). Please report this fault in the rule.")


def _guarded(rule: Rule, resource: Resource, check: Callable[[], Iterable[Finding]]) -> list[Finding]:
    findings: list[Finding] = []
    try:
        for finding in check():  # one by one: what was found before a fault still counts
            findings.append(finding)
    except Exception as error:  # whatever a rule raises, the other rules still have to speak
        findings.append(fault(rule, resource, error))
    return findings
