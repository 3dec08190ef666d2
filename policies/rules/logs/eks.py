"""`eks-control-plane-logs`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from policies.model import UNKNOWN, Config, Finding, Resource, ResourceRule, Severity, refuse, unsettled
from policies.values import as_list

CLUSTER = "aws:eks/cluster:Cluster"
KINDS = ("api", "audit", "authenticator", "controllerManager", "scheduler")


def check(resource: Resource, config: Config) -> Iterable[Finding]:
    given = as_list(resource.get("enabledClusterLogTypes"))
    missing = [kind for kind in config["kinds"] if kind not in given]
    if missing and UNKNOWN in given:
        yield unsettled(resource, "which of its control plane's logs it keeps")
    elif missing:
        yield refuse(
            resource,
            f"keeps no logs of its control plane of the kinds {', '.join(missing)}: who did what in the cluster, and "
            "why a pod did not start, cannot be found out later. Add them to enabledClusterLogTypes.",
        )


def remedy(resource: Resource, config: Config) -> Mapping[str, Any]:
    """Adds what is missing."""
    given = as_list(resource.get("enabledClusterLogTypes"))
    missing = [kind for kind in config["kinds"] if kind not in given]
    return {"enabledClusterLogTypes": [*given, *missing]} if missing and UNKNOWN not in given else {}


RULE = ResourceRule(
    id="eks-control-plane-logs",
    theme="logs",
    description="A Kubernetes cluster of EKS keeps the logs of its control plane.",
    why="EKS runs the control plane and shows nothing of it unless asked, and what was not kept cannot be asked for "
    "later: the audit log is the only record of who used the cluster's API.",
    steps="Set `enabled_cluster_log_types` of the `aws.eks.Cluster`, and declare its log group "
    "`/aws/eks/CLUSTER/cluster` with a retention before it. With this rule at the level `remediate` the kinds that are "
    "missing are put in.",
    unknown="Advises at preview when the kinds are unknown; settled at update.",
    severity=Severity.MEDIUM,
    references=("FSBP EKS.8", "checkov CKV_AWS_37", "cdk-nag AwsSolutions-EKS2"),
    types=frozenset({CLUSTER}),
    parameters={
        "kinds": {
            "type": "array", "items": {"type": "string", "enum": list(KINDS)}, "default": list(KINDS),
            "description": "The logs that must be kept.",
        },
    },
    check=check,
    remedy=remedy,
)  # fmt: skip
