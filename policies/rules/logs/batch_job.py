"""`batch-job-logging`."""

from __future__ import annotations

from collections.abc import Iterable

from policies.model import UNKNOWN, Config, Finding, Resource, ResourceRule, Severity, refuse, unsettled
from policies.rules.baseline.containers import JOB_DEFINITION, PROPERTIES, containers
from policies.rules.logs.drivers import Place, place
from policies.values import parse_json

HOW = "Set logConfiguration with the driver awslogs and an awslogs-group of the stack's own."
FAULTS = {
    Place.UNSAID: "says nothing of logs, so they go to the account's group /aws/batch/job and are kept for ever.",
    Place.INSTANCE: "leaves its logs on the instance, with which they go.",
    Place.NO_GROUP: "names no log group, so its logs go to the account's /aws/batch/job.",
}


def check(resource: Resource, _config: Config) -> Iterable[Finding]:
    for name in PROPERTIES[JOB_DEFINITION]:
        given = resource.get(name)
        if parse_json(given) is None and given not in (None, ""):
            yield refuse(resource, f"has {name} that are no JSON object.")
    for container in containers(resource):
        where = place(container.body)
        if where is UNKNOWN:
            yield unsettled(resource, "where its logs go")
        elif fault := FAULTS.get(Place(str(where))):
            yield refuse(resource, f"{fault} {HOW}")


RULE = ResourceRule(
    id="batch-job-logging",
    theme="logs",
    description="A Batch job's logs go to a log group of its own, or to a service for logs.",
    why="Without a group AWS Batch writes into one that all jobs of the account share, that keeps its events for ever, "
    "and whose readers read them all.",
    steps="Set `logConfiguration` in the job definition's container: `awslogs` with `awslogs-group`.",
    unknown="Advises at preview when the container's properties are unknown; settled at update.",
    severity=Severity.MEDIUM,
    types=frozenset({JOB_DEFINITION}),
    check=check,
)
