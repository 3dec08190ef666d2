"""`dynamodb-recovery`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from policies.model import UNKNOWN, Config, Finding, Resource, ResourceRule, Severity, refuse, unsettled
from policies.rules.baseline.exceptions import EXCEPT, excepted

WAY = ("pointInTimeRecovery", "enabled")


def check(resource: Resource, config: Config) -> Iterable[Finding]:
    if not config["required"] or excepted(resource, config):
        return
    enabled = resource.get(*WAY)
    if enabled is UNKNOWN:
        yield unsettled(resource, "whether it can be recovered to a point in time")
    elif enabled is not True:
        yield refuse(
            resource,
            "cannot be recovered: what a wrong program writes or deletes is lost. Set pointInTimeRecovery.enabled to "
            "true.",
        )


def remedy(resource: Resource, config: Config) -> Mapping[str, Any]:
    if not any(finding.settled for finding in check(resource, config)):
        return {}
    given = resource.get(WAY[0])
    kept = given if isinstance(given, Mapping) else {}
    return {} if UNKNOWN in kept.values() else {WAY[0]: {**kept, "enabled": True}}


RULE = ResourceRule(
    id="dynamodb-recovery",
    theme="baseline",
    description="Where the stack wants it, a table can be recovered to a point in time.",
    why="A fault in a program overwrites items faster than anybody notices; without recovery there is no way back.",
    steps="Set `point_in_time_recovery` of the `aws.dynamodb.Table` to enabled. With this rule at the level "
    "`remediate` it is put in.",
    unknown="Advises at preview when it is unknown; settled at update.",
    references=("FSBP DynamoDB.2", "checkov CKV_AWS_28"),
    severity=Severity.MEDIUM,
    types=frozenset({"aws:dynamodb/table:Table"}),
    parameters={
        "required": {
            "type": "boolean", "default": False, "description": "Whether tables have to be recoverable."
        },
        "except": EXCEPT,
    },
    check=check,
    remedy=remedy,
)  # fmt: skip
