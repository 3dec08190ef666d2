"""Stacks that comply, broken in every way that the rules name: exactly the right rule speaks."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest
from mutation import Break, World, breaks
from rule_cases import BY_ID

from components.stackfile import engine_config
from policies.rules import RULES
from policies.settings import load
from sandbox.invented import Invented
from sandbox.plain import plain_resources
from sandbox.program import run

PROJECT = Path(__file__).parents[2]
STACKS = ("dev", "staging", "prod")
PHASES = ("preview", "update")
GROUPS = {stack: pytest.mark.xdist_group(f"mutation of {stack}") for stack in STACKS}  # each is declared once
BREAKS = list(breaks())


@cache
def world(stack: str, phase: str) -> World:
    config = engine_config(PROJECT, stack)
    recorded = run(PROJECT, stack, config, Invented(config["aws:region"]), preview=phase == "preview").resources
    inputs, outputs = plain_resources(recorded)
    return World(stack, phase, inputs, outputs, load(stack).parameters())


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("stack", [pytest.param(stack, marks=GROUPS[stack]) for stack in STACKS])
def test_nothing_is_said_of_a_stack_as_it_is(stack: str, phase: str) -> None:
    assert world(stack, phase).complaints(RULES) == []


def test_every_component_is_in_a_stack_that_is_judged() -> None:
    """So that what a component declares by default is known to comply; one that is new belongs into a stack."""
    written = "".join(file.read_text(encoding="utf-8") for file in (PROJECT / "components").glob("*.py"))
    components = set(re.findall(r'"(serverless-batch:\w+:\w+)"', written))
    judged = {resource.type for stack in STACKS for resource in world(stack, "update").inputs}
    assert components and components - judged == set()


@pytest.mark.parametrize("one", BREAKS, ids=str)
@pytest.mark.parametrize("stack", [pytest.param(stack, marks=GROUPS[stack]) for stack in STACKS])
def test_wherever_a_stack_is_broken_exactly_the_right_rule_speaks(stack: str, one: Break) -> None:
    wrong = []
    for phase in filter(one.seen_at, PHASES):
        before = world(stack, phase)
        for place, changed, urn in one.made(before):
            said = before.speakers(RULES, changed, urn)
            if one.rule not in said or not said <= one.allowed:
                wrong.append(f"{phase}, {place}: {', '.join(sorted(said)) or 'nothing'}")
    assert wrong == []


@pytest.mark.parametrize("one", BREAKS, ids=str)
def test_every_break_can_be_made_somewhere(one: Break) -> None:
    assert any(True for stack in STACKS for _ in one.made(world(stack, "update")))


@pytest.mark.parametrize("rule", BY_ID)
def test_every_rule_names_how_it_is_broken(rule: str) -> None:
    assert any(one.rule == rule for one in BREAKS), f"cases/{rule}/breaks.yaml"
