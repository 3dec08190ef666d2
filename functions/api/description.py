"""The API's own description at work: which operation a request is for, and whether its parameters and body fit."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from problems import FieldError, Problem, malformed
from validation import Validator

METHODS = ("get", "put", "post", "delete", "patch", "head", "options")


@dataclass(frozen=True)
class Operation:
    """One operation, and the parameters that it describes."""

    id: str
    parameters: tuple[Mapping[str, Any], ...]


class Description:
    """An OpenAPI document."""

    def __init__(self, document: Mapping[str, Any]):
        self.document = document
        components = document["components"]
        self._bodies = {
            name: Validator({**schema, "components": components}) for name, schema in components["schemas"].items()
        }

    def operation(self, path: str, method: str) -> Operation:
        """path: as described, with its parameters in braces. `Problem` 404 or 405 if there is no such operation."""
        described = self.document["paths"].get(path)
        if described is None:
            raise Problem(404, "unknown-path", "There is no such path; see GET /openapi.json.")
        operation = described.get(method.lower())
        if operation is None:
            allowed = ", ".join(name.upper() for name in METHODS if name in described)
            raise Problem(405, "method-not-allowed", f"This path answers to {allowed}.", headers={"Allow": allowed})
        return Operation(operation["operationId"], tuple(operation.get("parameters", ())))

    def query(self, operation: Operation, given: Mapping[str, str]) -> dict[str, Any]:
        """Checked query parameters, defaults filled in. `Problem` 400 names each that is wrong or unknown."""
        described = _described(operation, "query")
        unknown = [FieldError(parameter=name, detail="is not a known parameter") for name in given.keys() - described]
        return _checked(described, given, unknown)

    def headers(self, operation: Operation, given: Mapping[str, str]) -> dict[str, Any]:
        """Checked headers that the operation describes, under their described names. given: names in lower case."""
        described = _described(operation, "header")
        return _checked(described, {name: given[name.lower()] for name in described if name.lower() in given}, [])

    def body_errors(self, schema: str, body: Any) -> list[FieldError]:
        """What is wrong with a body. schema: a name in the document's components."""
        return self._bodies[schema].errors(body)


def _described(operation: Operation, place: str) -> dict[str, Any]:
    return {parameter["name"]: parameter["schema"] for parameter in operation.parameters if parameter["in"] == place}


def _checked(described: Mapping[str, Any], given: Mapping[str, str], errors: list[FieldError]) -> dict[str, Any]:
    values = {name: schema["default"] for name, schema in described.items() if "default" in schema}
    for name in described.keys() & given.keys():
        values[name] = _typed(given[name], described[name])
        wrong = Validator(described[name]).errors(values[name])
        errors += [FieldError(parameter=name, detail=error.detail) for error in wrong]
    if errors:
        raise malformed("A parameter is wrong.", sorted(errors, key=lambda error: error.parameter or ""))
    return values


def _typed(text: str, schema: Mapping[str, Any]) -> str | int:
    return int(text) if schema["type"] == "integer" and re.fullmatch(r"-?[0-9]{1,18}", text) else text
