"""The pods that Kubernetes makes of an object."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from policies.model import UNKNOWN, Resource
from policies.values import as_list

JOB = "kubernetes:batch/v1:Job"
CRON_JOBS = ("kubernetes:batch/v1:CronJob", "kubernetes:batch/v1beta1:CronJob")
TEMPLATED = (
    JOB, "kubernetes:apps/v1:DaemonSet", "kubernetes:apps/v1:Deployment", "kubernetes:apps/v1:ReplicaSet",
    "kubernetes:apps/v1:StatefulSet", "kubernetes:core/v1:ReplicationController",
)  # fmt: skip
# Type → where it holds the spec of its pods.
HOLDERS: dict[str, tuple[str, ...]] = {
    "kubernetes:core/v1:Pod": ("spec",),
    **dict.fromkeys(TEMPLATED, ("spec", "template", "spec")),
    **dict.fromkeys(CRON_JOBS, ("spec", "jobTemplate", "spec", "template", "spec")),
}
UNKNOWN_TEXT = "Advises at preview when a part of the pod that decides is unknown; settled at update."


class Container(NamedTuple):
    """name: for people. body: as it is written, or UNKNOWN."""

    name: str
    body: Any


def pod(resource: Resource) -> Any:
    """The spec of the pods: a map, or UNKNOWN, or whatever else stands there."""
    return resource.get(*HOLDERS[resource.type])


def containers(spec: Any) -> list[Container]:
    """Those that do the work and those that prepare it."""
    if spec is UNKNOWN:
        return [Container(_name(None), UNKNOWN)]
    bodies = [one for key in ("initContainers", "containers") for one in as_list(inside(spec, key))]
    return [Container(_name(inside(body, "name")), body) for body in bodies]


def inside(value: Any, *path: str) -> Any:
    """The value at a path of maps; None where nothing is there, UNKNOWN where the way to it is unknown."""
    for key in path:
        if value is UNKNOWN:
            return UNKNOWN
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _name(name: Any) -> str:
    return f"container '{name}'" if isinstance(name, str) else "unnamed container"
