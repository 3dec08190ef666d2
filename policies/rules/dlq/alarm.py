"""`dlq-alarm`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from policies.model import UNKNOWN, Config, Finding, Resource, Severity, Stack, StackRule, Unknown, refuse, unsettled
from policies.rules.dlq.queues import QUEUE, Queues
from policies.rules.logs.alarms import METRIC_ALARM, Alarms
from policies.values import as_list, number

VISIBLE = "ApproximateNumberOfMessagesVisible"
METRICS = (VISIBLE, "ApproximateAgeOfOldestMessage", "NumberOfMessagesSent")
SENT = METRICS[2]  # not counted when SQS itself moves a message, so only for what others send
HOW = f"Declare an aws.cloudwatch.MetricAlarm on {VISIBLE} of this queue with alarmActions."


def check(resource: Resource, stack: Stack, config: Config) -> Iterable[Finding]:
    queues, alarms = stack.once(Queues), stack.once(Alarms)
    taken = resource.urn in queues.takes_dead_letters
    if not taken and resource.urn not in queues.may_take_dead_letters:
        return
    fault, is_open = None, not taken
    for alarm in stack.of_type(METRIC_ALARM):
        watched = list(_watched(alarm, resource))
        metrics = {metric for metric, ours in watched if ours is not False}
        if not metrics:
            continue
        ours = True in [ours for _, ours in watched]
        answer = _fault(alarm, alarms, metrics, resource.urn in queues.sources, config)
        if answer is None and ours:
            return
        is_open |= answer is None or answer is UNKNOWN
        fault = answer if ours and isinstance(answer, str) else fault
    if is_open:
        yield unsettled(resource, "whether an alarm tells of its messages, if it is a dead-letter queue")
    elif fault:
        yield refuse(resource, f"is a dead-letter queue, and {fault}. {HOW}")
    else:
        yield refuse(
            resource, f"is a dead-letter queue without an alarm: what failed lies there, and nobody knows. {HOW}"
        )


def _watched(alarm: Resource, queue: Resource) -> Iterator[tuple[str, bool | Unknown]]:
    """Each metric of queues that the alarm looks at, and whether it is this queue's."""
    simple = {key: alarm.given(key) for key in ("namespace", "metricName", "dimensions")}
    queries = alarm.given("metricQueries")
    parts: list[tuple[str, Any]] = [("dimensions", simple)]
    parts += [("metricQueries", query.get("metric")) for query in as_list(queries) if isinstance(query, Mapping)]
    for name, metric in parts:
        if not isinstance(metric, Mapping) or metric.get("namespace") != "AWS/SQS":
            continue
        if metric.get("metricName") in METRICS:
            yield metric["metricName"], _is_of(metric.get("dimensions"), alarm, name, queue)
    for query in as_list(queries):
        text = query.get("expression") if isinstance(query, Mapping) else None
        if isinstance(text, str) and "AWS/SQS" in text and VISIBLE in text:  # SELECT … FROM SCHEMA("AWS/SQS", …)
            yield VISIBLE, _is_selected(queue.get("name"), text)
    if queries is UNKNOWN and queue.urn in alarm.dependencies.get("metricQueries", frozenset()):
        yield VISIBLE, UNKNOWN


def _is_selected(name: Any, query: str) -> bool | Unknown:
    if "WHERE" not in query.upper():
        return True
    return UNKNOWN if name is UNKNOWN else f"'{name}'" in query


def _is_of(dimensions: Any, alarm: Resource, name: str, queue: Resource) -> bool | Unknown:
    given = dimensions.get("QueueName") if isinstance(dimensions, Mapping) else dimensions
    if given is not UNKNOWN:
        known = queue.get("name")
        return UNKNOWN if known is UNKNOWN and isinstance(given, str) else given is not None and given == known
    linked = alarm.dependencies.get(name, frozenset())
    return queue.urn in linked if linked else UNKNOWN


def _fault(
    alarm: Resource, alarms: Alarms, metrics: set[str], has_sources: bool, config: Config
) -> str | Unknown | None:
    """Why nobody hears of the queue by this alarm; None if somebody does."""
    if metrics == {SENT} and has_sources:
        return f"{alarm} counts {SENT}, which SQS does not raise when it moves a message from another queue"
    speaks = alarms.speaks(alarm)
    if speaks is False:
        return f"{alarm} has no action that is enabled"
    comparison, threshold = alarm.given("comparisonOperator"), alarm.given("threshold")
    if UNKNOWN in (speaks, comparison, threshold):
        return UNKNOWN
    if isinstance(comparison, str) and comparison.startswith("LessThan") and "OrGreater" not in comparison:
        return f"{alarm} goes off when there are few messages"
    if alarm.given("statistic") == "SampleCount":
        return f"{alarm} counts how often SQS has counted, and not the messages. Take the statistic Maximum"
    limit = number(threshold)
    if alarm.given("metricName") not in metrics or limit is None:
        return None
    if limit < 0 or (limit == 0 and comparison == "GreaterThanOrEqualToThreshold"):
        return f"{alarm} is on without a message, too, so that it tells of none that comes. Set its threshold above 0"
    if metrics == {VISIBLE}:
        first = limit + (comparison == "GreaterThanThreshold")
        if first > config["maxMessages"]:
            return f"{alarm} goes off at {first:g} messages, and must at {config['maxMessages']:g}"
    return None


RULE = StackRule(
    id="dlq-alarm",
    theme="dlq",
    description="An alarm with an action goes off when a dead-letter queue has messages.",
    why="A dead-letter queue keeps what failed for days and then deletes it. Without an alarm with an action the "
    "failure is found by whoever misses the result.",
    steps=f"Declare an `aws.cloudwatch.MetricAlarm` in the namespace AWS/SQS on {VISIBLE}, with the queue's name as "
    "the dimension `QueueName`, `comparison_operator` GreaterThanThreshold, `threshold` 0 and `alarm_actions`.",
    unknown="An alarm whose dimensions are unknown at preview is proven by their dependency on the queue. Advises when "
    "it is unknown whose alarm one is, whether its actions are enabled, or whether a queue takes dead letters; settled "
    "at update.",
    severity=Severity.HIGH,
    types=frozenset({QUEUE}),
    parameters={
        "maxMessages": {
            "type": "integer", "minimum": 1, "default": 10,
            "description": "At how many messages the alarm must have gone off.",
        },
    },
    check=check,
)  # fmt: skip
