"""`batch-scale-to-zero`."""

from __future__ import annotations

from collections.abc import Iterable

from policies.model import UNKNOWN, Config, Finding, Resource, ResourceRule, Severity, refuse, unsettled
from policies.rules.batch.environments import ENVIRONMENT
from policies.values import number


def check(resource: Resource, config: Config) -> Iterable[Finding]:
    least = resource.get("computeResources", "minVcpus")
    if least is UNKNOWN:
        yield unsettled(resource, "how many vCPUs it keeps")
        return
    vcpus = 0 if least is None else number(least)
    if vcpus is None:
        yield refuse(resource, "has a minVcpus that is no number. Set it to 0, or leave it out.")
    elif vcpus > config["maxMinVcpus"]:
        yield refuse(
            resource,
            f"keeps {vcpus:g} vCPUs while no job runs, and at most {config['maxMinVcpus']:g} may be. Set minVcpus of "
            "its computeResources to 0: the first job then waits for an instance, some minutes.",
        )


RULE = ResourceRule(
    id="batch-scale-to-zero",
    theme="baseline",
    description="A Batch compute environment keeps no instances while no job runs.",
    why="Instances that wait are paid for, day and night, on Spot as well.",
    steps="Set `min_vcpus` of the `aws.batch.ComputeEnvironment` to 0.",
    unknown="Advises at preview when the number is unknown; settled at update.",
    severity=Severity.MEDIUM,
    types=frozenset({ENVIRONMENT}),
    parameters={
        "maxMinVcpus": {
            "type": "integer", "minimum": 0, "default": 0, "description": "Most vCPUs that an environment may keep."
        },
    },
    check=check,
)  # fmt: skip
