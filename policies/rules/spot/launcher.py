"""`spot-launcher`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from policies.model import UNKNOWN, Config, Finding, Resource, ResourceRule, Severity, refuse, unsettled
from policies.rules.spot.strategy import MIN_SHARE
from policies.values import number

JOB_RUNNER = "serverless-batch:job_runner:JobRunner"


def check(resource: Resource, config: Config) -> Iterable[Finding]:
    shares = resource.get("spotShares")
    if shares is UNKNOWN:
        yield unsettled(resource, "its Spot shares")
    elif not isinstance(shares, Mapping):
        yield refuse(
            resource,
            "does not say what share of each worker's tasks it starts on Spot. Hand the shares to the engine as its "
            "input spotShares.",
        )
    else:
        for worker, share in shares.items():
            yield from _judge(resource, worker, share, config)


def _judge(resource: Resource, worker: str, share: object, config: Config) -> Iterable[Finding]:
    percent = number(share)
    if share is UNKNOWN:
        yield unsettled(resource, f"the Spot share of the worker '{worker}'")
    elif percent is None or not 0 <= percent <= 100:
        yield refuse(resource, f"has a Spot share for the worker '{worker}' that is no percentage from 0 to 100.")
    elif percent < config["minShare"]:
        yield refuse(
            resource,
            f"starts {percent:.3g} % of the tasks of the worker '{worker}' on Spot, and at least "
            f"{config['minShare']:g} % must be. Raise the worker's Spot share in the stack's configuration.",
        )


RULE = ResourceRule(
    id="spot-launcher",
    theme="spot",
    description="The launcher starts the tasks of each worker that runs jobs on Fargate Spot, on demand only as far as "
    "the stack allows.",
    why="The launcher names the capacity of every task that it starts, so neither a service nor the cluster's default "
    "shows where its tasks run. The job runner hands the shares to the engine as its input `spotShares`.",
    steps="Raise the Spot share of the stack, or of the worker in the stack.",
    unknown="Advises at preview when a share is unknown; settled at update.",
    severity=Severity.MEDIUM,
    types=frozenset({JOB_RUNNER}),
    parameters={"minShare": MIN_SHARE},
    check=check,
)
