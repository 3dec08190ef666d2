"""`iam-preview-readable`."""

from __future__ import annotations

from collections.abc import Iterable

from policies.model import Config, Finding, Level, OnUnknown, Resource, ResourceRule, Severity, refuse
from policies.rules.iam.statements import DOCUMENTS, ROLE, ROLE_COMPONENT, permissions, trust


def check(resource: Resource, _config: Config) -> Iterable[Finding]:
    for document in [*permissions(resource), *trust(resource)]:
        if document.unknown == (document.name,):
            yield refuse(
                resource,
                f"cannot be judged before the update, as {document.name} cannot be read: a text is unknown as a whole "
                "in which one ARN is. Write the ARNs from names that the program sets, or make it in a component that "
                "hands its statements to the engine.",
            )


RULE = ResourceRule(
    id="iam-preview-readable",
    theme="iam",
    description="What a role may do, and who may assume it, can be read at preview.",
    why="The rules judge a document that is unknown at preview only while the update runs. Then the finding stops an "
    "update halfway instead of a review.",
    steps="Give resources names, and write ARNs from them, the region and the account, instead of taking `.arn` from "
    "resources that the update creates. Or make roles in a component that passes its statements and its trust as plain "
    f"inputs to `super().__init__`, as {ROLE_COMPONENT} does: they stay readable, all but the ARN.",
    unknown="This is what it is about: a document that is unknown at preview as a whole is told. One below a "
    f"{ROLE_COMPONENT} is not, since its statements are read there; nor is one given as data with parts that are "
    "unknown.",
    severity=Severity.LOW,
    level=Level.ADVISORY,
    on_unknown=OnUnknown.FAIL,
    types=DOCUMENTS | {ROLE, ROLE_COMPONENT},
    check=check,
)
