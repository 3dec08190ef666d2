"""EventBridge: uploads and schedules invoke functions."""

from __future__ import annotations

import json
from typing import Any

import pytest
from small_cloud import REGION, Small

from tests.waiting import until

pytestmark = pytest.mark.xdist_group("sandbox-queue")
MINUTE = 60
BUCKET = "uploads"
# Sends each event, with the time that it sees, to the queue that is named in the environment; or fails.
ECHO = """
import json, os, time, boto3
sqs = boto3.client("sqs")
def handler(event, context):
    body = json.dumps({"event": event, "now": time.time()})
    sqs.send_message(QueueUrl=os.environ["OUT"], MessageBody=body)
    if os.environ.get("FAIL"):
        raise ValueError("no")
"""


class Heard:
    """What a function `f` has been invoked with."""

    def __init__(self, small: Small, **inputs: Any):
        self.small = small
        self.url = small.queue("heard")
        self.dlq = small.queue("dlq")
        self.undelivered = small.queue("undelivered")
        variables = {"OUT": self.url, **inputs.pop("variables", {})}
        self.arn = small.function("f", ECHO, environment={"variables": variables}, **inputs)

    def messages(self, url: str | None = None) -> list[dict[str, Any]]:
        """New ones, taken out."""
        sqs = self.small.cloud.client("sqs")
        found = sqs.receive_message(QueueUrl=url or self.url, MaxNumberOfMessages=10, MessageAttributeNames=["All"])
        for message in found.get("Messages", []):
            sqs.delete_message(QueueUrl=url or self.url, ReceiptHandle=message["ReceiptHandle"])
        return found.get("Messages", [])

    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(message["Body"]) for message in self.messages()]


def arn(queue: str) -> str:
    return f"arn:aws:sqs:{REGION}:123456789012:{queue}"


def listen(small: Small, function: str, **detail: Any) -> None:
    """A rule for the bucket's new objects, and the function as its target."""
    small.create("aws:s3/bucket:Bucket", BUCKET, {"bucket": BUCKET})
    small.create("aws:s3/bucketNotification:BucketNotification", "n", {"bucket": BUCKET, "eventbridge": True})
    pattern = {
        "source": ["aws.s3"],
        "detail-type": ["Object Created"],
        "detail": {"bucket": {"name": [BUCKET]}, **detail},
    }
    small.create("aws:cloudwatch/eventRule:EventRule", "r", {"name": "r", "eventPattern": json.dumps(pattern)})
    target = {"rule": "r", "arn": function, "deadLetterConfig": {"arn": arn("undelivered")}}
    small.create("aws:cloudwatch/eventTarget:EventTarget", "t", target)


def test_an_upload_that_a_rule_matches_invokes_its_function(small: Small) -> None:
    heard = Heard(small)
    listen(small, heard.arn, object={"key": [{"prefix": "in/"}]})
    s3 = small.cloud.client("s3")
    s3.put_object(Bucket=BUCKET, Key="other/a.txt", Body=b"1")
    s3.put_object(Bucket=BUCKET, Key="in/ä +%20.txt", Body=b"12345")
    assert small.compute.asynchronous.settle()
    [body] = heard.bodies()
    event = body["event"]
    assert (event["source"], event["detail-type"], event["region"]) == ("aws.s3", "Object Created", REGION)
    assert event["detail"]["reason"] == "PutObject"
    assert event["detail"]["bucket"] == {"name": BUCKET}
    thing = event["detail"]["object"]
    assert (thing["key"], thing["size"], len(thing["etag"])) == ("in/ä +%20.txt", 5, 32)
    assert "version-id" not in thing


def test_a_multipart_upload_is_one_event_when_it_is_complete(small: Small) -> None:
    heard = Heard(small)
    listen(small, heard.arn)
    s3 = small.cloud.client("s3")
    upload = s3.create_multipart_upload(Bucket=BUCKET, Key="big")["UploadId"]
    part = s3.upload_part(Bucket=BUCKET, Key="big", UploadId=upload, PartNumber=1, Body=b"x" * 100)
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    s3.complete_multipart_upload(Bucket=BUCKET, Key="big", UploadId=upload, MultipartUpload=parts)
    assert small.compute.asynchronous.settle()
    [body] = heard.bodies()
    assert body["event"]["detail"]["reason"] == "CompleteMultipartUpload"
    assert body["event"]["detail"]["object"]["size"] == 100


def test_a_failing_function_is_tried_three_times_then_its_own_queue_has_the_event(small: Small) -> None:
    heard = Heard(small, variables={"FAIL": "1"}, deadLetterConfig={"targetArn": arn("dlq")})
    listen(small, heard.arn)
    small.cloud.client("s3").put_object(Bucket=BUCKET, Key="a", Body=b"1")
    attempts = []
    for minutes in (0, 1, 2):
        small.clock.step(minutes * MINUTE)
        assert small.compute.asynchronous.settle()
        attempts.append(len(heard.bodies()))
    assert attempts == [1, 1, 1]
    small.clock.step(10 * MINUTE)
    assert heard.bodies() == []
    [letter] = heard.messages(heard.dlq)
    assert json.loads(letter["Body"])["detail"]["object"]["key"] == "a"
    assert "ValueError: no" in letter["MessageAttributes"]["ERROR_MESSAGE"]["StringValue"]
    assert heard.messages(heard.undelivered) == []


def test_an_event_for_no_function_goes_to_the_targets_queue(small: Small) -> None:
    heard = Heard(small)
    listen(small, heard.arn + "-gone")
    small.cloud.client("s3").put_object(Bucket=BUCKET, Key="a", Body=b"1")
    [letter] = until(lambda: heard.messages(heard.undelivered))
    assert json.loads(letter["Body"])["source"] == "aws.s3"


def test_a_schedule_runs_by_the_clock_and_its_function_reads_it(small: Small) -> None:
    heard = Heard(small)
    target = {"arn": heard.arn, "input": '{"round": true}'}
    inputs = {"name": "s", "scheduleExpression": "rate(1 minute)", "target": target}
    small.create("aws:scheduler/schedule:Schedule", "s", inputs)
    start = small.clock.now()
    small.clock.step(3 * MINUTE)
    bodies = sorted(heard.bodies(), key=lambda body: body["now"])
    assert [body["event"] for body in bodies] == [{"round": True}] * 3
    assert [round(body["now"] - start) for body in bodies] == [60, 120, 180]


def test_a_function_that_is_set_to_no_retries_is_tried_once(small: Small) -> None:
    heard = Heard(small, variables={"FAIL": "1"}, deadLetterConfig={"targetArn": arn("dlq")})
    config = {"functionName": "f", "maximumRetryAttempts": 0, "maximumEventAgeInSeconds": 60}
    small.create("aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig", "f", config)
    small.compute.asynchronous.invoke(heard.arn, {"n": 1})
    assert small.compute.asynchronous.settle()
    small.clock.step(5 * MINUTE)
    assert small.compute.asynchronous.settle()
    assert len(heard.bodies()) == 1
    assert len(heard.messages(heard.dlq)) == 1


def test_functions_failures_are_metrics(small: Small) -> None:
    heard = Heard(small, variables={"FAIL": "1"})
    small.compute.asynchronous.invoke(heard.arn, {})
    assert small.compute.asynchronous.settle()
    small.clock.step(MINUTE)
    errors = small.compute.metrics.series(
        "AWS/Lambda", "Errors", {"FunctionName": "f"}, "Sum", small.clock.now(), MINUTE, 1
    )
    assert errors == [1]


def test_a_rule_for_events_that_never_happen_here_may_have_any_target(small: Small) -> None:
    topic = {"rule": "r", "arn": "arn:aws:sns:x:y:alarms", "inputTransformer": {"inputTemplate": '"failed"'}}
    pattern = json.dumps({"source": ["aws.codebuild"]})
    small.create("aws:cloudwatch/eventRule:EventRule", "r", {"name": "r", "eventPattern": pattern})
    small.create("aws:cloudwatch/eventTarget:EventTarget", "t", topic)
    pattern = json.dumps({"source": ["aws.codebuild", {"prefix": "aws.s"}]})
    small.create("aws:cloudwatch/eventRule:EventRule", "r", {"name": "r", "eventPattern": pattern})
    with pytest.raises(NotImplementedError):
        small.create("aws:cloudwatch/eventTarget:EventTarget", "t", topic)


def test_what_does_nothing_here_is_refused_when_declared(small: Small) -> None:
    for type_, inputs in (
        ("aws:scheduler/schedule:Schedule", {"scheduleExpression": "cron(0 1 * * ? *)", "target": {"arn": "x"}}),
        ("aws:cloudwatch/eventRule:EventRule", {"scheduleExpression": "rate(1 minute)"}),
        ("aws:cloudwatch/eventTarget:EventTarget", {"rule": "r", "arn": "arn:aws:sns:x:y:z"}),
        ("aws:s3/bucketNotification:BucketNotification", {"bucket": "b", "queues": [{}]}),
    ):
        with pytest.raises(NotImplementedError):
            small.create(type_, "x", inputs)
