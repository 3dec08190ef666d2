"""Metrics of each minute, alarms on them, and services that track a target."""

from __future__ import annotations

import json
from typing import Any

import pytest
from small_cloud import Small

from sandbox.compute.alarms import Alarm
from sandbox.compute.queries import one
from tests.waiting import until

pytestmark = pytest.mark.xdist_group("sandbox-queue")
MINUTE = 60
PUBLISHED = "App"


def values(small: Small, name: str, queue: str = "q", stat: str = "Maximum", count: int = 1) -> list[float | None]:
    metrics = small.compute.metrics
    return metrics.series("AWS/SQS", name, {"QueueName": queue}, stat, small.clock.now(), MINUTE, count)


def say(small: Small, name: str, value: float, **dimensions: str) -> None:
    """A log line of a function or a task, in the embedded metric format."""
    directive = {"Namespace": PUBLISHED, "Dimensions": [list(dimensions)], "Metrics": [{"Name": name}]}
    line = {"_aws": {"Timestamp": 0, "CloudWatchMetrics": [directive]}, name: value, **dimensions}
    with (small.cloud.folder / "logs" / "task.log").open("a") as log:
        log.write(json.dumps(line) + "\n")


def test_sqs_metrics_appear_each_minute(small: Small) -> None:
    url = small.queue("q")
    sqs = small.cloud.client("sqs")
    for n in range(3):
        sqs.send_message(QueueUrl=url, MessageBody=str(n))
    sqs.send_message(QueueUrl=url, MessageBody="later", DelaySeconds=60)
    received = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=2)["Messages"]
    sqs.delete_message(QueueUrl=url, ReceiptHandle=received[0]["ReceiptHandle"])
    small.clock.step(MINUTE)
    assert values(small, "ApproximateNumberOfMessagesVisible") == [1]
    assert values(small, "ApproximateNumberOfMessagesNotVisible") == [1]
    assert values(small, "ApproximateNumberOfMessagesDelayed") == [1]
    assert values(small, "NumberOfMessagesSent", stat="Sum") == [4]
    assert values(small, "NumberOfMessagesReceived", stat="Sum") == [2]
    assert values(small, "NumberOfMessagesDeleted", stat="Sum") == [1]
    small.clock.step(5 * MINUTE)
    assert values(small, "NumberOfMessagesSent", stat="Sum", count=2) == [0, 0]
    [age] = values(small, "ApproximateAgeOfOldestMessage")
    assert age is not None and 5 * MINUTE <= age <= 6 * MINUTE


def test_sqs_requests_are_counted_by_queue_and_action(small: Small) -> None:
    url = small.queue("q")
    sqs = small.cloud.client("sqs")
    sqs.send_message_batch(QueueUrl=url, Entries=[{"Id": str(n), "MessageBody": "x"} for n in range(10)])
    sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)
    small.clock.step(10 * MINUTE)
    assert small.compute.queues.requests == {("q", "SendMessageBatch"): 1, ("q", "ReceiveMessage"): 1}


def test_embedded_metrics_of_logs_become_data_points(small: Small) -> None:
    say(small, "Errors", 3, worker="w")
    say(small, "Errors", 4, worker="w")
    small.clock.step(MINUTE)
    small.clock.step(MINUTE)
    series = small.compute.metrics.series(PUBLISHED, "Errors", {"worker": "w"}, "Sum", small.clock.now(), MINUTE, 2)
    assert series == [7, None]
    series = small.compute.metrics.series(PUBLISHED, "Errors", {"worker": "w"}, "Sum", small.clock.now(), 300, 1)
    assert series == [7]
    assert small.compute.metrics.series(PUBLISHED, "Errors", {}, "Sum", small.clock.now(), 300, 1) == [None]


def test_an_alarm_fires_tells_its_topic_and_recovers(small: Small) -> None:
    url, heard = small.queue("dlq"), small.queue("heard")
    topic = small.create("aws:sns/topic:Topic", "alerts", {})["arn"]
    arn = f"arn:aws:sqs:{small.cloud.region}:123456789012:heard"
    small.cloud.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    small.alarm(
        "dead", namespace="AWS/SQS", metricName="ApproximateNumberOfMessagesVisible", dimensions={"QueueName": "dlq"},
        statistic="Maximum", period=60, treatMissingData="notBreaching", alarmActions=[topic],
    )  # fmt: skip
    small.clock.step(MINUTE)
    alarm = small.compute.alarms.get("dead")
    assert (alarm.state, small.compute.alarms.in_alarm()) == ("OK", [])
    sqs = small.cloud.client("sqs")
    sqs.send_message(QueueUrl=url, MessageBody="x")
    small.clock.step(MINUTE)
    assert alarm.state == "ALARM"
    [message] = sqs.receive_message(QueueUrl=heard, MaxNumberOfMessages=10)["Messages"]
    said = json.loads(json.loads(message["Body"])["Message"])
    assert (said["AlarmName"], said["OldStateValue"], said["NewStateValue"]) == ("dead", "OK", "ALARM")
    [described] = small.cloud.client("cloudwatch").describe_alarms(StateValue="ALARM")["MetricAlarms"]
    assert described["AlarmName"] == "dead"
    sqs.purge_queue(QueueUrl=url)
    small.clock.step(MINUTE)
    assert [change.state for change in alarm.history] == ["OK", "ALARM", "OK"]


@pytest.mark.parametrize(
    ("missing", "states"),
    [
        ("notBreaching", ["OK", "OK", "ALARM", "OK", "OK"]),
        ("breaching", ["ALARM", "ALARM", "ALARM", "ALARM", "OK"]),
        ("missing", ["INSUFFICIENT_DATA", "OK", "ALARM", "INSUFFICIENT_DATA", "OK"]),
        ("ignore", ["INSUFFICIENT_DATA", "INSUFFICIENT_DATA", "ALARM", "ALARM", "OK"]),
    ],
)
def test_missing_data_is_treated_as_declared(missing: str, states: list[str]) -> None:
    inputs = {
        "comparisonOperator": "GreaterThanThreshold", "threshold": 10, "evaluationPeriods": 3, "datapointsToAlarm": 2,
        "treatMissingData": missing,
    }  # fmt: skip
    alarm = Alarm("a", inputs, one("n", "m", {}, "Sum"), 60)
    seen = []
    for values in ([None] * 3, [None, None, 11.0], [None, 11.0, 12.0], [None] * 3, [1.0, 12.0, 1.0]):
        alarm.state = alarm.next_state(values)
        seen.append(alarm.state)
    assert seen == states


def test_an_alarm_on_an_expression_goes_by_its_metrics_period(small: Small) -> None:
    metrics = [
        {"id": "condition", "expression": "IF(m_visible > 0 AND FILL(m_running, 0) < 1, 1, 0)", "returnData": True}
    ]
    for key, namespace, name, dimension in (
        ("m_visible", "AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName"),
        ("m_running", PUBLISHED, "RunningTasks", "Queue"),
    ):
        metric = {
            "namespace": namespace,
            "metricName": name,
            "dimensions": {dimension: "q"},
            "stat": "Maximum",
            "period": 300,
        }
        metrics.append({"id": key, "metric": metric, "returnData": False})
    small.alarm("idle", metricQueries=metrics, evaluationPeriods=3, treatMissingData="notBreaching")
    url = small.queue("q")
    small.cloud.client("sqs").send_message(QueueUrl=url, MessageBody="x")
    alarm = small.compute.alarms.get("idle")
    small.clock.step(10 * MINUTE)
    assert alarm.state == "OK"
    small.clock.step(5 * MINUTE)
    assert alarm.state == "ALARM"
    say(small, "RunningTasks", 1, Queue="q")
    small.clock.step(MINUTE)
    assert alarm.state == "OK"


class Tracked:
    """A service `s` whose policy wants 5 for each task, at intervals of 60 s upwards and 300 s downwards."""

    def __init__(self, small: Small, desired: int):
        self.small = small
        small.compute.services.set_capacity("FARGATE", False)  # how many are wanted is all that counts here
        small.compute.services.set_capacity("FARGATE_SPOT", False)
        small.serve("s", desired)
        common = {
            "serviceNamespace": "ecs",
            "scalableDimension": "ecs:service:DesiredCount",
            "resourceId": "service/c/s",
        }
        small.create("aws:appautoscaling/target:Target", "t", {**common, "minCapacity": 1, "maxCapacity": 10})
        metric = {"metricName": "Backlog", "namespace": PUBLISHED, "dimensions": [{"name": "Queue", "value": "q"}]}
        queries = [
            {"id": "per_task", "expression": "m / 1", "returnData": True},
            {"id": "m", "metricStat": {"metric": metric, "stat": "Maximum"}, "returnData": False},
        ]
        configuration = {
            "targetValue": 5, "scaleOutCooldown": 60, "scaleInCooldown": 300,
            "customizedMetricSpecification": {"metrics": queries},
        }  # fmt: skip
        policy = {"policyType": "TargetTrackingScaling", "targetTrackingScalingPolicyConfiguration": configuration}
        small.create("aws:appautoscaling/policy:Policy", "p", {**common, **policy})

    def minutes(self, count: int, metric: float | None) -> list[int]:
        """The desired count after each of so many minutes with that metric."""
        seen = []
        for _ in range(count):
            if metric is not None:
                say(self.small, "Backlog", metric, Queue="q")
            self.small.clock.step(MINUTE)
            seen.append(self.small.counts("s")[0])
        return seen


def test_a_service_scales_out_after_three_minutes_in_proportion_and_not_beyond_its_maximum(small: Small) -> None:
    tracked = Tracked(small, 2)
    assert tracked.minutes(3, 8) == [2, 2, 4]  # ceil(2 × 8 / 5)
    assert tracked.minutes(2, 20) == [10, 10]
    [first, second] = small.compute.scaling.activities
    assert (first.before, first.after, first.metric, second.after) == (2, 4, 8, 10)


def test_a_service_scales_in_after_fifteen_minutes_and_then_waits_for_its_cooldown(small: Small) -> None:
    tracked = Tracked(small, 8)
    assert tracked.minutes(16, 2) == [8] * 14 + [4, 4]
    assert tracked.minutes(5, 2)[-2:] == [2, 2]
    assert tracked.minutes(20, 0)[-1] == 1


def test_a_little_below_the_target_nothing_happens(small: Small) -> None:
    assert Tracked(small, 4).minutes(20, 4.6)[-1] == 4


def test_without_data_nothing_is_scaled(small: Small) -> None:
    tracked = Tracked(small, 2)
    assert tracked.minutes(2, 50) + tracked.minutes(1, None) + tracked.minutes(2, 50) == [2] * 5
    assert tracked.minutes(1, 50) == [10]


def test_from_zero_a_policy_gets_no_further_than_its_minimum(small: Small) -> None:
    assert Tracked(small, 0).minutes(3, 50) == [0, 0, 1]


def test_what_is_not_evaluated_is_refused_when_it_is_declared(small: Small) -> None:
    policy: dict[str, Any] = {"serviceNamespace": "ecs", "scalableDimension": "ecs:service:DesiredCount"}
    policy |= {"resourceId": "service/c/s", "policyType": "StepScaling"}
    with pytest.raises(NotImplementedError, match="only target tracking"):
        small.create("aws:appautoscaling/policy:Policy", "p", policy)


def test_the_clock_makes_minutes_by_itself(small: Small) -> None:
    small.queue("q")
    small.clock.factor = 600
    until(lambda: values(small, "ApproximateNumberOfMessagesVisible", count=3) == [0, 0, 0])
