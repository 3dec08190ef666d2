"""`alarm-actions`."""

from __future__ import annotations

from collections.abc import Iterable

from policies.model import UNKNOWN, Config, Finding, Resource, Severity, Stack, StackRule, refuse, unsettled
from policies.rules.logs.alarms import COMPOSITE_ALARM, METRIC_ALARM, Alarms


def check(resource: Resource, stack: Stack, _config: Config) -> Iterable[Finding]:
    heard = stack.once(Alarms).is_acted_on(resource)
    if heard is UNKNOWN:
        yield unsettled(resource, "whether its actions are enabled")
    elif heard is False:
        yield refuse(
            resource,
            "does nothing when it goes off: nobody is told, and the console alone is red. Set alarmActions to the ARN "
            "of a topic that somebody reads, and leave actionsEnabled alone.",
        )


RULE = StackRule(
    id="alarm-actions",
    theme="logs",
    description="An alarm that goes off tells somebody, or does something.",
    why="An alarm without an action is a colour on a page that nobody looks at. One may do without of its own if an "
    "alarm that is composed of it has one, if a deployment or a health check looks at it, or if an event rule tells of "
    "all alarms.",
    steps="Set `alarm_actions` of the `aws.cloudwatch.MetricAlarm` or `aws.cloudwatch.CompositeAlarm`, and do not set "
    "`actions_enabled` to False.",
    unknown="An action that is unknown at preview was given. Advises when it is unknown whether actions are enabled; "
    "settled at update.",
    severity=Severity.MEDIUM,
    references=(
        "Security Hub CloudWatch.15", "Security Hub CloudWatch.17", "checkov CKV_AWS_319",
        "cdk-nag NIST.800.53.R5-CloudWatchAlarmAction",
    ),
    types=frozenset({METRIC_ALARM, COMPOSITE_ALARM}),
    check=check,
)  # fmt: skip
