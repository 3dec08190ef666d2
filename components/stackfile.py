"""Pulumi.<stack>.yaml and the defaults in Pulumi.yaml, read as the Pulumi engine reads them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from components.problems import ConfigurationError, KeyPath, Problem, Source, shown, suggestion
from components.yamlfile import Document, read_yaml

NAMESPACE = "serverless-batch"
# What Pulumi itself keeps in a stack file beside `config`.
_OTHER_KEYS = ("secretsprovider", "encryptedkey", "encryptionsalt", "environment")


@dataclass(frozen=True)
class StackFile:
    """values: the stack's configuration by full key, without the defaults of Pulumi.yaml."""

    document: Document
    values: Mapping[str, Any]

    def source(self, key: str) -> Source:
        """Where the value of `key` stands."""
        document = self.document
        return Source(document.file, document.lines, ("config", key), key)


def read_stack_file(project_dir: Path, stack: str) -> tuple[StackFile, list[Problem]]:
    """The stack's file and what is wrong with its form; what its values mean is not looked at."""
    file = f"Pulumi.{stack}.yaml"
    document, problems = read_yaml(project_dir / file, file)
    if document.data is None:
        return StackFile(document, {}), problems or [document.source.problem("is empty")]
    top, unusable = document.source, StackFile(Document(file, None), {})
    if not isinstance(document.data, dict):
        return unusable, [*problems, top.problem(f"must be a map, not {shown(document.data)}")]
    problems = [replace(problem, key=problem.key.removeprefix("config.")) for problem in problems]
    for key in document.data:
        if key not in ("config", *_OTHER_KEYS):
            problems.append(top.problem("is not a known key", (key,), right=suggestion(key, ("config", *_OTHER_KEYS))))
    values = document.data.get("config", {})
    if not isinstance(values, dict):
        return unusable, [*problems, top.problem(f"must be a map, not {shown(values)}", ("config",))]
    stack_file = StackFile(document, values)
    for key, value in values.items():
        source = stack_file.source(key)
        if ":" not in key:
            problems.append(source.problem("has no namespace", right=f"write '{NAMESPACE}:{key}'"))
        elif key.startswith(f"{NAMESPACE}:"):
            problems += [secret_problem(source.inside(*path)) for path in _encrypted(value)]
    return stack_file, problems


def secret_problem(source: Source) -> Problem:
    """No setting is a secret, and a value of one ends up in plain text in the resources."""
    return source.problem("is encrypted, but no setting is secret", right="name a secret of AWS Secrets Manager")


def engine_config(project_dir: Path, stack: str) -> dict[str, str]:
    """The configuration that the engine hands to the program.

    Encrypted values are left out. Raises ConfigurationError if one of the two files cannot be read at all; lesser
    problems are left to whoever validates the configuration.
    """
    if not (project_dir / f"Pulumi.{stack}.yaml").is_file():
        stacks = [path.name.split(".")[1] for path in sorted(project_dir.glob("Pulumi.*.yaml"))]
        wrong = f"there is no stack {stack!r}"
        raise ConfigurationError([Problem(file=f"Pulumi.{stack}.yaml", wrong=wrong, right=suggestion(stack, stacks))])
    project, problems = read_yaml(project_dir / "Pulumi.yaml", "Pulumi.yaml")
    stack_file, found = read_stack_file(project_dir, stack)
    if project.data is None or stack_file.document.data is None:
        raise ConfigurationError([*problems, *found])
    values = {
        f"{NAMESPACE}:{key}": declared["default"]
        for key, declared in project.data.get("config", {}).items()
        if isinstance(declared, dict) and "default" in declared
    }
    values.update(stack_file.values)
    return {key: engine_text(value) for key, value in values.items() if not list(_encrypted(value))}


def engine_text(value: Any) -> str:
    """A value of a stack file as the engine hands it over: text and nothing as they are, anything else as JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, separators=(",", ":"))


def _encrypted(value: Any) -> Iterator[KeyPath]:
    """Paths of the values that `pulumi config set --secret` wrote: `{secure: <ciphertext>}`."""
    if isinstance(value, dict):
        if list(value) == ["secure"] and isinstance(value["secure"], str):
            yield ()
            return
        inside: Any = value.items()
    else:
        inside = enumerate(value) if isinstance(value, list) else ()
    for key, inner in inside:
        yield from ((key, *path) for path in _encrypted(inner))
