"""Checks a value against a JSON schema, and says for each error which field is wrong."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Any
from urllib.parse import quote

import fastjsonschema
from fastjsonschema import JsonSchemaValueException
from problems import FieldError

MAX_ERRORS = 50
Path = tuple[str | int, ...]


class Validator:
    """A compiled schema (draft 7). Values are checked as they are: defaults are not filled in."""

    def __init__(self, schema: dict[str, Any]):
        self._schema = schema

    def errors(self, value: Any, at: Path = ()) -> list[FieldError]:
        """What is wrong with the value; empty if nothing is. at: where in the body the value stands."""
        first = _check(self._whole, value)
        if first is None:
            return []
        # fastjsonschema stops at the first error, so the top level and each field of it are checked on their own.
        found = [error for name, check in self._parts for error in self._part_errors(name, check, value, at)]
        return (found or list(_explain(first, value, at)))[:MAX_ERRORS]

    def _part_errors(self, name: str | None, check: Callable[[Any], Any], value: Any, at: Path) -> Iterator[FieldError]:
        if name is not None:
            if not isinstance(value, dict) or name not in value:
                return
            value, at = value[name], (*at, name)
        error = _check(check, value)
        if error is not None:
            yield from _explain(error, value, at)

    @cached_property
    def _whole(self) -> Callable[[Any], Any]:
        return _compile(self._schema)

    @cached_property
    def _parts(self) -> Sequence[tuple[str | None, Callable[[Any], Any]]]:
        """Checks of the top level with its fields left alone (None), and of each field."""
        if "$ref" in self._schema or "properties" not in self._schema:
            return []
        fields = self._schema["properties"]
        top = _compile(self._schema | {"properties": dict.fromkeys(fields, True)})
        # A $ref hides its siblings but leaves them there to be referred to.
        return [(None, top)] + [
            (name, _compile(self._schema | {"$ref": f"#/properties/{quote(_escape(name), safe='')}"}))
            for name in fields
        ]


def pointer(path: Path) -> str:
    """JSON Pointer (RFC 6901)."""
    return "".join("/" + _escape(str(part)) for part in path)


def _escape(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def _compile(schema: dict[str, Any]) -> Callable[[Any], Any]:
    return fastjsonschema.compile(schema, use_default=False)


def _check(check: Callable[[Any], Any], value: Any) -> JsonSchemaValueException | None:
    try:
        check(value)
    except JsonSchemaValueException as error:
        return error
    except ArithmeticError:  # some numbers cannot be divided by what `multipleOf` says
        return JsonSchemaValueException("data holds a number out of range", value=value, name="data")
    return None


def _explain(error: JsonSchemaValueException, value: Any, at: Path) -> Iterator[FieldError]:
    name = error.name or "data"
    path = (*at, *(_locate(name.removeprefix("data"), value) or ()))
    missing, unknown = _missing(error), _unknown(error)
    for field in missing:
        yield FieldError(pointer=pointer((*path, field)), detail="is required")
    for field in unknown:
        near = difflib.get_close_matches(field, error.definition.get("properties", ()), n=1)
        detail = "is not a known field" + (f"; nearest: {near[0]}" if near else "")
        yield FieldError(pointer=pointer((*path, field)), detail=detail)
    if not missing and not unknown:
        yield FieldError(pointer=pointer(path), detail=error.message.removeprefix(name).strip())


def _missing(error: JsonSchemaValueException) -> list[str]:
    if error.rule != "required" or not isinstance(error.value, dict):
        return []
    return [name for name in error.definition["required"] if name not in error.value]


def _unknown(error: JsonSchemaValueException) -> list[str]:
    """Fields that the schema has no place for; told with a missing one, too, which may be the same one misspelt."""
    closed = error.definition.get("additionalProperties") is False if isinstance(error.definition, dict) else False
    if error.rule not in ("additionalProperties", "required") or not closed or not isinstance(error.value, dict):
        return []
    patterns = error.definition.get("patternProperties", ())
    return [
        name
        for name in error.value
        if name not in error.definition.get("properties", ()) and not any(re.search(p, name) for p in patterns)
    ]


def _locate(name: str, value: Any) -> Path | None:
    """The path that fastjsonschema wrote as `.field[0].other`. Only the value tells which dot is part of a name."""
    if not name:
        return ()
    if isinstance(value, dict) and name[0] == ".":
        for key in (key for key in value if name.startswith(key, 1)):
            rest = _locate(name[1 + len(key) :], value[key])
            if rest is not None:
                return (key, *rest)
    if isinstance(value, list) and (index := re.match(r"\[(\d+)\]", name)) and int(index[1]) < len(value):
        rest = _locate(name[index.end() :], value[int(index[1])])
        if rest is not None:
            return (int(index[1]), *rest)
    return None
