"""Whom a statement's Principal means."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from policies.model import UNKNOWN, Unknown
from policies.values import as_list

# AWS refuses it; who writes it means everybody.
OF_ANY_ACCOUNT = re.compile(r"arn:[^:]*:(iam|sts)::[^:]*[*?]")


def anybody(principal: Any) -> bool | Unknown:
    """Whether a Principal means everybody; UNKNOWN if that is open."""
    names = [name for _, name in _names(principal)]
    if any(isinstance(name, str) and (name == "*" or OF_ANY_ACCOUNT.match(name)) for name in names):
        return True
    return UNKNOWN if UNKNOWN in names else False


def of_kind(principal: Any, kind: str) -> list[str]:
    """Those of a kind that a Principal names: "service", "aws", "federated"."""
    return [name for its, name in _names(principal) if its == kind and isinstance(name, str)]


def _names(principal: Any) -> Iterator[tuple[str, Any]]:
    parts = principal.items() if isinstance(principal, Mapping) else [("", principal)]
    for kind, part in parts:
        yield from ((str(kind).lower(), name) for name in as_list(part))
