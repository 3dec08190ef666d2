"""Which alarms somebody hears of: by their own actions, or by what looks at them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from policies.model import UNKNOWN, Resource, Stack, Unknown
from policies.values import as_list, nested, parse_json

METRIC_ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
COMPOSITE_ALARM = "aws:cloudwatch/compositeAlarm:CompositeAlarm"
EVENT_RULE = "aws:cloudwatch/eventRule:EventRule"

# Type → where it names alarms that it acts on itself: rollbacks of deployments, ends of experiments, and health checks.
WATCHERS = {
    "aws:ecs/service:Service": "alarms",
    "aws:codedeploy/deploymentGroup:DeploymentGroup": "alarmConfiguration",
    "aws:appconfig/environment:Environment": "monitors",
    "aws:autoscaling/group:Group": "instanceRefresh",
    "aws:fis/experimentTemplate:ExperimentTemplate": "stopConditions",
    "aws:sagemaker/endpoint:Endpoint": "deploymentConfig",
    "aws:route53/healthCheck:HealthCheck": "cloudwatchAlarmName",
}
IN_RULE = re.compile(r"(?:ALARM|OK|INSUFFICIENT_DATA)\s{0,9}\(([^()]*)\)")


def has_actions(alarm: Resource) -> bool | Unknown:
    """Whether an alarm that goes off does something itself. An action that is unknown yet was given."""
    enabled = alarm.given("actionsEnabled")
    if enabled is False or str(enabled).lower() == "false":
        return False
    actions = alarm.given("alarmActions")
    if actions is not UNKNOWN and not [one for one in as_list(actions) if one not in (None, "")]:
        return False
    return UNKNOWN if enabled is UNKNOWN else True


class Alarms:
    """The alarms of a stack."""

    def __init__(self, stack: Stack):
        self.all = stack.of_type(METRIC_ALARM, COMPOSITE_ALARM)
        self._names = {name: alarm for alarm in self.all if isinstance(name := _name(alarm), str)}
        self._by_urn = {alarm.urn: alarm for alarm in self.all}
        self._told_of = any(map(_tells_of_alarms, stack.of_type(EVENT_RULE)))
        self._spoken: dict[str, bool | Unknown] = {alarm.urn: has_actions(alarm) for alarm in self.all}
        self._spread(stack.of_type(COMPOSITE_ALARM))
        self._watched = {urn for resource in stack.of_type(*WATCHERS) for urn in self._looked_at(resource)}

    def speaks(self, alarm: Resource) -> bool | Unknown:
        """Whether somebody is told: by the alarm, by one that is composed of it, or by a rule for all alarms."""
        return self._told_of or self._spoken[alarm.urn]

    def is_acted_on(self, alarm: Resource) -> bool | Unknown:
        """Whether it speaks, or a deployment or a health check looks at it."""
        return alarm.urn in self._watched or self.speaks(alarm)

    def _spread(self, composites: list[Resource]) -> None:
        """What a composite alarm says, its parts need not say; a part may be a composite alarm, too."""
        parts = {alarm.urn: self._parts(alarm) for alarm in composites}
        waiting = [alarm.urn for alarm in composites if self._spoken[alarm.urn] is not False]
        while waiting:
            urn = waiting.pop()
            for part in parts.get(urn, ()):
                if self._spoken[part] is False:
                    self._spoken[part] = self._spoken[urn]
                    waiting.append(part)

    def _parts(self, composite: Resource) -> set[str]:
        text = composite.get("alarmRule")
        if isinstance(text, str):
            names = (found.strip(" \t\n\"'").rsplit(":alarm:", 1)[-1] for found in IN_RULE.findall(text))
            return {self._names[name].urn for name in names if name in self._names}
        return self._by_urn.keys() & composite.dependencies.get("alarmRule", frozenset())

    def _looked_at(self, resource: Resource) -> Iterator[str]:
        name = WATCHERS[resource.type]
        yield from self._by_urn.keys() & resource.dependencies.get(name, frozenset())
        for _, value in nested(resource.given(name)):
            if isinstance(value, str) and (alarm := self._names.get(value.rsplit(":alarm:", 1)[-1])):
                yield alarm.urn


def _name(alarm: Resource) -> Any:
    return alarm.get("alarmName" if alarm.type == COMPOSITE_ALARM else "name")


def _tells_of_alarms(rule: Resource) -> bool:
    pattern = parse_json(rule.get("eventPattern"))
    return isinstance(pattern, Mapping) and "CloudWatch Alarm State Change" in as_list(pattern.get("detail-type"))
