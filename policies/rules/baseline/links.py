"""Which resource of a stack another one means, by name, id, ARN or dependency."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from policies.model import UNKNOWN, Resource, Unknown

NAMES = ("id", "name", "bucket", "arn", "url")


def meant(
    value: Any, resource: Resource, property_name: str, candidates: Iterable[Resource]
) -> Resource | Unknown | None:
    """The one of the candidates that `value`, found in a property of a resource, names.

    None if it is none of them; UNKNOWN if that is open: the value is unknown, and the property depends on none of
    them or on several.
    """
    candidates = list(candidates)
    if value is UNKNOWN:
        linked = [one for one in candidates if one.urn in resource.dependencies.get(property_name, frozenset())]
        return linked[0] if len(linked) == 1 else UNKNOWN
    if not isinstance(value, str) or not value:
        return None
    return next((one for one in candidates if value in map(one.get, NAMES)), None)
