"""`kubernetes-no-plain-secret`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from policies.model import UNKNOWN, Config, Finding, Resource, ResourceRule, Severity, Unknown, refuse, unsettled
from policies.rules.baseline.secrets import is_secret, may_be_secret, shown, told_by
from policies.rules.kubernetes.pods import HOLDERS, containers, inside, pod
from policies.values import as_list

SECRET, CONFIG_MAP = "kubernetes:core/v1:Secret", "kubernetes:core/v1:ConfigMap"
REFERENCE = re.compile(r"\$\([-._a-zA-Z0-9]+\)")  # Kubernetes puts another variable's value there


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
        yield from _judge_map(resource)
    else:
        for name, body in containers(pod(resource)):
            for variable in as_list(inside(body, "env")):
                yield from _judge(resource, name, variable)


def _judge_map(resource: Resource) -> Iterable[Finding]:
    data = resource.get("data")
    answers: list[bool | Unknown] = [UNKNOWN] if data is UNKNOWN else []
    for key, value in data.items() if isinstance(data, Mapping) else ():
        is_file = "." in str(key)
        answers.append(_secret(None if is_file else str(key).replace("-", "_"), value))
    if True in answers:
        yield refuse(
            resource,
            "holds what looks like a secret, for everybody who may look at the namespace. Let the Secrets Store CSI "
            "driver or External Secrets bring it from AWS Secrets Manager.",
        )
    elif UNKNOWN in answers:
        yield unsettled(resource, "whether it holds a secret")


def _judge(resource: Resource, container: str, variable: Any) -> Iterable[Finding]:
    name, value = inside(variable, "name"), inside(variable, "value")
    answer = _secret(name, value)
    if answer is UNKNOWN:
        yield unsettled(resource, f"whether a variable of its {container} is a secret")
    elif answer is True:
        yield refuse(
            resource,
            f"has a secret in plain text: {shown(name)} of its {container}. Fill it with valueFrom.secretKeyRef, from "
            "a secret that comes from AWS Secrets Manager.",
        )


def _secret(name: Any, value: Any) -> bool | Unknown:
    """Whether a value is a secret, by itself or by its name, which is enough where the value is unknown."""
    if value is UNKNOWN:
        return told_by(name) or UNKNOWN
    own = REFERENCE.sub("", value) if isinstance(value, str) else value
    return is_secret(own) or (told_by(name) and may_be_secret(own))


RULE = ResourceRule(
    id="kubernetes-no-plain-secret",
    theme="baseline",
    description="No secret stands in plain text in a variable, a ConfigMap or a Secret of the stack.",
    why="It would be in the stack's state, in every preview, and before the eyes of all who may look at a pod.",
    steps="Keep the secret in AWS Secrets Manager, let the Secrets Store CSI driver or External Secrets bring it into "
    "the cluster, and fill the variable with `valueFrom.secretKeyRef`. In this project: list the variable under "
    "`secrets` of the worker, and give it its ARN in the stack.",
    unknown="A value that is unknown counts as a secret where its name says so. Otherwise advises at preview; settled "
    "at update.",
    severity=Severity.HIGH,
    types=frozenset({*HOLDERS, SECRET, CONFIG_MAP}),
    check=check,
)
