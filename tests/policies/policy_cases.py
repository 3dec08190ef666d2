"""Resources as rules see them, for tests."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from policies.evaluation import judge, judge_in_stack
from policies.model import Finding, Resource, ResourceRule, Stack, StackRule
from policies.rules import BY_ID


def urn(type_: str, name: str, parent_type: str = "") -> str:
    return f"urn:pulumi:dev::p::{parent_type + '$' if parent_type else ''}{type_}::{name}"


def make(
    type_: str,
    name: str = "it",
    /,
    *,
    links: Mapping[str, Iterable[Resource]] | None = None,
    inside: str = "",
    **props: Any,
) -> Resource:
    """links: property → resources whose outputs it is made of. inside: type of the component around it."""
    dependencies = {key: frozenset(r.urn for r in resources) for key, resources in (links or {}).items()}
    return Resource(urn(type_, name, inside), type_, name, props, dependencies)


def findings(rule_id: str, *resources: Resource, **config: Any) -> list[Finding]:
    """What a rule says about these resources, with its defaults unless `config` says otherwise."""
    rule = BY_ID[rule_id]
    settings = rule.defaults | config
    if isinstance(rule, StackRule):
        return judge_in_stack(rule, Stack(resources), settings)
    assert isinstance(rule, ResourceRule)
    return [f for r in resources if r.type in rule.types for f in judge(rule, r, settings)]


def refused(rule_id: str, *resources: Resource, **config: Any) -> str:
    """The message of the only finding, which must be a refusal."""
    found = findings(rule_id, *resources, **config)
    assert [f.settled for f in found] == [True], found
    assert "failed (" not in found[0].message, found
    return found[0].message


def left_open(rule_id: str, *resources: Resource, **config: Any) -> str:
    """The message of the only finding, which must be left to the update."""
    found = findings(rule_id, *resources, **config)
    assert [f.settled for f in found] == [False], found
    return found[0].message


def passes(rule_id: str, *resources: Resource, **config: Any) -> None:
    assert findings(rule_id, *resources, **config) == []


def policy(*statements: Mapping[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
