"""A stack's configuration of the rules: `config/<stack>.json`, in the form that `--policy-pack-config` takes."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from policies.model import UNSETTLED, UNSETTLED_IN_STACK, Level
from policies.rules import RULES

FOLDER = Path(__file__).parent / "config"
ALL = "all"  # the engine's word for the level of every rule
LEVEL = "enforcementLevel"


class ConfigError(ValueError):
    """The configuration of the rules cannot be used; the text names the file and everything that is wrong in it."""


def load(stack: str, folder: Path = FOLDER) -> dict[str, Any]:
    """Rule → level, or an object of `enforcementLevel` and parameters. A stack without a file has every default.

    Raises ConfigError: the engine itself ignores what it does not know, a misspelt rule or parameter too.
    """
    file = folder / f"{stack}.json"
    if not file.exists():
        return {}
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ConfigError(f"{file}: not readable as JSON: {error}") from error
    problems = list(_problems(config))
    if problems:
        raise ConfigError("\n".join([f"{file}: the rules cannot be configured like this", *problems]))
    return config


def initial_config(stack: str, folder: Path = FOLDER) -> dict[str, Any]:
    """The same for `PolicyPack(initial_config=...)`.

    Every rule gets a level: the engine reads one that is not given as "advisory".
    """
    config = load(stack, folder)
    everywhere = config.get(ALL)
    result: dict[str, Any] = {}
    for name, default in _levels().items():
        entry = config.get(name, {})
        entry = {LEVEL: entry} if isinstance(entry, str) else dict(entry)
        result[name] = {LEVEL: everywhere or default, **entry}
    return result


def _levels() -> dict[str, str]:
    return {rule.id: rule.level.value for rule in RULES} | dict.fromkeys((UNSETTLED, UNSETTLED_IN_STACK), "advisory")


def _problems(config: Any) -> Iterable[str]:
    if not isinstance(config, Mapping):
        yield "  must be an object of rules"
        return
    parameters: dict[str, Iterable[str]] = dict.fromkeys(_levels(), ())
    parameters |= {rule.id: rule.parameters for rule in RULES}
    for name, entry in config.items():
        if name == ALL or isinstance(entry, str):
            yield from _level(name, entry)
        if name != ALL and name not in parameters:
            yield f"  {name}: there is no such rule{_nearest(name, parameters)}"
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
                yield f"  {name}.{key}: there is no such parameter{_nearest(key, [*parameters[name], LEVEL])}"


def _level(where: str, value: Any) -> Iterable[str]:
    levels = [level.value for level in Level]
    if value not in levels:
        yield f"  {where}: {value!r} is no level; the levels are {', '.join(levels)}"


def _nearest(word: str, known: Iterable[str]) -> str:
    found = difflib.get_close_matches(word, list(known), 1, 0.4)
    return f"; did you mean {found[0]}?" if found else ""
