"""`container-restricted`."""

from __future__ import annotations

from collections.abc import Iterable

from policies.model import UNKNOWN, Config, Finding, Resource, ResourceRule, Severity, refuse, unsettled
from policies.rules.baseline.containers import JOB_DEFINITION, TASK_DEFINITION, Container, containers

OF_THE_HOST = {"networkMode": "network", "pidMode": "processes", "ipcMode": "memory"}


def check(resource: Resource, _config: Config) -> Iterable[Finding]:
    for key, what in OF_THE_HOST.items():
        value = resource.get(key)
        if value is UNKNOWN:
            yield unsettled(resource, f"its {key}")
        elif value == "host":
            yield refuse(resource, f"shares the {what} of its host. Leave {key} out, or set it to another value.")
    system = resource.get("runtimePlatform", "operatingSystemFamily")
    for container in containers(resource):
        own = container.get("runtimePlatform", "operatingSystemFamily")  # a Batch container says it itself
        yield from _judge(resource, container, windows=any(str(one).startswith("WINDOWS") for one in (system, own)))


def _judge(resource: Resource, container: Container, *, windows: bool) -> Iterable[Finding]:
    name = container.name
    privileged, read_only, user = (container.get(key) for key in ("privileged", "readonlyRootFilesystem", "user"))
    if UNKNOWN in (privileged, read_only, user):
        yield unsettled(resource, f"what its {name} may do")
        return
    if privileged not in (None, False):
        yield refuse(resource, f"gives its {name} the rights of its host. Leave privileged out.")
    if windows:
        return  # has neither of the others
    if read_only is not True:
        yield refuse(
            resource,
            f"lets its {name} change its own files. Set readonlyRootFilesystem to true, and mount a volume where it "
            "writes.",
        )
    if str(user or "").partition(":")[0].strip().lstrip("0") in ("", "root"):
        yield refuse(resource, f"may run its {name} as root. Set user to the image's user, by number, which is not 0.")


RULE = ResourceRule(
    id="container-restricted",
    theme="baseline",
    description="A container of ECS or AWS Batch runs without root, without rights of its host, and cannot change its "
    "own files.",
    why="Who breaks into a container that is root and may write puts programs of his own into it, and on an instance "
    "a privileged one has the host, with the roles of all tasks there.",
    steps="In the container's JSON set `readonlyRootFilesystem` to true and `user` to a number other than 0, and leave "
    "`privileged` out; leave host out of `network_mode`, `pid_mode` and `ipc_mode` of the `aws.ecs.TaskDefinition`.",
    unknown="Advises at preview when the containers, or what they may do, are unknown; settled at update.",
    references=(
        "FSBP ECS.3", "FSBP ECS.4", "FSBP ECS.5", "FSBP ECS.17", "FSBP ECS.20", "checkov CKV_AWS_210",
        "checkov CKV_AWS_334", "checkov CKV_AWS_335", "checkov CKV_AWS_336",
    ),
    severity=Severity.HIGH,
    types=frozenset({TASK_DEFINITION, JOB_DEFINITION}),
    check=check,
)  # fmt: skip
