"""What is declared for Batch: compute environments, queues with their share policies, job definitions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SPOT_TYPES = ("FARGATE_SPOT", "SPOT")
MIN_DECAY_SECONDS = 600  # Source: AWS Batch API reference, FairsharePolicy


@dataclass(frozen=True, eq=False)
class Environment:
    """kind: FARGATE, FARGATE_SPOT, EC2 or SPOT. max_vcpus: of all jobs on it at once."""

    name: str
    arn: str
    kind: str
    max_vcpus: float
    enabled: bool
    description: Mapping[str, Any]

    @property
    def spot(self) -> bool:
        return self.kind in SPOT_TYPES

    @property
    def fargate(self) -> bool:
        return self.kind.startswith("FARGATE")


@dataclass(frozen=True, eq=False)
class SharePolicy:
    """
    reservation: percent held back for identifiers that are not active. decay_seconds: how long use is remembered.
    weights: identifier, or its beginning and `*`, → factor; a lower one gets more.
    """

    name: str
    arn: str
    reservation: float
    decay_seconds: float
    weights: Mapping[str, float]
    description: Mapping[str, Any]

    def weight(self, identifier: str) -> float:
        for pattern, weight in self.weights.items():
            if identifier == pattern or (pattern.endswith("*") and identifier.startswith(pattern[:-1])):
                return weight
        return 1.0


@dataclass(frozen=True, eq=False)
class Queue:
    """environments: in their order."""

    name: str
    arn: str
    priority: int
    enabled: bool
    environments: tuple[Environment, ...]
    policy: SharePolicy | None
    description: Mapping[str, Any]

    @property
    def fargate(self) -> bool:
        return self.environments[0].fargate

    @property
    def max_vcpus(self) -> float:
        return sum(environment.max_vcpus for environment in self.environments)


@dataclass(frozen=True, eq=False)
class Definition:
    """description: in the API's form; what a job takes from it is there."""

    name: str
    revision: int
    arn: str
    description: Mapping[str, Any]

    @property
    def container(self) -> Mapping[str, Any]:
        return self.description["containerProperties"]


class Declared:
    """All of it, by ARN and by name."""

    def __init__(self, prefix: str):
        """prefix: of ARNs, `arn:aws:batch:<region>:<account>:`."""
        self._prefix = prefix
        self.environments: dict[str, Environment] = {}
        self.policies: dict[str, SharePolicy] = {}
        self.queues: dict[str, Queue] = {}
        self.definitions: dict[str, list[Definition]] = {}

    def add_environment(self, name: str, resources: Mapping[str, Any], **more: Any) -> Environment:
        """resources: `computeResources`. more: other fields of the description."""
        arn = f"{self._prefix}compute-environment/{name}"
        state = more.get("state") or "ENABLED"
        description = {
            "computeEnvironmentName": name,
            "computeEnvironmentArn": arn,
            "type": "MANAGED",
            "state": state,
            "status": "VALID",
            "statusReason": "ComputeEnvironment Healthy",
            "computeResources": resources,
        }
        made = Environment(name, arn, resources["type"], float(resources["maxvCpus"]), state == "ENABLED", description)
        self.environments[name] = made
        return made

    def add_policy(self, name: str, fairshare: Mapping[str, Any]) -> SharePolicy:
        """fairshare: `fairsharePolicy`."""
        arn = f"{self._prefix}scheduling-policy/{name}"
        weights = {
            item["shareIdentifier"]: float(item.get("weightFactor") or 1)
            for item in fairshare.get("shareDistribution", [])
        }
        description = {"name": name, "arn": arn, "fairsharePolicy": fairshare}
        self.policies[name] = SharePolicy(
            name=name,
            arn=arn,
            reservation=float(fairshare.get("computeReservation") or 0),
            decay_seconds=float(
                fairshare.get("shareDecaySeconds") or 600
            ),  # Source: FairsharePolicy, shareDecaySeconds
            weights=weights,
            description=description,
        )
        return self.policies[name]

    def add_queue(
        self, name: str, priority: int, environments: list[str], policy: str | None, state: str = "ENABLED"
    ) -> Queue:
        """environments: names or ARNs, in order. policy: ARN. Raises LookupError for one that is not there,
        ValueError if they mix Fargate and EC2."""
        found = tuple(by_name_or_arn(self.environments, one) for one in environments)
        if len({environment.fargate for environment in found}) > 1:
            raise ValueError(f"queue {name}: Fargate and EC2 environments cannot be in one queue")
        arn = f"{self._prefix}job-queue/{name}"
        order = [{"order": n, "computeEnvironment": one.arn} for n, one in enumerate(found, 1)]
        description: dict[str, Any] = {
            "jobQueueName": name,
            "jobQueueArn": arn,
            "state": state,
            "status": "VALID",
            "statusReason": "JobQueue Healthy",
            "priority": priority,
            "computeEnvironmentOrder": order,
        }
        if policy:
            description["schedulingPolicyArn"] = policy
        made = by_name_or_arn(self.policies, policy) if policy else None
        self.queues[name] = Queue(name, arn, priority, state == "ENABLED", found, made, description)
        return self.queues[name]

    def add_definition(self, name: str, description: Mapping[str, Any]) -> Definition:
        """A new revision; those before it are no longer active, as the provider deregisters them."""
        revision = len(self.definitions.get(name, [])) + 1
        arn = f"{self._prefix}job-definition/{name}:{revision}"
        whole = {**description, "jobDefinitionName": name, "jobDefinitionArn": arn, "revision": revision}
        made = Definition(name, revision, arn, {"status": "ACTIVE", "type": "container", **whole})
        self.definitions.setdefault(name, []).append(made)
        return made

    def definition(self, wanted: str) -> Definition:
        """By name (the newest), `name:revision` or ARN. Raises LookupError."""
        name, _, revision = wanted.rsplit("/", 1)[-1].partition(":")
        revisions = self.definitions[name]
        return revisions[int(revision) - 1 if revision else -1]


def by_name_or_arn(things: Mapping[str, Any], wanted: str) -> Any:
    """Raises LookupError."""
    return things[wanted.rsplit("/", 1)[-1]]
