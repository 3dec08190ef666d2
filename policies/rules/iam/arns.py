"""What a Resource with wildcards reaches."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from policies.rules.iam.actions import glob

NOBODY = "\0"
"""In the place of a name: no policy can write it, so that only a wildcard reaches it."""


def any_of(template: str) -> str:
    """The ARN of a resource that nobody named: `template` with NOBODY where it has a placeholder or `*`."""
    return re.sub(r"\$\{\w+\}|\*", NOBODY, template.replace("${Partition}", "aws"))


def reaches(pattern: str, arn: str) -> bool:
    """Whether a Resource reaches what has this ARN. Region and account count for nothing: they are one's own."""
    parts, others = pattern.split(":", 5), arn.split(":", 5)
    if len(parts) == 6 and len(others) == 6:
        return glob(parts[2], others[2]) and glob(parts[5], others[5])
    return glob(pattern, arn)


LONGEST = 2048  # characters of an ARN that is still compared; AWS has none that is longer
# Steps of a pattern besides characters: any text, any text without the character that it begins with, any character.
TEXT, ONE = "*", "?"
# Placeholders that end at such a character; after the others' slash begins a resource of another kind, a bucket's
# objects or a table's indexes.
PARTS = {
    **dict.fromkeys(("${Partition}", "${Region}", "${Account}"), ":*"),
    **dict.fromkeys(("${BucketName}", "${TableName}"), "/*"),
}


def may_be(pattern: str, template: str) -> bool:
    """Whether a Resource can reach something whose ARN has this form, one of the service authorization reference."""
    service, form = pattern.split(":", 3)[2:3], template.split(":", 3)[2]
    if len(pattern) > LONGEST:
        return True
    if service and service[0].isalnum() and "$" not in form and service[0] != form:
        return False  # by far the most, and fast
    own = tuple(re.sub(r"\$\{[^}]*\}", TEXT, pattern))  # a policy variable may be any text
    return _meet(own, _steps(template))


@lru_cache(maxsize=4096)
def _steps(template: str) -> tuple[str, ...]:
    steps: list[str] = []
    for part in re.split(r"(\$\{\w+\})", template):
        steps += [PARTS.get(part, TEXT)] if part.startswith("$") else part
    return tuple(steps)


def _meet(own: tuple[str, ...], others: tuple[str, ...]) -> bool:
    """Whether some text is like both: every pair of places that a text leads to is followed."""
    seen, waiting = {(0, 0)}, [(0, 0)]
    while waiting:
        at, to = waiting.pop()
        if (at, to) == (len(own), len(others)):
            return True
        one = own[at] if at < len(own) else ""
        other = others[to] if to < len(others) else ""
        for step in _following(one, other):
            place = (at + step[0], to + step[1])
            if place not in seen:
                seen.add(place)
                waiting.append(place)
    return False


def _following(one: str, other: str) -> Iterator[tuple[int, int]]:
    if one == TEXT:
        yield 1, 0
        if other:
            yield 0, 1
    if other.endswith(TEXT):
        yield 0, 1
        if one and one != other[0]:
            yield 1, 0
    elif one and other and one in (other, ONE):
        yield 1, 1
