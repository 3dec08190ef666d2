"""`kubernetes-no-plain-secret`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from policies.model import UNKNOWN, Config, Finding, Resource, ResourceRule, Severity, refuse, unsettled
from policies.rules.baseline.secrets import is_secret, may_be_secret, told_by
from policies.rules.kubernetes.pods import HOLDERS, containers, inside, pod
from policies.values import as_list, nested

SECRET, CONFIG_MAP = "kubernetes:core/v1:Secret", "kubernetes:core/v1:ConfigMap"


def check(resource: Resource, _config: Config) -> Iterable[Finding]:
    if resource.type == SECRET:
        data = [resource.get(key) for key in ("data", "stringData")]
        if any(one not in (None, {}) for one in data):
            yield refuse(
                resource,
                "is written by the stack, so its values are in the stack's state. Let the Secrets Store CSI driver or "
                "External Secrets bring them from AWS Secrets Manager.",
            )
    elif resource.type == CONFIG_MAP:
        if any(is_secret(value) for _, value in nested(resource.get("data"))):
            yield refuse(resource, "holds what looks like a secret, for everybody who may look at the namespace.")
    else:
        for name, body in containers(pod(resource)):
            for variable in as_list(inside(body, "env")):
                yield from _judge(resource, name, variable)


def _judge(resource: Resource, container: str, variable: Any) -> Iterable[Finding]:
    name, value = inside(variable, "name"), inside(variable, "value")
    told = told_by(name)
    if value is UNKNOWN and not told:
        yield unsettled(resource, f"whether a variable of its {container} is a secret")
    elif value is UNKNOWN or is_secret(value) or (told and may_be_secret(value)):
        shown = f"'{name}'" if isinstance(name, str) else "a variable"
        yield refuse(
            resource,
            f"has a secret in plain text: {shown} of its {container}. Fill it with valueFrom.secretKeyRef, from a "
            "secret that comes from AWS Secrets Manager.",
        )


RULE = ResourceRule(
    id="kubernetes-no-plain-secret",
    theme="baseline",
    description="No secret stands in plain text in a variable, a ConfigMap or a Secret of the stack.",
    why="It would be in the stack's state, in every preview, and before the eyes of all who may look at a pod.",
    steps="List the variable under `secrets` of the worker, and give it its ARN in the stack.",
    unknown="Advises at preview when a variable's value is unknown; settled at update.",
    severity=Severity.HIGH,
    types=frozenset({*HOLDERS, SECRET, CONFIG_MAP}),
    check=check,
)
