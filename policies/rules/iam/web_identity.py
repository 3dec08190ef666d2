"""`iam-web-identity-scoped`."""

from __future__ import annotations

import re
from collections.abc import Iterable

from policies.model import UNKNOWN, Config, Finding, Resource, ResourceRule, Severity, refuse, unsettled
from policies.rules.iam.actions import means
from policies.rules.iam.conditions import narrows
from policies.rules.iam.principals import of_kind
from policies.rules.iam.statements import (
    ROLE,
    ROLE_COMPONENT,
    UNKNOWN_TEXT,
    Statement,
    allowing,
    open_questions,
    trust,
)

ACTION = "sts:assumerolewithwebidentity"
# Tokens of pipelines name a repository, project or workspace (GitHub, GitLab, HCP Terraform), and then a branch, an
# environment or a phase of it, which may be any.
OF_A_PROJECT = re.compile(
    r"(repo:[\w.-]+/[\w.-]+|project_path:[\w./-]+|organization:[^:*?]+:project:[^:*?]+:workspace:[^:*?]+):.+"
)
# End of a condition's key → what it says. Amazon Cognito's tokens tell by amr which users of the pool they are for.
KEYS = {(":sub", "cognito-identity.amazonaws.com:amr"): "subject", (":aud",): "audience"}


def check(resource: Resource, _config: Config) -> Iterable[Finding]:
    documents = trust(resource)
    yield from open_questions(resource, documents)
    for statement in allowing(documents):
        if not _takes_tokens(statement):
            continue
        for ends, name in KEYS.items():
            narrow = narrows(statement.condition, lambda key, ends=ends: key.endswith(ends), _exact)
            if narrow is UNKNOWN:
                yield unsettled(resource, f"for which {name} of a token {statement.place} counts")
            elif not narrow:
                yield refuse(
                    resource,
                    f"may be assumed with tokens of more than one {name}: {statement.place} has no condition on "
                    f"{ends[0]} that names one. Name the one that is meant.",
                )


def _takes_tokens(statement: Statement) -> bool:
    """Whether it names the action, or means it by a wildcard and names who makes tokens."""
    actions = [action.lower() for action in statement.actions if isinstance(action, str)]
    makers = [one for one in of_kind(statement.principal, "federated") if ":saml-provider/" not in one]
    return ACTION in actions or (bool(makers) and any(means(action, ACTION) for action in actions))


def _exact(value: str) -> bool:
    return not {"*", "?"} & set(value) or OF_A_PROJECT.fullmatch(value) is not None


RULE = ResourceRule(
    id="iam-web-identity-scoped",
    theme="iam",
    description="A role that is assumed with tokens, as those of Kubernetes' service accounts, names subject and "
    "audience.",
    why="Without the subject every pod of the cluster may assume the role; without the audience, a token counts that "
    "was made for somebody else.",
    steps="Add a StringEquals condition on `<issuer>:sub`, system:serviceaccount:<namespace>:<account>, and on "
    "`<issuer>:aud`, sts.amazonaws.com. In the subjects of pipelines a wildcard may stand after the repository "
    "(GitHub's `repo:<owner>/<repository>:...`), the project (GitLab) or the workspace (HCP Terraform). An identity "
    "pool of Cognito has, in the place of the subject, a condition on `cognito-identity.amazonaws.com:amr`.",
    unknown=UNKNOWN_TEXT + " So is an unknown condition.",
    severity=Severity.CRITICAL,
    types=frozenset({ROLE, ROLE_COMPONENT}),
    references=("checkov CKV_AWS_358",),
    check=check,
)
