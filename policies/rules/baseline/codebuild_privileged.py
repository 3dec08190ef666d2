"""`codebuild-privileged`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from policies.model import UNKNOWN, Config, Finding, Resource, Severity, Stack, StackRule, Unknown, refuse, unsettled
from policies.rules.baseline.links import meant
from policies.rules.iam.statements import ROLE, Statement, permissions

ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"
BUILDS = re.compile(r"\b(docker|buildx|buildah|podman|kaniko)\b", re.IGNORECASE)
PUSHES = ("ecr:putimage", "ecr:*", "ecr:put*", "ecr-public:putimage", "ecr-public:*", "*")


def check(resource: Resource, stack: Stack, _config: Config) -> Iterable[Finding]:
    privileged, buildspec = resource.get("environment", "privilegedMode"), resource.get("source", "buildspec")
    if privileged is UNKNOWN:
        yield unsettled(resource, "whether its builds are privileged")
        return
    if privileged is not True or (isinstance(buildspec, str) and BUILDS.search(buildspec)):
        return
    role = meant(resource.get("serviceRole"), resource, "serviceRole", stack.of_type(ROLE))
    actions = [a for statement in _statements(role, stack) for a in statement.actions if statement.allows]
    if any(isinstance(action, str) and action.lower() in PUSHES for action in actions):
        return
    if isinstance(role, Unknown) or buildspec is UNKNOWN or UNKNOWN in actions:
        yield unsettled(resource, "whether it builds images")
        return
    yield refuse(
        resource,
        "is privileged although nothing shows that it builds images: neither its commands nor its role's rights. Set "
        "environment.privilegedMode to false.",
    )


def _statements(role: Resource | Unknown | None, stack: Stack) -> Iterator[Statement]:
    if not isinstance(role, Resource):
        return
    policies = [p for p in stack.of_type(ROLE_POLICY) if meant(p.get("role"), p, "role", [role]) is role]
    for holder in (role, *policies):
        for document in permissions(holder):
            yield from document.statements


RULE = StackRule(
    id="codebuild-privileged",
    theme="baseline",
    description="A build runs privileged only if it builds images.",
    why="A privileged build has the machine that it runs on, with the credentials of its role: whoever changes a "
    "dependency of the build has them, too. Docker needs it, and little else.",
    steps="Set `privileged_mode` of the environment of the `aws.codebuild.Project` to False. A project builds images "
    "if the commands in its `buildspec` say so, or if its role may push to ECR.",
    unknown="The role is told by the property's dependency at preview. Advises when the mode, the commands or the "
    "role's rights are unknown; settled at update.",
    references=("checkov CKV_AWS_316",),
    severity=Severity.HIGH,
    types=frozenset({"aws:codebuild/project:Project"}),
    check=check,
)
