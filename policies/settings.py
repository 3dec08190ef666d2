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
from policies.places import project_name
from policies.rules import BY_ID, RULES
from policies.words import nearest

FOLDER = Path(__file__).parent / "config"
ALL = "all"  # the engine's word for the level of every rule
LEVEL = "enforcementLevel"
EXEMPTIONS = "exemptions"
VARIABLE = "POLICIES_CONFIG"  # a folder of other stacks' files, for programs that are not this one
TELLING = (UNSETTLED, UNSETTLED_IN_STACK, EXEMPT, EXEMPT_IN_STACK)
"""Policies that are no rules: they tell at every run, and refuse nothing."""


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

    def level(self, rule: Rule) -> Level:
        return Level(self.entry(rule.id).get(LEVEL, self.rules.get(ALL) or rule.level))

    @property
    def level_of_stale_exemptions(self) -> Level:
        """A level for all is one for all rules."""
        return Level(self.entry(STALE_EXEMPTION).get(LEVEL, Level.ADVISORY))

    def entry(self, rule: str) -> Mapping[str, Any]:
        """Level and parameters, as far as they are given."""
        entry = self.rules.get(rule, {})
        return {LEVEL: entry} if isinstance(entry, str) else entry

    def _given(self, rule: str) -> dict[str, Any]:
        return {name: value for name, value in self.entry(rule).items() if name != LEVEL}


def load(stack: str, folder: Path | None = None, project: str | None = None) -> StackConfig:
    """What the stack's file says, in `folder` or where the environment points: there must be one.

    If neither names a folder, the files beside these rules count, for stacks of the project that they lie in; a stack
    that has none there, and one of another project, has every default.

    Raises ConfigError: the engine itself ignores what it does not know, a misspelt rule or parameter too.
    """
    named = folder or os.environ.get(VARIABLE)
    if not named and project not in (None, project_name(FOLDER.parents[1])):
        return StackConfig()
    folder = Path(named or FOLDER)
    if not folder.is_dir():
        raise ConfigError(f"{folder}: there is no such folder, from which to read {stack}.json")
    file = folder / f"{stack}.json"
    if not named and not file.exists():
        return StackConfig()
    if not file.exists():
        near = nearest(file.name, [one.name for one in folder.glob("*.json")])
        raise ConfigError(f"{file}: there is no such file{near}; one that holds {{}} leaves every default")
    config = _read(file)
    problems = list(_problems(config))
    entries = config.pop(EXEMPTIONS, []) if isinstance(config, dict) else []
    found, wrong = exemptions.read(entries, BY_ID)
    problems += [f"  {text}" for text in wrong]
    if problems:
        raise ConfigError("\n".join([f"{file}: the rules cannot be configured like this", *problems]))
    return StackConfig(config, tuple(found))


def initial_config(config: StackConfig, rules: Iterable[Rule] = RULES) -> dict[str, Any]:
    """The same of these rules for `PolicyPack(initial_config=...)`.

    Every policy gets a level: the engine reads one that is not given as "advisory".
    """
    levels = {rule.id: config.level(rule) for rule in rules}
    levels |= {**dict.fromkeys(TELLING, Level.ADVISORY), STALE_EXEMPTION: config.level_of_stale_exemptions}
    return {name: {**config.entry(name), LEVEL: level.value} for name, level in levels.items()}


def _read(file: Path) -> Any:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{file}: is no text in UTF-8") from None
    if not text.strip():
        raise ConfigError(f"{file}: is empty; {{}} leaves every default")
    try:
        return json.loads(text, object_pairs_hook=_once_each)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{file}: not readable as JSON: {error}") from None


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
    parameters: dict[str, Iterable[str]] = {STALE_EXEMPTION: (), **{rule.id: rule.parameters for rule in RULES}}
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
        yield from _ranges(name, entry)


def _value(rule: str, parameter: str, value: Any) -> Iterable[str]:
    for error in jsonschema.Draft7Validator(BY_ID[rule].parameters[parameter]).iter_errors(value):
        yield f"  {rule}.{'.'.join([parameter, *map(str, error.absolute_path)])}: {error.message}"


def _ranges(rule: str, given: Mapping[str, Any]) -> Iterable[str]:
    """Of a least and a most, such as minDays and maxDays, of which one may be the default."""
    values = BY_ID[rule].defaults if rule in BY_ID else {}
    values |= {name: value for name, value in given.items() if name in values}
    for name, least in values.items():
        most = values.get(f"max{name.removeprefix('min')}") if name.startswith("min") else None
        if isinstance(least, int | float) and isinstance(most, int | float) and least > most:
            yield f"  {rule}: {name} is {least:g}, and max{name.removeprefix('min')} is {most:g}: nothing is allowed"


def _level(where: str, value: Any) -> Iterable[str]:
    levels = [level.value for level in Level]
    if value not in levels:
        yield f"  {where}: {value!r} is no level; the levels are {', '.join(levels)}"
