"""`spot-batch-queue`."""

from __future__ import annotations

from collections.abc import Iterable

from policies.model import UNKNOWN, Config, Finding, Resource, Severity, Stack, StackRule, refuse, unsettled
from policies.rules.batch.environments import COMPONENT, QUEUE, answered, places

SPOT = ("FARGATE_SPOT", "SPOT")


def check(resource: Resource, stack: Stack, _config: Config) -> Iterable[Finding]:
    for place in places(resource, stack):
        of = f" for its {place.name}" if place.name else ""
        first = place.types[0] if place.types else ""
        if first is UNKNOWN:
            possible = set(place.linked)
            if possible and not possible & {UNKNOWN, *SPOT}:
                yield refuse(resource, f"has no environment on Spot{of}. Give it one, as the first.")
            elif not answered(resource, stack):
                yield unsettled(resource, "whether its first environment is on Spot")
        elif first is None:
            yield refuse(
                resource,
                f"has a first environment{of} that is not declared in this stack, so nothing shows that it is on Spot.",
            )
        elif first not in SPOT:
            yield refuse(
                resource,
                f"begins on demand{of}. Put an environment of the type {SPOT[0]} or {SPOT[1]} before the others, which "
                "then take what Spot has no room for.",
            )


RULE = StackRule(
    id="spot-batch-queue",
    theme="spot",
    description="A Batch queue runs its jobs on Spot first; on demand runs what Spot has no room for.",
    why="A job that is reclaimed is tried again, so on-demand capacity is money spent for no benefit.",
    steps="Put an `aws.batch.ComputeEnvironment` of the type FARGATE_SPOT or SPOT first in "
    "`compute_environment_orders`.",
    unknown="Which environment comes first is unknown at preview; the component that makes queue and environments says "
    "it then. For other queues the rule advises, unless none of their environments is on Spot; settled at update.",
    severity=Severity.MEDIUM,
    types=frozenset({QUEUE, COMPONENT}),
    check=check,
)
