"""CloudWatch alarms: evaluated each minute, with their states and history in moto, and their actions on SNS."""

from __future__ import annotations

import datetime as dt
import json
import logging
import operator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sandbox.clock import Clock
from sandbox.compute.metric_math import Series
from sandbox.compute.metrics import Metrics
from sandbox.compute.queries import Queries, one, several
from sandbox.invented import ACCOUNT

if TYPE_CHECKING:
    from sandbox.cloud import Cloud

OK, ALARM, INSUFFICIENT_DATA = "OK", "ALARM", "INSUFFICIENT_DATA"
COMPARISONS = {
    "GreaterThanThreshold": operator.gt,
    "GreaterThanOrEqualToThreshold": operator.ge,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}
ACTIONS = {ALARM: "alarmActions", OK: "okActions", INSUFFICIENT_DATA: "insufficientDataActions"}

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Change:
    """at: instant of the clock. reason: why the state is another now."""

    at: float
    state: str
    reason: str


@dataclass
class Alarm:
    """period: seconds. history: every change of state, the oldest first."""

    name: str
    inputs: dict[str, Any]
    queries: Queries
    period: int
    state: str = INSUFFICIENT_DATA
    history: list[Change] = field(default_factory=list)

    def next_state(self, values: Series) -> str:
        """The state after these values of its evaluation periods."""
        breaches = COMPARISONS[self.inputs["comparisonOperator"]]
        missing = self.inputs.get("treatMissingData") or "missing"
        known = [breaches(value, float(self.inputs["threshold"])) for value in values if value is not None]
        absent = len(values) - len(known)
        breaching = sum(known) + (absent if missing == "breaching" else 0)
        needed = int(self.inputs.get("datapointsToAlarm") or len(values))
        if breaching >= needed:
            return ALARM
        if missing == "ignore" and breaching + absent >= needed:
            return self.state
        if known or missing in ("breaching", "notBreaching"):
            return OK
        return INSUFFICIENT_DATA


class Alarms:
    """The alarms of a stack, by name."""

    def __init__(self, cloud: Cloud, clock: Clock, metrics: Metrics):
        self._cloud, self._clock, self._metrics = cloud, clock, metrics
        self._alarms: dict[str, Alarm] = {}

    def add(self, name: str, inputs: dict[str, Any]) -> None:
        """Raises NotImplementedError for what is not evaluated here."""
        if inputs["comparisonOperator"] not in COMPARISONS or inputs.get("extendedStatistic"):
            raise NotImplementedError(f"alarm {name}: only comparisons with a threshold, only plain statistics")
        if items := inputs.get("metricQueries"):
            queries = several(items)
            periods = [item.get("period") or (item.get("metric") or {}).get("period") for item in items]
            period = max(int(period) for period in periods if period)
        else:
            queries = one(
                inputs["namespace"], inputs["metricName"], inputs.get("dimensions") or {}, inputs["statistic"]
            )
            period = int(inputs["period"])
        self._alarms[name] = Alarm(name, inputs, queries, period)

    def get(self, name: str) -> Alarm:
        """Raises KeyError."""
        return self._alarms[name]

    def in_alarm(self) -> list[Alarm]:
        return [alarm for alarm in list(self._alarms.values()) if alarm.state == ALARM]

    def evaluate(self) -> None:
        for alarm in list(self._alarms.values()):
            try:
                count = int(alarm.inputs["evaluationPeriods"])
                values = alarm.queries.series(self._metrics, self._clock.now(), alarm.period, count)
                state = alarm.next_state(values)
                if state != alarm.state:
                    self._change(alarm, state, values)
            except Exception:  # the others are evaluated all the same
                logger.exception("%s: not evaluated", alarm.name)

    def _change(self, alarm: Alarm, state: str, values: Series) -> None:
        from moto.cloudwatch.models import cloudwatch_backends

        reason = f"{alarm.inputs['comparisonOperator']} {alarm.inputs['threshold']:g}: {_shown(values)}"
        old, alarm.state = alarm.state, state
        now = dt.datetime.fromtimestamp(self._clock.now(), dt.UTC)
        alarm.history.append(Change(now.timestamp(), state, reason))
        backend = cloudwatch_backends[ACCOUNT][self._cloud.region]
        backend.set_alarm_state(alarm.name, reason, json.dumps({"recentDatapoints": values}), state)
        logger.info("%s: %s → %s, %s", alarm.name, old, state, reason)
        if not alarm.inputs.get("actionsEnabled", True):
            return
        message = {
            "AlarmName": alarm.name,
            "AlarmDescription": alarm.inputs.get("alarmDescription"),
            "AWSAccountId": ACCOUNT,
            "NewStateValue": state,
            "NewStateReason": reason,
            "OldStateValue": old,
            "StateChangeTime": now.strftime("%Y-%m-%dT%H:%M:%S.000+0000"),
            "Region": self._cloud.region,
        }
        for action in alarm.inputs.get(ACTIONS[state]) or []:
            if ":sns:" in action:
                self._cloud.client("sns").publish(
                    TopicArn=action, Subject=f'{state}: "{alarm.name}"'[:100], Message=json.dumps(message)
                )


def _shown(values: Series) -> str:
    return ", ".join("no data" if value is None else f"{value:g}" for value in values)
