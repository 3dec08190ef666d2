"""`kubernetes-limits`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from policies.model import UNKNOWN, Config, Finding, Resource, ResourceRule, Severity, refuse, unsettled
from policies.rules.kubernetes.pods import HOLDERS, UNKNOWN_TEXT, containers, inside, pod
from policies.values import number

NEEDED = (("requests", "cpu"), ("requests", "memory"), ("limits", "memory"))
# Suffixes of quantities. Source: Quantity, Kubernetes API reference.
SUFFIXES = {
    "n": 1e-9, "u": 1e-6, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18,
    "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "Pi": 2**50, "Ei": 2**60,
}  # fmt: skip
QUANTITY = re.compile(r"(.*?)(" + "|".join(SUFFIXES) + r")?", re.DOTALL)


def check(resource: Resource, _config: Config) -> Iterable[Finding]:
    for name, body in containers(pod(resource)):
        values = {path: _amount(inside(body, "resources"), *path) for path in NEEDED}
        if UNKNOWN in values.values():
            yield unsettled(resource, f"how much its {name} asks for")
            continue
        missing = [".".join(path) for path, value in values.items() if not value]
        if missing:
            yield refuse(resource, f"does not say {', '.join(missing)} of its {name}. Set them under resources.")
        elif values["requests", "memory"] != values["limits", "memory"]:
            yield refuse(
                resource,
                f"lets its {name} take more memory than it asks for. Set limits.memory to requests.memory: else the "
                "node decides which of its pods ends when memory is short.",
            )


def _amount(resources: Any, kind: str, name: str) -> Any:
    """A number, or the text of what is none; UNKNOWN, or None. Kubernetes takes a limit for a request not given."""
    value = inside(resources, kind, name)
    if value is None and kind == "requests":
        value = inside(resources, "limits", name)
    if not isinstance(value, str):
        return value
    match = QUANTITY.fullmatch(value)
    amount = number(match[1]) if match else None
    return value if match is None or amount is None else amount * SUFFIXES.get(match[2], 1)


RULE = ResourceRule(
    id="kubernetes-limits",
    theme="baseline",
    description="A container says how much CPU and memory it needs, and takes no more memory than that.",
    why="Without requests the scheduler puts a pod anywhere and the autoscaler makes no node for it; without a limit "
    "one pod takes the memory of all on its node.",
    steps="Set `resources` of each container: requests for cpu and memory, and the same memory under limits.",
    unknown=UNKNOWN_TEXT,
    references=("checkov CKV_K8S_10", "checkov CKV_K8S_12", "checkov CKV_K8S_13"),
    severity=Severity.MEDIUM,
    types=frozenset(HOLDERS),
    check=check,
)
