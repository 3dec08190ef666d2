"""The base of every configuration model, and its errors in words."""

from __future__ import annotations

import json
import re
import types
import typing
from collections.abc import Iterator
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails, PydanticCustomError

from components.problems import KeyPath, Problem, Source, closest, shown, suggestion

_WRONG = {
    "bool_type": "must be true or false",
    "dict_type": "must be a map",
    "float_type": "must be a number",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "int_type": "must be a whole number",
    "less_than_equal": "must be at most {le}",
    "model_type": "must be a map",
    "string_too_long": "must have at most {max_length} characters",
    "string_too_short": "must not be empty",
    "string_type": "must be text",
    "too_short": "must not be empty",
    "tuple_type": "must be a list",
}
_QUOTED = re.compile(r"'([^']*)'")


class Model(BaseModel):
    """Frozen and strict: no unknown key, no conversion. camelCase in files, snake_case in code."""

    model_config = ConfigDict(
        strict=True, extra="forbid", frozen=True,
        alias_generator=to_camel, validate_by_alias=True, validate_by_name=True,
    )  # fmt: skip

    elsewhere: ClassVar[dict[str, str]] = {}
    """Keys that people look for here but that live elsewhere, each with the words that say so."""


T = TypeVar("T")


def sentence(text: str) -> PydanticCustomError:
    """For validators: an error that is told without the value. The text of a ValueError follows the value instead."""
    return PydanticCustomError("sentence", "{text}", {"text": text})


def read_value(kind: type[T], data: object, source: Source) -> tuple[T | None, list[Problem]]:
    """`data`, found at `source`, as a `kind` (a model, or a dict of them), or None and everything that is wrong."""
    try:
        # Strict JSON mode takes a list for a tuple; strict Python mode would not.
        return TypeAdapter(kind).validate_json(json.dumps(data), by_alias=True, by_name=False), []
    except ValidationError as error:
        return None, list(_problems(kind, error.errors(), source))


def _problems(kind: Any, errors: list[ErrorDetails], source: Source) -> Iterator[Problem]:
    unknown = [error["loc"] for error in errors if error["type"] == "extra_forbidden"]
    # A misspelt key is one mistake, not an unknown key and a missing one.
    meant = {(*path[:-1], closest(path[-1], _keys(_type_at(kind, path[:-1])))) for path in unknown}
    for error in errors:
        path = error["loc"]
        if path in unknown:
            holder = _type_at(kind, path[:-1])
            key = str(path[-1])
            if key in holder.elsewhere:
                yield source.problem(holder.elsewhere[key], path)
            else:
                yield source.problem("is not a known key", path, right=suggestion(key, _keys(holder)))
        elif error["type"] != "missing":
            yield _problem(error, source, _written(kind, path))
        elif path not in meant:
            yield source.problem("is missing", path)


def _problem(error: ErrorDetails, source: Source, path: KeyPath) -> Problem:
    kind, value, context = error["type"], error["input"], error.get("ctx", {})
    if kind == "literal_error":
        return source.problem(
            "is not allowed", path, value=value, right=suggestion(value, _QUOTED.findall(context["expected"]))
        )
    if kind == "value_error":
        return source.problem(str(context["error"]), path, value=value)
    if kind == "sentence":
        return source.problem(error["msg"], path)
    wrong = _WRONG.get(kind, error["msg"]).format_map(context)
    right = "write it in quotes" if kind == "string_type" and isinstance(value, int | float) else ""
    return source.problem(f"{wrong}, not {shown(value)}", path, right=right)


def _written(kind: Any, path: KeyPath) -> KeyPath:
    """A path of pydantic's as the file has it.

    Pydantic marks an error in a map's key with one more step, and names a field that is left out by its attribute.
    """
    if path[-1:] == ("[key]",):
        return path[:-1]
    holder = _type_at(kind, path[:-1])
    field = holder.model_fields.get(str(path[-1])) if path and _is_model(holder) else None
    return (*path[:-1], field.alias or path[-1]) if field else path


def _keys(model: type[Model]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


def _type_at(kind: Any, path: KeyPath) -> Any:
    """The type of the value at `path` in a `kind`; on the way there are models, maps and lists."""
    found = _content(kind)
    for part in path:
        if _is_model(found):
            found = next(field.annotation for name, field in found.model_fields.items() if part in (field.alias, name))
        else:
            item, *value = typing.get_args(found)
            found = item if isinstance(part, int) else value[0]
        found = _content(found)
    return found


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Model)


def _content(annotation: Any) -> Any:
    """An annotation without `| None` and without Annotated."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return _content(next(part for part in typing.get_args(annotation) if part is not type(None)))
    if typing.get_origin(annotation) is typing.Annotated:
        return _content(typing.get_args(annotation)[0])
    return annotation
