"""Whether a statement's Condition really narrows it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from policies.model import UNKNOWN, Unknown
from policies.values import as_list

# Operators that fail when the key is missing. Those with IfExists, ForAllValues and the negated ones let it through.
NARROWING = frozenset(
    f"{prefix}{name}"
    for prefix in ("", "foranyvalue:")
    for name in ("stringequals", "stringequalsignorecase", "stringlike", "arnequals", "arnlike")
)


def narrows(condition: Any, on: Callable[[str], bool], to: Callable[[str], bool]) -> bool | Unknown:
    """Whether some key that `on` accepts (lower case) is limited to values that `to` accepts.

    UNKNOWN if a value that decides is unknown.
    """
    if condition is UNKNOWN:
        return UNKNOWN
    answer: bool | Unknown = False
    for operator, keys in condition.items() if isinstance(condition, Mapping) else ():
        if str(operator).lower() not in NARROWING:
            continue
        if keys is UNKNOWN:
            answer = UNKNOWN
            continue
        for key, value in keys.items() if isinstance(keys, Mapping) else ():
            values = as_list(value)
            if not on(str(key).lower()):
                continue
            if UNKNOWN in values:
                answer = UNKNOWN
            elif values and all(isinstance(one, str) and to(one) for one in values):
                return True
    return answer


def named(value: str) -> bool:
    """More than wildcards."""
    return bool(value.strip("*?"))
