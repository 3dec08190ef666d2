"""The JSON Schema subset in which a manifest describes a worker's input.

It means the same in draft 7 (fastjsonschema, which checks the jobs) and in OpenAPI 3.1 (which documents them), and
needs nothing from outside: no references.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import fastjsonschema
from jsonschema import Draft7Validator

from components.problems import KeyPath, Problem, Source, suggestion

TYPES = ("object", "array", "string", "number", "integer", "boolean", "null")
KEYWORDS = (
    "type", "title", "description", "default", "examples", "enum", "const",
    "properties", "required", "additionalProperties", "minProperties", "maxProperties",
    "items", "minItems", "maxItems", "uniqueItems",
    "minLength", "maxLength", "pattern", "format",
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf",
    "allOf", "anyOf", "oneOf", "not",
)  # fmt: skip

_METASCHEMA = Draft7Validator(Draft7Validator.META_SCHEMA)


def check_input_schema(schema: object, source: Source) -> list[Problem]:
    """What is wrong with a worker's input schema, which stands at `source`."""
    if not isinstance(schema, dict):
        return []  # the manifest's model says so
    problems = list(_misuse(schema, (), source, set()))
    # The walk also looks at types and patterns, and names the nearest.
    told = {problem.key for problem in problems}
    if schema.get("type") != "object" and source.inside("type").key not in told:
        problems.append(source.problem("must say type: object, because a job's input is an object"))
    for error in _METASCHEMA.iter_errors(schema):
        problem = source.problem(f"is not valid JSON Schema: {error.message}", tuple(error.absolute_path))
        if problem.key not in told:
            problems.append(problem)
    if not problems:
        try:
            fastjsonschema.compile(schema)
        except fastjsonschema.JsonSchemaDefinitionException as error:
            problems.append(source.problem(f"is not usable JSON Schema: {error}"))
    return problems


def _misuse(schema: dict[str, Any], path: KeyPath, source: Source, around: set[str]) -> Iterator[Problem]:
    """Mistakes that JSON Schema itself lets pass, here and in the schemas inside.

    around: properties that the schema of which this one is a branch knows.
    """
    properties = around | _properties(schema)
    for key, value in schema.items():
        here = (*path, key)
        if key not in KEYWORDS:
            yield source.problem("is not a known keyword", here, right=suggestion(key, KEYWORDS))
        elif key == "type":
            for name in value if isinstance(value, list) else [value]:
                if name not in TYPES:
                    yield source.problem("is not a type", here, value=name, right=suggestion(name, TYPES))
        elif key == "pattern" and isinstance(value, str):
            try:
                re.compile(value)
            except re.error as error:
                yield source.problem(f"is not a regular expression: {error}", here, value=value)
        elif key == "required" and isinstance(value, list):
            for name in value:
                if isinstance(name, str) and name not in properties:
                    right = suggestion(name, sorted(properties))
                    yield source.problem("is not among the properties", here, value=name, right=right)
    for here, branch in _branches(schema):
        yield from _misuse(branch, (*path, *here), source, properties)
    for here, inner in _parts(schema):
        yield from _misuse(inner, (*path, *here), source, set())


def _properties(schema: dict[str, Any]) -> set[str]:
    """Names of the properties that a schema or one of its branches describes."""
    own = schema.get("properties")
    names = set(own) if isinstance(own, dict) else set()
    return names.union(*(_properties(branch) for _, branch in _branches(schema)))


def _branches(schema: dict[str, Any]) -> Iterator[tuple[KeyPath, dict[str, Any]]]:
    """Schemas about the same value."""
    for key in ("allOf", "anyOf", "oneOf"):
        choices = schema.get(key)
        if isinstance(choices, list):
            yield from (((key, n), choice) for n, choice in enumerate(choices) if isinstance(choice, dict))
    if isinstance(schema.get("not"), dict):
        yield ("not",), schema["not"]


def _parts(schema: dict[str, Any]) -> Iterator[tuple[KeyPath, dict[str, Any]]]:
    """Schemas about what the value consists of."""
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            yield (key,), schema[key]
    properties = schema.get("properties")
    if isinstance(properties, dict):
        yield from ((("properties", name), part) for name, part in properties.items() if isinstance(part, dict))
