"""`ecs-container-logging`."""

from __future__ import annotations

from collections.abc import Iterable

from policies.model import UNKNOWN, Config, Finding, Resource, ResourceRule, Severity, refuse, unsettled
from policies.rules.baseline.containers import TASK_DEFINITION, containers
from policies.rules.logs.drivers import Place, place
from policies.values import parse_json

HOW = "Set logConfiguration with the driver awslogs and the awslogs-group of a group of this stack."
FAULTS = {
    Place.UNSAID: "says nothing of logs: what it prints is gone with the task.",
    Place.INSTANCE: "leaves its logs on the instance, with which they go.",
    Place.NO_GROUP: "names no awslogs-group, without which its task does not start.",
}


def check(resource: Resource, _config: Config) -> Iterable[Finding]:
    given = resource.get("containerDefinitions")
    if parse_json(given) is None:
        yield refuse(resource, "has container definitions that are no JSON list.")
        return
    found = containers(resource)
    routed = any(container.body is UNKNOWN or container.get("firelensConfiguration") for container in found)
    for container in found:
        where = place(container.body)
        if where is UNKNOWN:
            yield unsettled(resource, f"where the logs of its {container.name} go")
        elif where == Place.ROUTER and not routed:
            yield refuse(
                resource,
                f"has a {container.name} that sends its logs to a log router, and has no container with "
                f"firelensConfiguration that would be one. Add one, or choose another driver. {HOW}",
            )
        elif fault := FAULTS.get(Place(str(where))):
            yield refuse(resource, f"has a {container.name} that {fault} {HOW}")


RULE = ResourceRule(
    id="ecs-container-logging",
    theme="logs",
    description="Every container of an ECS task sends its logs somewhere.",
    why="A task that failed is gone within the hour, and on Fargate there is no instance to look at. Without a log "
    "driver nothing says why.",
    steps="Set `logConfiguration` of each container in `container_definitions`: `awslogs` with `awslogs-group`, "
    "`awslogs-region` and `awslogs-stream-prefix`, and declare the group.",
    unknown="Advises at preview when the container definitions are unknown as a whole; settled at update.",
    severity=Severity.HIGH,
    references=("FSBP ECS.9", "cdk-nag AwsSolutions-ECS7"),
    types=frozenset({TASK_DEFINITION}),
    check=check,
)
