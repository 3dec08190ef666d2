"""`iam-web-identity-scoped`."""

from __future__ import annotations

import re
from collections.abc import Iterable

from policies.model import UNKNOWN, Config, Finding, Resource, ResourceRule, Severity, refuse, unsettled
from policies.rules.iam.conditions import narrows
from policies.rules.iam.statements import ROLE, ROLE_COMPONENT, UNKNOWN_TEXT, allowing, open_questions, trust

ACTION = "sts:assumerolewithwebidentity"
# GitHub's tokens name a repository and then a branch, tag, environment or pull request of it, which may be any.
OF_A_REPOSITORY = re.compile(r"repo:[\w.-]+/[\w.-]+:.+")
KEYS = {":sub": "subject", ":aud": "audience"}


def check(resource: Resource, _config: Config) -> Iterable[Finding]:
    documents = trust(resource)
    yield from open_questions(resource, documents)
    for statement in allowing(documents):
        if not any(isinstance(action, str) and action.lower() == ACTION for action in statement.actions):
            continue
        for end, name in KEYS.items():
            narrow = narrows(statement.condition, lambda key, end=end: key.endswith(end), _exact)
            if narrow is UNKNOWN:
                yield unsettled(resource, f"for which {name} of a token {statement.place} counts")
            elif not narrow:
                yield refuse(
                    resource,
                    f"may be assumed with a token of any {name}: {statement.place} has no condition on {end}. Name "
                    "the one that is meant, without a wildcard.",
                )


def _exact(value: str) -> bool:
    return not {"*", "?"} & set(value) or OF_A_REPOSITORY.fullmatch(value) is not None


RULE = ResourceRule(
    id="iam-web-identity-scoped",
    theme="iam",
    description="A role that is assumed with tokens, as those of Kubernetes' service accounts, names subject and "
    "audience.",
    why="Without the subject every pod of the cluster may assume the role; without the audience, a token counts that "
    "was made for somebody else.",
    steps="Add a StringEquals condition on `<issuer>:sub`, system:serviceaccount:<namespace>:<account>, and on "
    "`<issuer>:aud`, sts.amazonaws.com. For GitHub's tokens, whose subject is `repo:<owner>/<repository>:...`, a "
    "wildcard may stand after the repository.",
    unknown=UNKNOWN_TEXT + " So is an unknown condition.",
    severity=Severity.CRITICAL,
    types=frozenset({ROLE, ROLE_COMPONENT}),
    references=("checkov CKV_AWS_358",),
    check=check,
)
