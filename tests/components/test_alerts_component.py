from __future__ import annotations

from typing import Any

from component_support import ACCOUNT, SITE, Declared, declared, policy

from components.alerts import Alerts
from components.metric import Metric

TOPIC, ALARM = "aws:sns/topic:Topic", "aws:cloudwatch/metricAlarm:MetricAlarm"


def listening(*emails: str) -> Declared:
    return declared(lambda: Alerts("alerts", SITE, emails))


def test_every_address_is_subscribed() -> None:
    found = listening("a@example.com", "b@example.com")
    subscribed = [s.inputs for s in found.all("aws:sns/topicSubscription:TopicSubscription")]
    topic = found.one(TOPIC).outputs["arn"]
    assert sorted(s["endpoint"] for s in subscribed) == ["a@example.com", "b@example.com"]
    assert {(s["protocol"], s["topic"]) for s in subscribed} == {("email", topic)}


def test_without_addresses_there_is_a_topic_and_nobody_listens() -> None:
    found = listening()
    assert found.names(TOPIC) == ["alerts"]
    assert not found.all("aws:sns/topicSubscription:TopicSubscription")


def test_alarms_of_this_account_may_publish() -> None:
    found = listening()
    [statement] = policy(found.inputs("aws:sns/topicPolicy:TopicPolicy")["policy"])
    assert statement["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert statement["Resource"] == [found.one(TOPIC).outputs["arn"]]
    assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": ACCOUNT}}


def test_an_alarm_speaks_on_the_topic_and_is_silent_without_data() -> None:
    def declare() -> None:
        alerts = Alerts("alerts", SITE, [])
        what: dict[str, Any] = {"namespace": "AWS/Lambda", "metric": "Errors", "dimensions": {"FunctionName": "f"}}
        alerts.when_more_than(5, "errors", description="It failed.", parent=alerts, **what)

    found = declared(declare)
    alarm = found.inputs(ALARM)
    assert alarm["alarmActions"] == [found.one(TOPIC).outputs["arn"]]
    assert alarm["name"] == "serverless-batch-test-errors"
    assert (alarm["namespace"], alarm["metricName"], alarm["dimensions"]) == (
        "AWS/Lambda",
        "Errors",
        {"FunctionName": "f"},
    )
    assert (alarm["comparisonOperator"], alarm["threshold"]) == ("GreaterThanThreshold", 5)
    assert (alarm["statistic"], alarm["period"], alarm["evaluationPeriods"]) == ("Sum", 60, 1)
    assert alarm["treatMissingData"] == "notBreaching"
    assert found.parent(found.one(ALARM)).type == "serverless-batch:alerts:Alerts"


def test_an_alarm_may_ask_for_longer_periods_and_several_of_them() -> None:
    def declare() -> None:
        alerts = Alerts("alerts", SITE, [])
        what: dict[str, Any] = {"namespace": "AWS/SQS", "metric": "Depth", "dimensions": {"QueueName": "q"}}
        alerts.when_more_than(5, "deep", description="Deep.", period=300, periods=3, parent=alerts, **what)

    alarm = declared(declare).inputs(ALARM)
    assert (alarm["period"], alarm["evaluationPeriods"]) == (300, 3)


def test_an_alarm_on_an_expression_watches_metrics_with_all_their_dimensions() -> None:
    def declare() -> None:
        alerts = Alerts("alerts", SITE, [])
        metrics = {
            "b": Metric("AWS/SQS", "Depth", {"QueueName": "q"}),
            "a": Metric("mine", "Tasks", {"Queue": "q"}, "Sum"),
        }
        alerts.when_true(
            "b - a", "differ", metrics=metrics, description="They differ.", period=300, periods=3, parent=alerts
        )

    found = declared(declare)
    alarm = found.inputs(ALARM)
    condition, *watched = alarm["metricQueries"]
    assert (condition["expression"], condition["returnData"]) == ("b - a", True)
    assert [(q["id"], q["returnData"], q["metric"]) for q in watched] == [
        (
            "a",
            False,
            {"namespace": "mine", "metricName": "Tasks", "dimensions": {"Queue": "q"}, "stat": "Sum", "period": 300},
        ),
        (
            "b",
            False,
            {
                "namespace": "AWS/SQS",
                "metricName": "Depth",
                "dimensions": {"QueueName": "q"},
                "stat": "Maximum",
                "period": 300,
            },
        ),
    ]
    assert (alarm["threshold"], alarm["evaluationPeriods"], alarm["treatMissingData"]) == (0, 3, "notBreaching")
    assert alarm["alarmActions"] == [found.one(TOPIC).outputs["arn"]]
    assert not {"metricName", "statistic", "period"} & alarm.keys()  # CloudWatch takes one or the other
