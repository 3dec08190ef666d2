from __future__ import annotations

import json

import pytest
from component_support import UNKNOWN, declared, policy, queue

from components.queue import Queue

QUEUE, ALARM = "aws:sqs/queue:Queue", "aws:cloudwatch/metricAlarm:MetricAlarm"


def test_a_fifo_queue_has_a_fifo_dead_letter_queue() -> None:
    found = declared(lambda: queue(fifo=True))
    assert {q.name: (q.inputs["name"], q.inputs["fifoQueue"]) for q in found.all(QUEUE)} == {
        "emails": ("serverless-batch-test-emails.fifo", True),
        "emails-dlq": ("serverless-batch-test-emails-dlq.fifo", True),
    }


def test_a_standard_queue_has_a_standard_dead_letter_queue() -> None:
    found = declared(lambda: queue(fifo=False))
    assert {q.name: q.inputs["name"] for q in found.all(QUEUE)} == {
        "emails": "serverless-batch-test-emails",
        "emails-dlq": "serverless-batch-test-emails-dlq",
    }
    assert all("fifoQueue" not in q.inputs for q in found.all(QUEUE))  # SQS refuses false


def test_a_message_received_too_often_moves_to_the_dead_letter_queue() -> None:
    found = declared(lambda: queue(max_receives=7))
    dead_letters = found.one(QUEUE, "emails-dlq")
    assert json.loads(found.inputs(QUEUE, "emails")["redrivePolicy"]) == {
        "deadLetterTargetArn": dead_letters.outputs["arn"],
        "maxReceiveCount": 7,
    }


def test_a_policy_sees_the_dead_letter_queue_at_preview_although_its_arn_is_unknown() -> None:
    found = declared(queue, preview=True)
    made = found.one(QUEUE, "emails")
    assert made.inputs["redrivePolicy"] == UNKNOWN
    links = made.request.propertyDependencies["redrivePolicy"].urns
    assert found.one(QUEUE, "emails-dlq").urn in links


def test_dead_letters_are_kept_as_long_as_sqs_can_keep_them_and_longer_than_in_the_queue() -> None:
    found = declared(queue)
    kept = {q.name: q.inputs["messageRetentionSeconds"] for q in found.all(QUEUE)}
    assert kept == {"emails": 4 * 86_400, "emails-dlq": 14 * 86_400}


def test_only_its_own_queue_may_send_dead_letters() -> None:
    found = declared(queue)
    allow = found.inputs("aws:sqs/redriveAllowPolicy:RedriveAllowPolicy")
    assert allow["queueUrl"] == found.one(QUEUE, "emails-dlq").id
    assert json.loads(allow["redriveAllowPolicy"]) == {
        "redrivePermission": "byQueue",
        "sourceQueueArns": [found.one(QUEUE, "emails").outputs["arn"]],
    }


@pytest.mark.parametrize("name", ["emails", "emails-dlq"])
def test_a_queue_is_encrypted_and_refuses_calls_without_tls(name: str) -> None:
    found = declared(queue)
    made = found.one(QUEUE, name)
    assert made.inputs["sqsManagedSseEnabled"] is True
    guard = found.inputs("aws:sqs/queuePolicy:QueuePolicy", name)
    assert guard["queueUrl"] == made.id
    [statement] = policy(guard["policy"])
    assert (statement["Effect"], statement["Action"], statement["Principal"]) == ("Deny", ["sqs:*"], "*")
    assert statement["Resource"] == [made.outputs["arn"]]
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_the_first_dead_letter_raises_an_alarm_that_names_the_queue() -> None:
    found = declared(queue)
    alarm = found.inputs(ALARM)
    assert alarm["dimensions"] == {"QueueName": found.inputs(QUEUE, "emails-dlq")["name"]}
    assert (alarm["namespace"], alarm["metricName"]) == ("AWS/SQS", "ApproximateNumberOfMessagesVisible")
    assert (alarm["threshold"], alarm["comparisonOperator"]) == (0, "GreaterThanThreshold")
    assert (alarm["statistic"], alarm["period"], alarm["evaluationPeriods"]) == ("Maximum", 60, 1)
    assert alarm["alarmActions"] == [found.one("aws:sns/topic:Topic").outputs["arn"]]
    assert found.inputs(QUEUE, "emails")["name"] in alarm["alarmDescription"]


def test_consumers_poll_long_and_a_received_message_stays_hidden_as_long_as_asked() -> None:
    inputs = declared(lambda: queue(visibility_seconds=90)).inputs(QUEUE, "emails")
    assert (inputs["visibilityTimeoutSeconds"], inputs["receiveWaitTimeSeconds"]) == (90, 20)


@pytest.mark.parametrize("fifo", [True, False])
def test_arns_and_urls_that_are_known_beforehand_are_those_of_the_queues(fifo: bool) -> None:
    made: list[Queue] = []
    found = declared(lambda: made.append(queue(fifo=fifo)))
    main, dead_letters = found.one(QUEUE, "emails").outputs, found.one(QUEUE, "emails-dlq").outputs
    assert (made[0].arn, made[0].url) == (main["arn"], main["url"])
    assert (made[0].dead_letter_arn, made[0].dead_letter_url) == (dead_letters["arn"], dead_letters["url"])
