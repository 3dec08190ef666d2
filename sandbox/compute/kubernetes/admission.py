"""What the API server refuses, and what the sandbox does not run.

Only what no schema says; the program checks its objects against the schemas before anything is sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.compute.kubernetes.failures import FAIL_INDEX
from sandbox.compute.kubernetes.quantity import quantity

VOLUMES = ("configMap", "secret", "emptyDir", "ephemeral", "csi")


class Refused(Exception):
    """The object cannot be created or changed; the text says why, for people."""


def check(manifest: Mapping[str, Any]) -> None:
    """`Refused` for what Kubernetes would not take, NotImplementedError for what the sandbox cannot run."""
    kind, name, spec = manifest["kind"], manifest["metadata"]["name"], manifest.get("spec") or {}
    if kind == "CronJob":
        spec = (spec.get("jobTemplate") or {}).get("spec") or {}
    if kind in ("Job", "CronJob"):
        if wrong := _problem_of_job(spec):
            raise Refused(f"{kind} {name}: {wrong}")
        if unknown := _unknown_of_job(spec):
            raise NotImplementedError(f"{kind} {name}: the sandbox runs no {unknown}")
    if kind == "ResourceQuota":
        for key, value in (spec.get("hard") or {}).items():
            try:
                quantity(value)
            except ValueError as error:
                raise Refused(f"{kind} {name}: {key}: {error}") from None


def _problem_of_job(spec: Mapping[str, Any]) -> str | None:
    """Source: Kubernetes documentation, Jobs: backoff limit per index, pod failure policy."""
    pod, per_index = spec["template"]["spec"], "backoffLimitPerIndex" in spec
    if spec.get("completionMode") == "Indexed" and "completions" not in spec:
        return "completions must be set for completionMode Indexed"
    if per_index and spec.get("completionMode") != "Indexed":
        return "backoffLimitPerIndex needs completionMode Indexed"
    if "maxFailedIndexes" in spec and not per_index:
        return "maxFailedIndexes needs backoffLimitPerIndex"
    rules = (spec.get("podFailurePolicy") or {}).get("rules", [])
    if any(rule["action"] == FAIL_INDEX for rule in rules) and not per_index:
        return "the pod failure policy's action FailIndex needs backoffLimitPerIndex"
    if (rules or per_index) and pod.get("restartPolicy") != "Never":
        return "podFailurePolicy and backoffLimitPerIndex need restartPolicy Never"
    for container in pod["containers"]:
        for part in ("requests", "limits"):
            for key, value in ((container.get("resources") or {}).get(part) or {}).items():
                try:
                    quantity(value)
                except ValueError as error:
                    return f"{part}.{key} of container {container['name']}: {error}"
    return None


def _unknown_of_job(spec: Mapping[str, Any]) -> str | None:
    pod = spec["template"]["spec"]
    if pod.get("restartPolicy") != "Never":
        return "restartPolicy but Never"
    if len(pod["containers"]) != 1 or pod.get("initContainers"):
        return "pods of more than one container"
    if not any(item["name"] == "WORKER" for item in pod["containers"][0].get("env") or []):
        return "container but a worker's, which its variable WORKER names"
    if "successPolicy" in spec:
        return "successPolicy"
    if spec.get("podReplacementPolicy", "Failed") != "Failed":
        return "podReplacementPolicy but Failed"
    if "completions" not in spec and spec.get("parallelism", 1) > 1:
        return "work queues: parallelism without completions"
    for volume in pod.get("volumes") or []:
        if not any(kind in volume for kind in VOLUMES):
            return f"volume like {volume['name']}; it knows {', '.join(VOLUMES)}"
    return None
