"""`iam-no-not-action`."""

from __future__ import annotations

from collections.abc import Iterable

from policies.model import Config, Finding, Resource, ResourceRule, Severity, refuse
from policies.rules.iam.statements import HOLDERS, UNKNOWN_TEXT, allowing, open_questions, permissions

MEANING = {
    "NotAction": "every action of AWS but those it names, also those that AWS adds later",
    "NotResource": "every resource but those it names, also those that come later",
}


def check(resource: Resource, _config: Config) -> Iterable[Finding]:
    documents = permissions(resource)
    yield from open_questions(resource, documents)
    for statement in allowing(documents):
        for word in statement.excluding:
            if word in MEANING:
                yield refuse(
                    resource,
                    f"allows {MEANING[word]}: {statement.place} has {word}. Write {word.removeprefix('Not')} with what "
                    "is used.",
                )


RULE = ResourceRule(
    id="iam-no-not-action",
    theme="iam",
    description="No statement allows by exclusion (NotAction, NotResource).",
    why="What is not excluded is allowed, so such a statement allows nearly everything and grows by itself.",
    steps="Write `Action` and `Resource` with what is used. In a statement that denies, NotAction is fine.",
    unknown=UNKNOWN_TEXT,
    severity=Severity.HIGH,
    types=HOLDERS,
    check=check,
)
