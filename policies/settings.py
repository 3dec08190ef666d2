"""A stack's configuration of the rules: `config/<stack>.json`, in the form that `--policy-pack-config` takes."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jsonschema

from policies import exemptions
from policies.exemptions import Exemption
from policies.model import EXEMPT, EXEMPT_IN_STACK, STALE_EXEMPTION, UNSETTLED, UNSETTLED_IN_STACK, Level, Rule
from policies.rules import RULES
from policies.words import nearest

FOLDER = Path(__file__).parent / "config"
ALL = "all"  # the engine's word for the level of every rule
LEVEL = "enforcementLevel"
EXEMPTIONS = "exemptions"
VARIABLE = "POLICIES_CONFIG"  # a folder of other stacks' files, for programs that are not this one
TELLING = (UNSETTLED, UNSETTLED_IN_STACK, EXEMPT, EXEMPT_IN_STACK, STALE_EXEMPTION)
"""Policies that are no rules."""


class ConfigError(ValueError):
    """The configuration of the rules cannot be used; the text names the file and everything that is wrong in it."""


@dataclass(frozen=True)
class StackConfig:
    """rules: by id the level, or an object of `enforcementLevel` and parameters."""

    rules: Mapping[str, Any] = field(default_factory=dict)
    exemptions: tuple[Exemption, ...] = ()

    def parameters(self) -> dict[str, dict[str, Any]]:
        """Of every rule, defaults included."""
        return {rule.id: {**rule.defaults, **self._given(rule.id)} for rule in RULES}

    def levels(self) -> dict[str, Level]:
        """Of every rule."""
        everywhere = self.rules.get(ALL)
        return {rule.id: Level(self.entry(rule.id).get(LEVEL, everywhere or rule.level)) for rule in RULES}

    def entry(self, rule: str) -> Mapping[str, Any]:
        """Level and parameters, as far as they are given."""
        entry = self.rules.get(rule, {})
        return {LEVEL: entry} if isinstance(entry, str) else entry

    def _given(self, rule: str) -> dict[str, Any]:
        return {name: value for name, value in self.entry(rule).items() if name != LEVEL}


def load(stack: str, folder: Path | None = None) -> StackConfig:
    """What the stack's file says, in `folder` or where the environment points. Without a file, every default.

    Raises ConfigError: the engine itself ignores what it does not know, a misspelt rule or parameter too.
    """
    folder = folder or Path(os.environ.get(VARIABLE) or FOLDER)
    if not folder.is_dir():
        raise ConfigError(f"{folder}: there is no such folder, from which to read {stack}.json")
    file = folder / f"{stack}.json"
    if not file.exists():
        return StackConfig()
    try:
        config = json.loads(file.read_text(encoding="utf-8"), object_pairs_hook=_once_each)
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"{file}: not readable as JSON: {error}") from error
    problems = list(_problems(config))
    entries = config.pop(EXEMPTIONS, []) if isinstance(config, dict) else []
    found, wrong = exemptions.read(entries, (rule.id for rule in RULES))
    problems += [f"  {text}" for text in wrong]
    if problems:
        raise ConfigError("\n".join([f"{file}: the rules cannot be configured like this", *problems]))
    return StackConfig(config, tuple(found))


def initial_config(config: StackConfig, rules: Iterable[Rule] = RULES) -> dict[str, Any]:
    """The same of these rules for `PolicyPack(initial_config=...)`.

    Every policy gets a level: the engine reads one that is not given as "advisory".
    """
    everywhere = config.rules.get(ALL)
    return {
        name: {LEVEL: everywhere or default, **config.entry(name)}
        for name, default in [
            *((rule.id, rule.level.value) for rule in rules),
            *((name, Level.ADVISORY.value) for name in TELLING),
        ]
    }


def _once_each(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Of a key that is there twice, JSON would leave the first out without a word."""
    twice = [key for key, count in Counter(key for key, _ in pairs).items() if count > 1]
    if twice:
        raise ValueError(f"{', '.join(twice)}: written more than once")
    return dict(pairs)


def _problems(config: Any) -> Iterable[str]:
    if not isinstance(config, Mapping):
        yield "  must be an object of rules"
        return
    parameters: dict[str, Iterable[str]] = dict.fromkeys(TELLING, ())
    parameters |= {rule.id: rule.parameters for rule in RULES}
    for name, entry in config.items():
        if name == EXEMPTIONS:
            continue
        if name == ALL or isinstance(entry, str):
            yield from _level(name, entry)
        if name != ALL and name not in parameters:
            yield f"  {name}: there is no such rule{nearest(name, [*parameters, EXEMPTIONS])}"
            continue
        if isinstance(entry, str) or name == ALL:
            continue
        if not isinstance(entry, Mapping):
            yield f"  {name}: must be a level or an object of parameters"
            continue
        for key, value in entry.items():
            if key == LEVEL:
                yield from _level(f"{name}.{key}", value)
            elif key not in parameters[name]:
                yield f"  {name}.{key}: there is no such parameter{nearest(key, [*parameters[name], LEVEL])}"
            else:
                yield from _value(name, key, value)


def _value(rule: str, parameter: str, value: Any) -> Iterable[str]:
    [schema] = [one.parameters[parameter] for one in RULES if one.id == rule]
    for error in jsonschema.Draft7Validator(schema).iter_errors(value):
        yield f"  {rule}.{'.'.join([parameter, *map(str, error.absolute_path)])}: {error.message}"


def _level(where: str, value: Any) -> Iterable[str]:
    levels = [level.value for level in Level]
    if value not in levels:
        yield f"  {where}: {value!r} is no level; the levels are {', '.join(levels)}"
