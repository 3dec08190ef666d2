"""`log-retention`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from policies.model import UNKNOWN, Config, Finding, Resource, ResourceRule, Severity, refuse, unsettled
from policies.values import number

GROUP = "aws:cloudwatch/logGroup:LogGroup"
# What CloudWatch Logs takes, in days. Source: PutRetentionPolicy, Amazon CloudWatch Logs API reference.
RETENTION_DAYS = (
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653
)  # fmt: skip


def check(resource: Resource, config: Config) -> Iterable[Finding]:
    value = resource.get("retentionInDays")
    if resource.get("logGroupClass") == "DELIVERY":
        return  # CloudWatch Logs keeps this class for two days, whatever is asked
    if value is UNKNOWN:
        yield unsettled(resource, "its retention")
        return
    days = 0 if value is None else number(value)
    least, most = config["minDays"], config["maxDays"]
    if days is None or days < 0:
        yield refuse(resource, f"has a retention that is no number of days. Set retentionInDays to {_choice(config)}.")
    elif days == 0 and config["allowNever"]:
        return
    elif days == 0:
        yield refuse(
            resource, f"keeps its events for ever: it has no retention. Set retentionInDays to {_choice(config)}."
        )
    elif not least <= days <= most:
        found = f"{days:g} days" if days in RETENTION_DAYS else "a number of days that is out of bounds"
        yield refuse(resource, f"keeps its events for {found}. Set retentionInDays to {_choice(config)}.")


def remedy(resource: Resource, config: Config) -> Mapping[str, Any]:
    """The allowed retention nearest to what was asked for; for ever becomes the longest one."""
    if not any(finding.settled for finding in check(resource, config)):
        return {}
    allowed = _allowed(config)
    if not allowed:
        return {}
    days = number(resource.get("retentionInDays"))
    nearest = min(allowed, key=lambda a: abs(a - days)) if days is not None and days > 0 else allowed[-1]
    return {"retentionInDays": nearest}


def _allowed(config: Config) -> list[int]:
    return [days for days in RETENTION_DAYS if config["minDays"] <= days <= config["maxDays"]]


def _choice(config: Config) -> str:
    allowed = _allowed(config)
    if not allowed:
        between = f"{config['minDays']:g} and {config['maxDays']:g}"
        return f"a number of days that CloudWatch has; between {between} there is none, so widen minDays or maxDays"
    return " or ".join([", ".join(map(str, allowed[:-1])), str(allowed[-1])] if allowed[1:] else [str(allowed[0])])


RULE = ResourceRule(
    id="log-retention",
    theme="logs",
    description="A log group keeps its events for a time that the stack allows, and not for ever.",
    why="CloudWatch Logs keeps events for ever unless told otherwise: storage is paid for each month, and personal "
    "data stays longer than it may.",
    steps="Set `retention_in_days` of the `aws.cloudwatch.LogGroup`. With this rule at the level `remediate` the "
    "nearest allowed number of days is put in.",
    unknown="Advises at preview when the retention is unknown; settled at update.",
    severity=Severity.MEDIUM,
    references=(
        "Security Hub CloudWatch.16", "checkov CKV_AWS_66", "checkov CKV_AWS_338",
        "cdk-nag Serverless-CloudWatchLogGroupRetentionPeriod",
    ),
    types=frozenset({GROUP}),
    parameters={
        "minDays": {
            "type": "integer", "minimum": 1, "default": 1, "description": "Shortest retention, in days."
        },
        "maxDays": {
            "type": "integer", "minimum": 1, "default": 365, "description": "Longest retention, in days."
        },
        "allowNever": {
            "type": "boolean", "default": False, "description": "Whether a group may keep its events for ever."
        },
    },
    check=check,
    remedy=remedy,
)  # fmt: skip
