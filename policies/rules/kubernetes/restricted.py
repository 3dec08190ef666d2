"""`kubernetes-restricted`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from policies.model import UNKNOWN, Config, Finding, Resource, ResourceRule, Severity, refuse, unsettled
from policies.rules.kubernetes.pods import HOLDERS, UNKNOWN_TEXT, Container, containers, inside, pod
from policies.values import as_list, number

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
        if volume is UNKNOWN:
            yield unsettled(resource, "whether its volumes are folders of the node")
        elif inside(volume, "hostPath") is not None:  # what is unknown was given
            yield refuse(resource, "mounts a folder of the node (hostPath). Use an emptyDir or a claim.")
    windows = "windows" in (inside(spec, "os", "name"), inside(spec, "nodeSelector", "kubernetes.io/os"))
    for container in containers(spec):
        yield from _judge_user(resource, spec, container)
        if windows:
            of_node = _either(spec, container, "windowsOptions", "hostProcess")
            yield from _false(resource, f"its {container.name} has", "hostProcess", of_node)
        else:
            yield from _judge(resource, container)


def _judge_user(resource: Resource, spec: Any, container: Container) -> Iterable[Finding]:
    user = _either(spec, container, "runAsUser")
    not_root = _either(spec, container, "runAsNonRoot")
    if UNKNOWN in (user, not_root):
        yield unsettled(resource, f"whether its {container.name} runs as root")
    elif number(user) == 0 or not_root is not True:
        yield refuse(
            resource,
            f"may run its {container.name} as root. Set runAsNonRoot to true, and runAsUser to the image's user, which "
            "is not 0.",
        )


def _judge(resource: Resource, container: Container) -> Iterable[Finding]:
    """What Linux has alone; Kubernetes refuses these fields for Windows."""
    name, own = container.name, inside(container.body, "securityContext")
    yield from _false(resource, f"its {name} has", "privileged", inside(own, "privileged"))
    escalates = inside(own, "allowPrivilegeEscalation")
    if escalates is UNKNOWN:
        yield unsettled(resource, f"whether its {name} may gain rights")
    elif escalates is not False:
        yield refuse(
            resource, f"lets its {name} gain rights that it was not given. Set allowPrivilegeEscalation to false."
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
    dropped, added = (as_list(inside(own, "capabilities", key)) for key in ("drop", "add"))
    if UNKNOWN in (*dropped, *added):
        yield unsettled(resource, f"which capabilities its {name} has")
    elif "ALL" not in dropped or any(one not in HARMLESS for one in added):
        yield refuse(resource, f"leaves its {name} capabilities of root. Drop ALL, and add none.")


def _either(spec: Any, container: Container, *path: str) -> Any:
    """What the container says in its security context or, if nothing, its pod."""
    value = inside(container.body, "securityContext", *path)
    return inside(spec, "securityContext", *path) if value is None else value


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
    "readOnlyRootFilesystem true and capabilities drop ALL. Of Windows, which has none of these three, runAsNonRoot.",
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
