"""Which role is whose: what runs code of ours, the role it runs with, and the role that it is started with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from policies.model import UNKNOWN, Resource, Stack, Unknown
from policies.rules.baseline.containers import JOB_DEFINITION as JOB
from policies.rules.baseline.containers import TASK_DEFINITION as TASK
from policies.rules.baseline.containers import containers
from policies.rules.iam.statements import ROLE
from policies.values import as_list, nested, parse_json

# Type → path of the role that it runs with.
PLACES = {
    TASK: ("taskRoleArn",),
    "aws:apprunner/service:Service": ("instanceConfiguration", "instanceRoleArn"),
    "aws:codebuild/project:Project": ("serviceRole",),
    "aws:eks/podIdentityAssociation:PodIdentityAssociation": ("roleArn",),
    "aws:glue/job:Job": ("roleArn",),
    "aws:lambda/function:Function": ("role",),
    "aws:sfn/stateMachine:StateMachine": ("roleArn",),
}
# Properties of a job definition with its roles somewhere below.
DOCUMENTS = ("containerProperties", "ecsProperties", "nodeProperties")
OWN_KEYS, STARTING_KEYS = frozenset({"jobRoleArn", "taskRoleArn"}), frozenset({"executionRoleArn"})
WORKLOADS = frozenset({*PLACES, JOB})


@dataclass(frozen=True)
class Workload:
    """own, starting: roles by URN in the stack or by name, UNKNOWN where a role is not known yet."""

    resource: Resource
    own: frozenset[str | Unknown]
    starting: frozenset[str | Unknown]

    @property
    def name(self) -> tuple[str, Any]:
        """What it is one workload by: definitions of one family, and jobs that run one program."""
        if self.resource.type == JOB:
            return self.resource.type, _programs(self.resource) or self.resource.urn
        family = self.resource.get("family" if self.resource.type == TASK else "name")
        return self.resource.type, family if isinstance(family, str) and family else self.resource.urn


class Workloads:
    """The workloads of a stack by their roles."""

    def __init__(self, stack: Stack):
        self._roles = {role.urn: role for role in stack.of_type(ROLE)}
        self._by_name = {
            role.get("name"): urn for urn, role in self._roles.items() if isinstance(role.get("name"), str)
        }
        self.by_urn = {one.urn: self._workload(one) for one in stack.of_type(*WORKLOADS)}
        self.running: dict[str, list[Workload]] = {}
        """Role → who runs with it."""
        self.started: dict[str, list[Workload]] = {}
        """Role → who is started with it."""
        for workload in self.by_urn.values():
            for roles, found in ((workload.own, self.running), (workload.starting, self.started)):
                for role in roles:
                    if isinstance(role, str):
                        found.setdefault(role, []).append(workload)

    def role_name(self, role: str) -> str:
        """The role's name; empty where it is not known yet."""
        found = self._roles.get(role)
        name = found.get("name") if found else role
        return name if isinstance(name, str) else ""

    def _workload(self, resource: Resource) -> Workload:
        if resource.type == JOB:
            own = frozenset(self._in_documents(resource, OWN_KEYS))
            return Workload(resource, own, frozenset(self._in_documents(resource, STARTING_KEYS)))
        place = PLACES[resource.type]
        own = self._role(resource, place[0], _given(resource, place))
        starting = self._role(resource, "executionRoleArn", resource.given("executionRoleArn"))
        return Workload(resource, frozenset(own), frozenset(starting))

    def _in_documents(self, resource: Resource, keys: frozenset[str]) -> Iterator[str | Unknown]:
        for name in DOCUMENTS:
            document = parse_json(resource.given(name))
            if document is UNKNOWN:
                yield UNKNOWN
                continue
            for key, value in nested(document):
                if key in keys:
                    yield from self._role(resource, name, value)

    def _role(self, resource: Resource, place: str, value: Any) -> Iterator[str | Unknown]:
        """The role that a value, found in a property of a resource, means."""
        if isinstance(value, str) and value:
            name = value.rsplit("/", 1)[-1]
            yield self._by_name.get(name, name)
        elif value is UNKNOWN:
            linked = self._roles.keys() & resource.dependencies.get(place, frozenset())
            yield next(iter(linked)) if len(linked) == 1 else UNKNOWN


def _programs(job: Resource) -> tuple[str, ...] | None:
    """Image and command of each container; None where one is not known. Fargate and EC2 take a definition each."""
    found = [(one.get("image"), one.get("command")) for one in containers(job)]
    if any(UNKNOWN in as_list(part) or not image for image, command in found for part in (image, command)):
        return None
    return tuple(sorted(repr(one) for one in found))


def _given(resource: Resource, place: tuple[str, ...]) -> Any:
    if resource.given(place[0]) is None:
        return None
    return resource.get(*place)
