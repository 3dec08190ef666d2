"""`kubernetes-limits`."""

from __future__ import annotations

from collections.abc import Iterable

from policies.model import UNKNOWN, Config, Finding, Resource, ResourceRule, Severity, refuse, unsettled
from policies.rules.kubernetes.pods import HOLDERS, UNKNOWN_TEXT, containers, inside, pod

NEEDED = (("requests", "cpu"), ("requests", "memory"), ("limits", "memory"))


def check(resource: Resource, _config: Config) -> Iterable[Finding]:
    for name, body in containers(pod(resource)):
        values = {path: inside(body, "resources", *path) for path in NEEDED}
        if UNKNOWN in values.values():
            yield unsettled(resource, f"how much its {name} asks for")
            continue
        missing = [".".join(path) for path, value in values.items() if value in (None, "")]
        if missing:
            yield refuse(resource, f"does not say {', '.join(missing)} of its {name}. Set them under resources.")
        elif values["requests", "memory"] != values["limits", "memory"]:
            yield refuse(
                resource,
                f"lets its {name} take more memory than it asks for. Set limits.memory to requests.memory: else the "
                "node decides which of its pods ends when memory is short.",
            )


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
