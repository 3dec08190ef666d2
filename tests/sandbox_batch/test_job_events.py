"""What EventBridge hears of jobs."""

from __future__ import annotations

import json
from typing import Any

import pytest
from batch_cloud import BatchCloud

from tests.waiting import until

pytestmark = pytest.mark.xdist_group("sandbox-batch")


def listen(cloud: BatchCloud, pattern: dict[str, Any], **target: Any) -> str:
    """URL of the queue that a rule with the pattern sends to."""
    url = cloud.create("aws:sqs/queue:Queue", "heard")["url"]
    cloud.create("aws:cloudwatch/eventRule:EventRule", "rule", eventPattern=json.dumps(pattern))
    arn = "arn:aws:sqs:eu-central-1:123456789012:heard"
    cloud.create("aws:cloudwatch/eventTarget:EventTarget", "target", rule="rule", arn=arn, **target)
    return url


def heard(cloud: BatchCloud, url: str) -> list[dict[str, Any]]:
    messages = cloud.cloud.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    return [json.loads(message["Body"]) for message in messages]


def test_each_change_of_state_is_told_with_the_job_as_it_is_described(cloud: BatchCloud) -> None:
    url = listen(cloud, {"source": ["aws.batch"], "detail-type": ["Batch Job State Change"]})
    job = cloud.end(cloud.submit("told"))
    events = heard(cloud, url)
    states = [event["detail"]["status"] for event in events]
    assert states == ["SUBMITTED", "RUNNABLE", "STARTING", "RUNNING", "SUCCEEDED"]
    last = events[-1]
    assert last["resources"] == [job["jobArn"]]
    described = json.loads(json.dumps(job))
    assert last["detail"] == described


def test_a_rule_hears_only_what_it_asks_for(cloud: BatchCloud) -> None:
    queue = cloud.batch.describe_job_queues(jobQueues=["urgent"])["jobQueues"][0]["jobQueueArn"]
    pattern = {"source": ["aws.batch"], "detail": {"jobQueue": [queue], "status": ["FAILED"]}}
    url = listen(cloud, pattern)
    cloud.end(cloud.submit("other", env={"EXIT": 64}))
    cloud.end(cloud.submit("good", queue="urgent"))
    array = cloud.submit("bad", queue="urgent", arrayProperties={"size": 2}, env={"EXIT_I1": 64})
    cloud.end(array)
    assert [event["detail"]["jobId"] for event in heard(cloud, url)] == [f"{array}:1", array]


def test_a_function_can_hear_of_jobs(cloud: BatchCloud) -> None:
    function = cloud.function("listener", "def handler(event, _): print(event['detail']['status'], flush=True)")
    cloud.create("aws:cloudwatch/eventRule:EventRule", "rule", eventPattern=json.dumps({"source": ["aws.batch"]}))
    cloud.create("aws:cloudwatch/eventTarget:EventTarget", "target", rule="rule", arn=function)
    cloud.end(cloud.submit())
    log = cloud.cloud.folder / "logs" / "listener.log"
    until(lambda: log.exists() and "SUCCEEDED" in log.read_text())


def test_a_rule_for_what_does_not_happen_here_may_have_any_target(cloud: BatchCloud) -> None:
    pattern = {"source": ["aws.batch"], "detail-type": ["Batch Job Queue Blocked"]}
    cloud.create("aws:cloudwatch/eventRule:EventRule", "blocked", eventPattern=json.dumps(pattern))
    topic = "arn:aws:sns:eu-central-1:123456789012:alarms"
    cloud.create("aws:cloudwatch/eventTarget:EventTarget", "t", rule="blocked", arn=topic)
    with pytest.raises(NotImplementedError, match="only functions and queues"):
        cloud.create("aws:cloudwatch/eventRule:EventRule", "any", eventPattern=json.dumps({"source": ["aws.batch"]}))
        cloud.create("aws:cloudwatch/eventTarget:EventTarget", "t", rule="any", arn=topic)
