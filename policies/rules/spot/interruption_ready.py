"""`spot-interruption-ready`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from policies.model import UNKNOWN, Config, Finding, Resource, ResourceRule, Severity, refuse, unsettled
from policies.rules.baseline.containers import JOB_DEFINITION, TASK_DEFINITION, containers
from policies.values import as_list, nested, number

# Seconds; the most is that of Fargate. Source: ContainerDefinition, Amazon ECS API reference.
DEFAULT_STOP, MAX_STOP = 30, 120
# What AWS Batch says of an attempt that Spot ended, and a pattern for it.
RECLAIMED = {
    "EC2": ("Host EC2 (instance i-0123456789abcdef0) terminated.", "Host EC2*"),
    "FARGATE": ("Your Spot Task was interrupted.", "Your Spot Task*"),
}
# What an entry of evaluateOnExits may look at.
CONDITIONS = ("onStatusReason", "onReason", "onExitCode")


def check(resource: Resource, config: Config) -> Iterable[Finding]:
    if resource.type == TASK_DEFINITION:
        yield from _stops(resource, config)
    else:
        yield from _retries(resource, config)


def _stops(resource: Resource, config: Config) -> Iterable[Finding]:
    least, most = config["minStopSeconds"], MAX_STOP
    if "FARGATE" not in as_list(resource.get("requiresCompatibilities")):
        most = math.inf
    for container in containers(resource):
        value = container.get("stopTimeout")
        seconds = DEFAULT_STOP if value is None else number(value)
        if value is UNKNOWN:
            yield unsettled(resource, f"how long its {container.name} may take to stop")
        elif seconds is None or not least <= seconds <= most:
            given = f"the default stopTimeout of {DEFAULT_STOP} s," if value is None else "a stopTimeout"
            yield refuse(
                resource,
                f"gives its {container.name} {given} which is not from {least:g} to {MAX_STOP} s. Spot warns two "
                "minutes ahead with SIGTERM; set stopTimeout to what handing over the work takes.",
            )


def _retries(resource: Resource, config: Config) -> Iterable[Finding]:
    if resource.get("type") == "multinode":
        return  # Batch does not run jobs of several nodes on Spot
    strategy = resource.get("retryStrategy")
    attempts, entries = (resource.get("retryStrategy", key) for key in ("attempts", "evaluateOnExits"))
    if UNKNOWN in (strategy, attempts):
        yield unsettled(resource, "how often its jobs are tried")
        return
    times = 1 if attempts is None else number(attempts)
    if times is None or times < config["minAttempts"]:
        yield refuse(
            resource,
            f"tries a job fewer than {config['minAttempts']:g} times, so one that Spot takes back has failed. Raise "
            "attempts in retryStrategy.",
        )
    elif any(value is UNKNOWN for _, value in nested(entries)):
        yield unsettled(resource, "which of its jobs are tried again")
    else:
        kind = "FARGATE" if "FARGATE" in as_list(resource.get("platformCapabilities")) else "EC2"
        reason, pattern = RECLAIMED[kind]
        if _gives_up(entries, reason):
            yield refuse(
                resource,
                "does not try again what Spot takes back: the first entry of evaluateOnExits that fits has the action "
                f'EXIT. Put one before it with onStatusReason "{pattern}" and the action RETRY.',
            )


def _gives_up(entries: Any, reason: str) -> bool:
    """Whether the first entry that fits what Spot took back ends the job. What fits none is tried again."""
    for entry in as_list(entries):
        given = {key: entry.get(key) for key in CONDITIONS} if isinstance(entry, Mapping) else {}
        patterns = {key: value for key, value in given.items() if value not in (None, "")}
        if patterns and all(_fits(key, pattern, reason) for key, pattern in patterns.items()):
            return str(entry.get("action")).upper() == "EXIT"
    return False


def _fits(condition: str, pattern: Any, reason: str) -> bool:
    return pattern == "*" or (condition == "onStatusReason" and fnmatchcase(reason, str(pattern)))


RULE = ResourceRule(
    id="spot-interruption-ready",
    theme="spot",
    description="What runs on Spot has time to hand over its work, and is tried again when it is taken back.",
    why="Spot takes capacity back with two minutes' notice. A container that is killed after a few seconds loses what "
    "it did, and a job that is tried once has failed although nothing is wrong with it.",
    steps="Set `stopTimeout` of each container, up to 120 s, and `retry_strategy` of the `aws.batch.JobDefinition` "
    "with `attempts` of at least 2.",
    unknown="Advises at preview when the containers, their stopTimeout or the retry strategy is unknown; settled at "
    "update.",
    severity=Severity.MEDIUM,
    types=frozenset({TASK_DEFINITION, JOB_DEFINITION}),
    parameters={
        "minStopSeconds": {
            "type": "integer", "minimum": 2, "maximum": 120, "default": 30,
            "description": "Shortest stopTimeout of a container, in seconds.",
        },
        "minAttempts": {
            "type": "integer", "minimum": 1, "maximum": 10, "default": 2,
            "description": "How often a Batch job is tried at least.",
        },
    },
    check=check,
)  # fmt: skip
