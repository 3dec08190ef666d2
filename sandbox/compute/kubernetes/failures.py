"""What a pod's failure means for its Job: the pod failure policy, and the back-off before there is another pod."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.compute.kubernetes.pod import Pod

IGNORE, COUNT, FAIL_INDEX, FAIL_JOB = "Ignore", "Count", "FailIndex", "FailJob"
# Source: Kubernetes documentation, Jobs, pod backoff failure policy. (The controller's own constant, ten minutes,
# makes a difference from the seventh failure in a row on.)
FIRST_SECONDS, MAX_SECONDS = 10, 360


@dataclass
class Failures:
    """Of one index, or of a whole Job since a pod of it has last succeeded. last: when, by the clock."""

    counted: int = 0
    ignored: int = 0
    last: float = 0

    def add(self, now: float, *, ignored: bool) -> None:
        self.counted += not ignored
        self.ignored += ignored
        self.last = now

    @property
    def over_at(self) -> float:
        """When the back-off is over. It also follows failures that the policy ignores."""
        if not (count := self.counted + self.ignored):
            return 0
        return self.last + min(FIRST_SECONDS * 2 ** min(count - 1, 16), MAX_SECONDS)


def verdict(policy: Mapping[str, Any] | None, pod: Pod) -> tuple[str, str]:
    """The action of the policy's first rule that a failed pod matches, else Count; and why, as Kubernetes says it.

    Source: Kubernetes documentation, Jobs, pod failure policy.
    """
    for number, rule in enumerate((policy or {}).get("rules", [])):
        if found := _matches(rule, pod):
            return rule["action"], f"{found} matching {rule['action']} rule at index {number}"
    return COUNT, ""


def _matches(rule: Mapping[str, Any], pod: Pod) -> str | None:
    if codes := rule.get("onExitCodes"):
        container = pod.container["name"]
        if pod.exit_code and codes.get("containerName") in (None, container):
            listed = pod.exit_code in [int(value) for value in codes["values"]]
            if listed == (codes["operator"] == "In"):
                return f"Container {container} for pod {pod.path} failed with exit code {pod.exit_code}"
        return None
    for wanted in rule.get("onPodConditions") or []:
        for condition in pod.conditions:
            if condition["type"] == wanted["type"] and condition["status"] == wanted.get("status", "True"):
                return f"Pod {pod.path} has condition {condition['type']}"
    return None
