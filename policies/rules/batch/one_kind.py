"""`batch-queue-one-kind`."""

from __future__ import annotations

from collections.abc import Iterable

from policies.model import UNKNOWN, Config, Finding, Resource, Severity, Stack, StackRule, refuse, unsettled
from policies.rules.batch.environments import COMPONENT, QUEUE, answered, places

FARGATE, EC2 = ("FARGATE", "FARGATE_SPOT"), ("EC2", "SPOT")


def check(resource: Resource, stack: Stack, _config: Config) -> Iterable[Finding]:
    for place in places(resource, stack):
        # As many environments as the property depends on stand where it is unknown: all of them.
        proven = UNKNOWN not in place.linked and len(place.linked) >= place.types.count(UNKNOWN)
        known = {*place.types, *(place.linked if UNKNOWN in place.types else ())} - ({UNKNOWN} if proven else set())
        if known & set(FARGATE) and known & set(EC2):
            of = f" for its {place.name}" if place.name else ""
            yield refuse(
                resource,
                f"has environments of Fargate and of EC2{of}, and AWS Batch refuses such a queue. Make two queues.",
            )
        elif UNKNOWN in known and not answered(resource, stack):
            yield unsettled(resource, "whether its environments are all of Fargate, or all of EC2")


RULE = StackRule(
    id="batch-queue-one-kind",
    theme="baseline",
    description="The compute environments of a Batch queue are all of Fargate, or all of EC2.",
    why="AWS Batch refuses a queue that mixes them, at the update, when other resources have changed already.",
    steps="Make a queue for Fargate and one for EC2, and submit each job to the one that it is for.",
    unknown="An environment that is unknown at preview is found by the property's dependency on it, or the component "
    "that makes queue and environments says what they are; without either the rule advises, and settles it at update.",
    severity=Severity.HIGH,
    types=frozenset({QUEUE, COMPONENT}),
    check=check,
)
