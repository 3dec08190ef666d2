"""Whom a statement's Principal means."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from policies.model import UNKNOWN, Unknown
from policies.values import as_list


def anybody(principal: Any) -> bool | Unknown:
    """Whether a Principal means everybody; UNKNOWN if that is open."""
    names = [name for _, name in _names(principal)]
    if "*" in names:
        return True
    return UNKNOWN if UNKNOWN in names else False


def services(principal: Any) -> list[str]:
    """The services of AWS that a Principal names."""
    return [name for kind, name in _names(principal) if kind == "service" and isinstance(name, str)]


def _names(principal: Any) -> Iterator[tuple[str, Any]]:
    parts = principal.items() if isinstance(principal, Mapping) else [("", principal)]
    for kind, part in parts:
        yield from ((str(kind).lower(), name) for name in as_list(part))
