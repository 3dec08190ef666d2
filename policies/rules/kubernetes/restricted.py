"""`kubernetes-restricted`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from policies.model import UNKNOWN, Config, Finding, Resource, ResourceRule, Severity, refuse, unsettled
from policies.rules.kubernetes.pods import HOLDERS, UNKNOWN_TEXT, Container, containers, inside, pod
from policies.values import as_list

OF_THE_NODE = ("hostNetwork", "hostPID", "hostIPC")
HARMLESS = ("NET_BIND_SERVICE",)  # the only one that Pod Security's level "restricted" lets a container add


def check(resource: Resource, _config: Config) -> Iterable[Finding]:
    spec = pod(resource)
    if spec is UNKNOWN:
        yield unsettled(resource, "what its pods may do")
        return
    for key in OF_THE_NODE:
        yield from _false(resource, "its pods share", key, inside(spec, key))
    for volume in as_list(inside(spec, "volumes")):
        if inside(volume, "hostPath") not in (None, UNKNOWN):
            yield refuse(resource, "mounts a folder of the node (hostPath). Use an emptyDir or a claim.")
    for container in containers(spec):
        yield from _judge(resource, spec, container)


def _judge(resource: Resource, spec: Any, container: Container) -> Iterable[Finding]:
    name, own = container.name, inside(container.body, "securityContext")
    yield from _false(resource, f"its {name} has", "privileged", inside(own, "privileged"))
    escalates = inside(own, "allowPrivilegeEscalation")
    if escalates is UNKNOWN:
        yield unsettled(resource, f"whether its {name} may gain rights")
    elif escalates is not False:
        yield refuse(
            resource, f"lets its {name} gain rights that it was not given. Set allowPrivilegeEscalation to false."
        )
    user = _either(spec, own, "runAsUser")
    not_root = _either(spec, own, "runAsNonRoot")
    if UNKNOWN in (user, not_root):
        yield unsettled(resource, f"whether its {name} runs as root")
    elif user == 0 or not_root is not True:
        yield refuse(
            resource,
            f"may run its {name} as root. Set runAsNonRoot to true, and runAsUser to the image's user, which is not 0.",
        )
    read_only = inside(own, "readOnlyRootFilesystem")
    if read_only is UNKNOWN:
        yield unsettled(resource, f"whether its {name} can change its own files")
    elif read_only is not True:
        yield refuse(
            resource,
            f"lets its {name} change its own files. Set readOnlyRootFilesystem to true, and mount an emptyDir where it "
            "writes.",
        )
    dropped, added = (inside(own, "capabilities", key) for key in ("drop", "add"))
    if UNKNOWN in (dropped, added):
        yield unsettled(resource, f"which capabilities its {name} has")
    elif "ALL" not in as_list(dropped) or any(one not in HARMLESS for one in as_list(added)):
        yield refuse(resource, f"leaves its {name} capabilities of root. Drop ALL, and add none.")


def _either(spec: Any, own: Any, key: str) -> Any:
    """What the container says or, if nothing, its pod."""
    value = inside(own, key)
    return inside(spec, "securityContext", key) if value is None else value


def _false(resource: Resource, what: str, key: str, value: Any) -> Iterable[Finding]:
    if value is UNKNOWN:
        yield unsettled(resource, f"whether {what} {key}")
    elif value not in (None, False):
        yield refuse(resource, f"has {key}: {what} what is the node's. Leave {key} out.")


RULE = ResourceRule(
    id="kubernetes-restricted",
    theme="baseline",
    description="A pod's containers run without root, without rights of the node, and cannot change their own files.",
    why="Who breaks out of a container that is privileged, or root, has the node, and with it the roles of all pods "
    "there. Pods need none of it; the namespace's Pod Security would refuse most, but only when a Job makes its pods.",
    steps="Set the pod's `securityContext` to runAsNonRoot, and each container's to allowPrivilegeEscalation false, "
    "readOnlyRootFilesystem true and capabilities drop ALL.",
    unknown=UNKNOWN_TEXT,
    references=(
        "Kubernetes Pod Security Standards: restricted", "checkov CKV_K8S_16", "checkov CKV_K8S_17",
        "checkov CKV_K8S_18", "checkov CKV_K8S_19", "checkov CKV_K8S_20", "checkov CKV_K8S_22",
        "checkov CKV_K8S_23", "checkov CKV_K8S_37",
    ),
    severity=Severity.HIGH,
    types=frozenset(HOLDERS),
    check=check,
)  # fmt: skip
