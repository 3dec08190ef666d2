"""Which function of a stack a resource means, by name, ARN, alias or dependency."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from policies.model import UNKNOWN, Resource, Stack

FUNCTION = "aws:lambda/function:Function"
ALIAS = "aws:lambda/alias:Alias"
# A name, an ARN or a part of one, each with or without a version or an alias.
REFERENCE = re.compile(r"(?:arn:[\w-]+:lambda:[\w-]+:\d+:function:|\d+:function:)?([\w-]+)(?::[\w$-]+)?")


@dataclass(frozen=True)
class Meant:
    """functions: of this stack. certain: whether it is all of them, and not one of them."""

    functions: tuple[Resource, ...] = ()
    certain: bool = True

    @property
    def one(self) -> Resource | None:
        return self.functions[0] if len(self.functions) == 1 else None


class Functions:
    """The functions of a stack."""

    def __init__(self, stack: Stack):
        functions = stack.of_type(FUNCTION)
        self._by_name: dict[str, list[Resource]] = {}
        for function in functions:
            if isinstance(name := function.get("name"), str):
                self._by_name.setdefault(name, []).append(function)
        self._by_urn = {one.urn: one for one in functions}
        for alias in stack.of_type(ALIAS):
            function = self.meant(alias.get("functionName"), alias, "functionName").one
            if function:
                self._by_urn[alias.urn] = function

    def meant(self, value: Any, resource: Resource, property_name: str) -> Meant:
        """The function that `value` (name, ARN or UNKNOWN), found in a property of a resource, means.

        None of this stack's if it is of another one, or no function.
        """
        if value is UNKNOWN:
            linked = resource.dependencies.get(property_name, frozenset())
            found = {self._by_urn[urn].urn: self._by_urn[urn] for urn in sorted(linked & self._by_urn.keys())}
            return Meant(tuple(found.values()), certain=len(found) == 1)
        match = REFERENCE.fullmatch(value) if isinstance(value, str) else None
        named = self._by_name.get(match[1], []) if match else []
        return Meant(tuple(one for one in named if not _is_other(one, value))[:1])


def _is_other(function: Resource, reference: str) -> bool:
    """Whether a reference with the function's name is known to mean one of another region or account."""
    arn = function.get("arn")
    return reference.startswith("arn:") and isinstance(arn, str) and not f"{reference}:".startswith(f"{arn}:")
