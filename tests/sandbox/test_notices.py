"""What people are told, on a deployed stack with a Slack and a Notion of its own."""

from __future__ import annotations

import json
import uuid

import pytest
from live_stack import Live

from jobs import Job, Status
from tests.waiting import until

pytestmark = pytest.mark.xdist_group("notices")


def ended_job(live: Live, status: Status = Status.SUCCEEDED) -> str:
    """The id of a job that has just ended."""
    return live.store.create(Job(job_id=uuid.uuid4().hex, worker="probe", input={}, status=status)).job_id


@pytest.mark.parametrize("status", [Status.SUCCEEDED, Status.FAILED, Status.CANCELLED])
def test_each_way_for_a_job_to_end_is_told_once(live: Live, status: Status) -> None:
    job_id = ended_job(live, status)
    assert live.is_told_once(job_id)
    [page] = [page for page in live.receivers.notion if job_id in json.dumps(page)]
    assert page["properties"]["Status"] == {"select": {"name": status}}


def test_a_job_that_has_not_ended_is_not_told(live: Live) -> None:
    waiting = ended_job(live, Status.QUEUED)
    assert live.is_told_once(ended_job(live))  # the stream keeps the order
    assert set(live.told(waiting).values()) == {0}


def test_a_notice_that_comes_again_is_not_told_again(live: Live) -> None:
    job_id = ended_job(live)
    assert live.is_told_once(job_id)
    item = live.cloud.client("dynamodb").get_item(TableName="serverless-batch-test-jobs", Key={"job_id": {"S": job_id}})
    notice = {"eventID": "again", "eventName": "MODIFY", "dynamodb": {"NewImage": item["Item"]}}
    for _ in range(2):
        live.sqs.send_message(QueueUrl=live.queue("notices"), MessageBody=json.dumps(notice))
    assert live.is_told_once(job_id)


def test_a_channel_that_asks_to_wait_is_told_later_and_the_others_are_not_told_again(live: Live) -> None:
    live.receivers.slack_refusals = ["1", "1"]
    job_id = ended_job(live)
    until(lambda: live.told(job_id) == {"slack": 0, "notion": 1, "sns": 1})
    assert live.is_told_once(job_id)
    assert not live.receivers.slack_refusals
    assert not live.messages("notices-dlq")
