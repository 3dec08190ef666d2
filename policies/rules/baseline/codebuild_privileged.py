"""`codebuild-privileged`."""

from __future__ import annotations

import re
from collections.abc import Iterable

from policies.model import UNKNOWN, Config, Finding, Resource, Severity, Stack, StackRule, Unknown, refuse, unsettled
from policies.rules.baseline.links import meant
from policies.rules.iam.actions import means
from policies.rules.iam.holders import Holders
from policies.rules.iam.statements import ROLE, allowing

BUILDS = re.compile(r"\b(docker|buildx|buildah|podman|kaniko)\b", re.IGNORECASE)
PUSHES = ("ecr:putimage", "ecr-public:putimage")
# Policies made by AWS that let push.
PUSHERS = re.compile(
    r"Amazon(EC2|Elastic)ContainerRegistry(Public)?(PowerUser|FullAccess)|(Administrator|PowerUser)Access"
)


def check(resource: Resource, stack: Stack, _config: Config) -> Iterable[Finding]:
    privileged, buildspec = resource.get("environment", "privilegedMode"), resource.get("source", "buildspec")
    if privileged is UNKNOWN:
        yield unsettled(resource, "whether its builds are privileged")
        return
    if privileged is not True or (isinstance(buildspec, str) and BUILDS.search(buildspec)):
        return
    role = meant(resource.get("serviceRole"), resource, "serviceRole", stack.of_type(ROLE))
    holder = stack.once(Holders).holder(role) if isinstance(role, Resource) else None
    documents, made_by_aws = (holder.documents, holder.made_by_aws) if holder else ((), ())
    actions = [action for statement in allowing(documents) for action in statement.actions]
    if any(isinstance(action, str) and means(action, push) for action in actions for push in PUSHES):
        return
    if any(PUSHERS.fullmatch(name) for name in made_by_aws):
        return
    unread = UNKNOWN in actions or any(document.unknown for document in documents)
    if isinstance(role, Unknown) or buildspec is UNKNOWN or unread:
        yield unsettled(resource, "whether it builds images")
        return
    yield refuse(
        resource,
        "is privileged although nothing shows that it builds images: neither its commands nor its role's rights. Set "
        "environment.privilegedMode to false.",
    )


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
