"""`schedule-retry`."""

from __future__ import annotations

from collections.abc import Iterable

from policies.model import UNKNOWN, Config, Finding, Resource, ResourceRule, Severity, refuse, unsettled
from policies.values import number

AGE, ATTEMPTS = "maximumEventAgeInSeconds", "maximumRetryAttempts"
HOW = f"Set {ATTEMPTS} and {AGE} in target.retryPolicy."


def check(resource: Resource, config: Config) -> Iterable[Finding]:
    age, attempts = (resource.get("target", "retryPolicy", key) for key in (AGE, ATTEMPTS))
    if age is UNKNOWN or attempts is UNKNOWN:
        yield unsettled(resource, "its retry policy")
        return
    seconds, times = number(age), number(attempts)
    if seconds is None or times is None:
        yield refuse(
            resource,
            "does not say how often and for how long it is tried, which is 185 times within a day then, so that what "
            f"was due in the morning may start at night. {HOW}",
        )
        return
    if times < 1:
        yield refuse(resource, f"is not tried again: a moment's refusal by its target costs a run. {HOW}")
    if seconds > config["maxAgeSeconds"]:
        yield refuse(
            resource,
            f"may start {seconds:g} s after it was due, and at most {config['maxAgeSeconds']:g} s are allowed. {HOW}",
        )


RULE = ResourceRule(
    id="schedule-retry",
    theme="dlq",
    description="A schedule says how often it is tried again, and after how long it is a dead letter.",
    why="EventBridge Scheduler goes on for a day unless told otherwise. A run that begins hours late meets data and "
    "runs that it was not made for, and until then nobody hears of it.",
    steps="Set `retry_policy` of the schedule's `target` with `maximum_retry_attempts`, at least 1, and "
    "`maximum_event_age_in_seconds`.",
    unknown="Advises at preview when the target or its retry policy is unknown; settled at update.",
    severity=Severity.MEDIUM,
    types=frozenset({"aws:scheduler/schedule:Schedule"}),
    parameters={
        "maxAgeSeconds": {
            "type": "integer",
            "minimum": 60,
            "maximum": 86_400,
            "default": 3600,
            "description": "Longest time, in seconds, from when it is due until it is given up.",
        }
    },
    check=check,
)
