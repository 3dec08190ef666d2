"""Logs: kept long enough to be of use, and not for ever; and alarms, which somebody has to hear."""

from policies.model import Rule
from policies.rules.logs import (
    alarm_actions,
    apigw_access,
    batch_job,
    codebuild,
    ecs_container,
    eks,
    kms,
    managed,
    retention,
    sfn,
)

RULES: tuple[Rule, ...] = (
    retention.RULE, managed.RULE, kms.RULE, ecs_container.RULE, batch_job.RULE, sfn.RULE, apigw_access.RULE,
    codebuild.RULE, eks.RULE, alarm_actions.RULE,
)  # fmt: skip
