"""`no-plain-secret`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from policies.model import UNKNOWN, Config, Finding, Resource, Severity, Stack, StackRule, refuse, unsettled
from policies.rules.baseline.containers import JOB_DEFINITION, PROPERTIES, TASK_DEFINITION, containers
from policies.rules.baseline.secrets import is_secret, may_be_secret, shown, told_by
from policies.values import as_list

FUNCTION, PROJECT = "aws:lambda/function:Function", "aws:codebuild/project:Project"
# Type → how a secret gets there by reference.
REFERENCE = {
    TASK_DEFINITION: "Name its ARN under secrets (valueFrom) of the container",
    JOB_DEFINITION: "Name its ARN under secrets (valueFrom) of the container",
    FUNCTION: "Give the function the secret's ARN, and let it read the secret",
    PROJECT: "Set the variable's type to SECRETS_MANAGER and its value to the secret's name",
}
# What resources of AWS hand out are names, ARNs and addresses, except for these.
WITH_SECRETS = (
    "aws:apigateway/apiKey:", "aws:cognito/userPoolClient:", "aws:docdb/", "aws:ec2/keyPair:", "aws:iam/accessKey:",
    "aws:iam/serviceSpecificCredential:", "aws:lightsail/", "aws:memorydb/", "aws:mq/", "aws:neptune/", "aws:rds/",
    "aws:redshift/", "aws:secretsmanager/secretVersion:", "aws:ssm/parameter:",
)  # fmt: skip


def check(resource: Resource, stack: Stack, _config: Config) -> Iterable[Finding]:
    unknown = False
    for name, value in _variables(resource):
        told = told_by(name)
        if value is UNKNOWN and not told:
            unknown = True
        elif value is UNKNOWN or is_secret(value) or (told and may_be_secret(value)):
            yield refuse(
                resource,
                f"has a secret in plain text: {shown(name)}, for everybody who may look at it. "
                f"{REFERENCE[resource.type]}.",
            )
    if unknown and not _made_of_names(resource, stack):
        yield unsettled(resource, "whether one of its variables is a secret")


def _made_of_names(resource: Resource, stack: Stack) -> bool:
    """Whether what is unknown in the variables is proven to come from resources that hand out no secret."""
    holders = PROPERTIES.get(resource.type, ("environment",))
    linked = {urn for name in holders for urn in resource.dependencies.get(name, frozenset())}
    types = [one.type for one in stack.resources if one.urn in linked - {resource.urn}]
    return len(types) == len(linked) > 0 and all(
        one.startswith(("aws:", "awsx:")) and not one.startswith(WITH_SECRETS) for one in types
    )


def _variables(resource: Resource) -> Iterator[tuple[Any, Any]]:
    if resource.type == FUNCTION:
        variables = resource.get("environment", "variables")
        yield from variables.items() if isinstance(variables, Mapping) else [("", variables)]
        return
    if resource.type == PROJECT:
        found = as_list(resource.get("environment", "environmentVariables"))
        of_project = [one for one in found if not isinstance(one, Mapping) or _in_plain_text(one.get("type"))]
        yield from _pairs(of_project)
        return
    for container in containers(resource):
        yield from _pairs(as_list(container.get("environment")))


def _in_plain_text(kind: Any) -> bool:
    return kind is UNKNOWN or kind in (None, "", "PLAINTEXT")


def _pairs(variables: list[Any]) -> Iterator[tuple[Any, Any]]:
    for variable in variables:
        if variable is UNKNOWN:
            yield "", UNKNOWN
        elif isinstance(variable, Mapping):
            yield variable.get("name"), variable.get("value")


RULE = StackRule(
    id="no-plain-secret",
    theme="baseline",
    description="No secret stands in plain text in a variable of a task, a job, a function or a build.",
    why="It would be in the stack's state, in every preview, and before the eyes of all who may look at the task "
    "definition, the job definition, the function or the project.",
    steps="Keep it in AWS Secrets Manager and give `secrets` with its ARN to the container, the ARN alone to the "
    "function, or a variable of the type SECRETS_MANAGER to the `aws.codebuild.Project`.",
    unknown="A variable whose name says that it is a secret is refused whatever its value. Of another one that is "
    "unknown at preview the property's dependencies tell whether it can be one, as subnets cannot; otherwise the rule "
    "advises, and settles it at update.",
    references=("FSBP ECS.8", "FSBP CodeBuild.2", "checkov CKV_AWS_45"),
    severity=Severity.HIGH,
    types=frozenset(REFERENCE),
    check=check,
)
