"""`spot-k8s-placement`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from policies.model import UNKNOWN, Config, Finding, Level, Resource, ResourceRule, Severity, Unknown, refuse, unsettled
from policies.rules.kubernetes.pods import CRON_JOBS, JOB, inside, pod
from policies.values import as_list

# The labels of nodes on Spot: of EKS's managed node groups, and of Karpenter and EKS Auto Mode.
LABELS = {"eks.amazonaws.com/capacityType": "SPOT", "karpenter.sh/capacity-type": "spot"}
REQUIRED, PREFERRED = (
    "requiredDuringSchedulingIgnoredDuringExecution",
    "preferredDuringSchedulingIgnoredDuringExecution",
)
Answer = bool | Unknown


def check(resource: Resource, config: Config) -> Iterable[Finding]:
    spec = pod(resource)
    labels = LABELS | dict(str(one).split("=", 1) for one in as_list(config["labels"]) if "=" in str(one))
    affinity = inside(spec, "affinity", "nodeAffinity")
    answer = _any(
        [
            _selected(inside(spec, "nodeSelector"), labels),
            _required(inside(affinity, REQUIRED, "nodeSelectorTerms"), labels),
            # With no room on Spot the pod goes elsewhere, but it goes there first.
            _any([_term(inside(one, "preference"), labels) for one in as_list(inside(affinity, PREFERRED))]),
        ]
    )
    if answer is UNKNOWN:
        yield unsettled(resource, "on which nodes its pods are placed")
    elif answer is False:
        choice = " or ".join(f"{key}={value}" for key, value in labels.items())
        yield refuse(
            resource,
            "does not ask for nodes on Spot, so its pods run wherever there is room; to tolerate a taint is not to be "
            f"placed there. Set nodeSelector or a node affinity on {choice}.",
        )


def _selected(selector: Any, labels: Mapping[str, str]) -> Answer:
    if isinstance(selector, Unknown):
        return UNKNOWN
    values = {key: inside(selector, key) for key in labels}
    return _any([UNKNOWN if value is UNKNOWN else value == labels[key] for key, value in values.items()])


def _required(terms: Any, labels: Mapping[str, str]) -> Answer:
    """A node that fits one of the terms is enough, so each has to ask for Spot."""
    answers = [_term(one, labels) for one in as_list(terms)]
    if not answers or False in answers:
        return False
    return UNKNOWN if UNKNOWN in answers else True


def _term(term: Any, labels: Mapping[str, str]) -> Answer:
    return _any([_asks(one, labels) for one in as_list(inside(term, "matchExpressions"))])


def _asks(expression: Any, labels: Mapping[str, str]) -> Answer:
    key, operator, values = (inside(expression, name) for name in ("key", "operator", "values"))
    if UNKNOWN in (key, operator, *as_list(values)):
        return UNKNOWN
    return isinstance(key, str) and operator == "In" and as_list(values) == [labels.get(key)]


def _any(answers: list[Answer]) -> Answer:
    if True in answers:
        return True
    return UNKNOWN if UNKNOWN in answers else False


RULE = ResourceRule(
    id="spot-k8s-placement",
    theme="spot",
    level=Level.ADVISORY,
    description="The pods of a Job or CronJob are placed on Spot nodes.",
    why="A Job goes on when Spot takes a node back. Pods that do not say where they run end up on nodes on demand, "
    "which then stay for them.",
    steps="Set `node_selector` of the pod's spec, or a node affinity, to the label of the Spot nodes: "
    "eks.amazonaws.com/capacityType: SPOT, karpenter.sh/capacity-type: spot, or a label of your own.",
    unknown="Advises at preview when selector or affinity are unknown; settled at update.",
    severity=Severity.LOW,
    types=frozenset({JOB, *CRON_JOBS}),
    parameters={
        "labels": {
            "type": "array",
            "items": {"type": "string", "pattern": "="},
            "default": ["workload-type=batch"],
            "description": "Labels, written key=value, of nodes that are on Spot, besides those of EKS and Karpenter.",
        },
    },
    check=check,
)
