from __future__ import annotations

import json
import re
from typing import Any

import pytest
from batch_component_support import QUEUES, batch, worker
from component_support import PROJECT, SITE, Declared, packed, policy, variables_of

from components.batch_jobs import BatchTier
from components.batch_settings import BatchAlarms
from sandbox.compute.metric_math import evaluate

LAMBDA, ALARM = "aws:lambda/function:Function", "aws:cloudwatch/metricAlarm:MetricAlarm"
EVENTS, UNDELIVERED = (SITE.arn("sqs", f"serverless-batch-test-batch-{name}") for name in ("events", "undelivered"))
RULES = {name: SITE.arn("events", f"rule/serverless-batch-test-{name}") for name in ("batch-jobs", "batch-blocked")}


@pytest.fixture(scope="module")
def found() -> Declared:
    tiers = [
        BatchTier(up_to=1, vcpu=0.5, memory=1024, queue="standard"),
        BatchTier(up_to=None, vcpu=6, memory=40_960, queue="large"),
    ]
    return batch(worker(tiers=tiers), worker("pages", timeout=60))


def pattern(found: Declared, rule: str) -> dict[str, Any]:
    return json.loads(found.inputs("aws:cloudwatch/eventRule:EventRule", rule)["eventPattern"])


def test_the_ends_of_the_stacks_jobs_and_no_others_come_to_the_queue(found: Declared) -> None:
    assert pattern(found, "batch-jobs") == {
        "source": ["aws.batch"],
        "detail-type": ["Batch Job State Change"],
        "detail": {
            "jobQueue": [SITE.arn("batch", f"job-queue/serverless-batch-test-{name}") for name in QUEUES],
            "status": ["SUCCEEDED", "FAILED"],
        },
    }
    target = found.inputs("aws:cloudwatch/eventTarget:EventTarget", "batch-jobs")
    assert target["arn"] == EVENTS


def test_a_queue_whose_first_job_cannot_start_is_told_on_the_topic(found: Declared) -> None:
    blocked = pattern(found, "batch-blocked")
    assert blocked["detail-type"] == ["Batch Job Queue Blocked"]
    assert blocked["detail"] == {"jobQueue": pattern(found, "batch-jobs")["detail"]["jobQueue"]}
    target = found.inputs("aws:cloudwatch/eventTarget:EventTarget", "batch-blocked")
    assert target["arn"] == found.one("aws:sns/topic:Topic").outputs["arn"]
    transformer = target["inputTransformer"]
    assert all(f"<{name}>" in transformer["inputTemplate"] for name in transformer["inputPaths"])


def test_what_a_rule_cannot_deliver_is_kept_and_told(found: Declared) -> None:
    for rule in RULES:
        target = found.inputs("aws:cloudwatch/eventTarget:EventTarget", rule)
        assert target["deadLetterConfig"] == {"arn": UNDELIVERED}
    assert found.inputs(ALARM, "batch-undelivered")["dimensions"] == {
        "QueueName": "serverless-batch-test-batch-undelivered"
    }


@pytest.mark.parametrize(
    ("queue", "arn", "rules"),
    [("batch-events", EVENTS, ["batch-jobs"]), ("batch-undelivered", UNDELIVERED, ["batch-jobs", "batch-blocked"])],
)
def test_the_rules_may_send_to_their_queues(found: Declared, queue: str, arn: str, rules: list[str]) -> None:
    [allowed] = [
        s for s in policy(found.inputs("aws:sqs/queuePolicy:QueuePolicy", queue)["policy"]) if s["Effect"] == "Allow"
    ]
    assert (allowed["Principal"], allowed["Action"]) == ({"Service": "events.amazonaws.com"}, ["sqs:SendMessage"])
    assert allowed["Resource"] == [arn]
    assert allowed["Condition"] == {"ArnEquals": {"aws:SourceArn": [RULES[rule] for rule in rules]}}


def test_an_event_that_fails_again_and_again_ends_in_a_dead_letter_queue_with_an_alarm(found: Declared) -> None:
    redrive = json.loads(found.inputs("aws:sqs/queue:Queue", "batch-events")["redrivePolicy"])
    assert redrive == {"deadLetterTargetArn": f"{EVENTS}-dlq", "maxReceiveCount": 5}
    assert found.inputs(ALARM, "batch-events-dlq")["dimensions"] == {
        "QueueName": "serverless-batch-test-batch-events-dlq"
    }
    mapping = found.inputs("aws:lambda/eventSourceMapping:EventSourceMapping", "batch_events")
    assert (mapping["batchSize"], mapping["functionResponseTypes"]) == (10, ["ReportBatchItemFailures"])
    assert mapping["eventSourceArn"] == EVENTS
    timeout = found.inputs(LAMBDA, "batch_events")["timeout"]
    assert found.inputs("aws:sqs/queue:Queue", "batch-events")["visibilityTimeoutSeconds"] >= 6 * timeout


def test_the_function_is_told_its_table_and_its_topic(found: Declared) -> None:
    given = {name: value for name, value in variables_of(found, "batch_events").items() if "POWERTOOLS" not in name}
    assert given == {
        "IDEMPOTENCY_TABLE": "serverless-batch-test-idempotency",
        "TOPIC_ARN": SITE.arn("sns", "serverless-batch-test-alerts"),
    }
    files = packed(found.one(LAMBDA, "batch_events"))
    assert {name.partition("/")[0] for name in files if "/" in name} <= {"batchjobs", "jobs"}


def test_the_function_submits_these_workers_jobs_to_the_stacks_queues(found: Declared) -> None:
    statements = {s["Action"][0]: s for s in found.statements("batch_events-function")}
    definitions = ["lines", "lines_ec2", "pages"]
    assert statements["batch:SubmitJob"]["Resource"] == [
        *(
            SITE.arn("batch", f"job-definition/serverless-batch-test-{name}{revision}")
            for name in definitions
            for revision in ("", ":*")
        ),
        *(SITE.arn("batch", f"job-queue/serverless-batch-test-{name}") for name in sorted(QUEUES)),
        SITE.arn("batch", "job/*"),
    ]
    seeing = statements["batch:DescribeJobQueues"]
    assert seeing["Action"] == ["batch:DescribeJobQueues", "batch:DescribeJobs", "batch:ListJobs"]
    assert seeing["Resource"] == ["*"]
    remembers = statements["dynamodb:DeleteItem"]
    assert remembers["Condition"] == {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["batch#*", "batch-next#*"]}}
    assert statements["sns:Publish"]["Resource"] == [SITE.arn("sns", "serverless-batch-test-alerts")]


def test_the_function_may_call_what_its_code_calls_and_is_told_what_it_reads(found: Declared) -> None:
    code = {file: (PROJECT / file).read_text() for file in files_of(found) if file.endswith(".py")}
    reached = "".join(text for file, text in code.items() if file.rpartition("/")[2] in REACHED)
    called = set(re.findall(r"\b(?:describe|list|submit|terminate|cancel)_job\w*", reached))
    actions = {f"batch:{''.join(word.capitalize() for word in name.split('_'))}" for name in called}
    granted = {action for s in found.statements("batch_events-function") for action in s["Action"]}
    assert actions == {action for action in granted if action.startswith("batch:")}
    read = {name for text in code.values() for name in re.findall(r"os\.environ\[\"(\w+)\"\]", text)}
    assert read == {"IDEMPOTENCY_TABLE", "TOPIC_ARN"}


REACHED = ("handler.py", "measures.py", "notice.py", "once.py", "successors.py")  # of the packed modules, those it runs


def files_of(found: Declared) -> list[str]:
    """The project's files in the function's archive."""
    return [path for path in packed(found.one(LAMBDA, "batch_events")).values() if not path.startswith("text:")]


# --- alarms -----------------------------------------------------------------------------------------------------


def test_no_alarm_speaks_of_a_worker_that_does_nothing(found: Declared) -> None:
    for alarm in found.all(ALARM):
        assert alarm.inputs["treatMissingData"] == "notBreaching"
        assert alarm.inputs["alarmActions"] == [found.one("aws:sns/topic:Topic").outputs["arn"]]


def test_each_alarm_watches_a_metric_with_the_dimensions_that_it_has(found: Declared) -> None:
    watched = {}
    for alarm in found.all(ALARM):
        if alarm.name.startswith("lines-") and "metricName" in alarm.inputs:
            assert alarm.inputs["namespace"] == "serverless-batch"
            watched[alarm.name] = (alarm.inputs["metricName"], set(alarm.inputs["dimensions"]))
            assert set(alarm.inputs["dimensions"].values()) == {"lines"}
    assert watched == {
        "lines-failed": ("JobsFailed", {"worker"}),
        "lines-duration": ("Duration", {"worker"}),
        "lines-cost": ("CostUsd", {"worker"}),
        "lines-queue-wait": ("QueueWait", {"worker"}),
        "lines-memory": ("MemoryUsed", {"service", "worker"}),  # the runtime's
    }


@pytest.mark.parametrize(
    ("alarm", "threshold", "statistic"),
    [("duration", 270, "Maximum"), ("memory", 95, "Maximum"), ("cost", 5, "Maximum"), ("queue-wait", 900, "Minimum")],
)
def test_thresholds_have_defaults(found: Declared, alarm: str, threshold: float, statistic: str) -> None:
    inputs = found.inputs(ALARM, f"lines-{alarm}")
    assert (inputs["threshold"], inputs["statistic"]) == (pytest.approx(threshold), statistic)


def test_thresholds_are_the_stacks() -> None:
    alarms = BatchAlarms(
        queue_wait_seconds=60, success_rate=0.5, duration_share=0.5, memory_share=0.5, cost_per_job=0.25
    )
    found = batch(worker(), alarms=alarms)
    thresholds = {name: found.inputs(ALARM, f"lines-{name}")["threshold"] for name in ("duration", "memory", "cost")}
    assert thresholds == {"duration": 150, "memory": 50, "cost": 0.25}
    assert found.inputs(ALARM, "lines-queue-wait")["threshold"] == 60
    assert rate(found, failed=11, succeeded=10) == 1
    assert rate(found, failed=10, succeeded=10) == 0


def rate(found: Declared, *, failed: int | None, succeeded: int | None) -> float | None:
    """What the expression of the success rate says of an hour."""
    [condition] = [q for q in found.inputs(ALARM, "lines-success-rate")["metricQueries"] if "expression" in q]
    answer = evaluate(condition["expression"], {"m_failed": [failed], "m_succeeded": [succeeded]})
    assert isinstance(answer, list)
    return answer[0]


@pytest.mark.parametrize(
    ("failed", "succeeded", "alarm"),
    [(2, 98, 0), (5, 95, 0), (6, 94, 1), (1, 0, 0), (10, 9, 0), (20, 0, 1), (20, None, 1), (None, 50, 0)],
)
def test_a_rate_is_told_when_there_are_enough_jobs_for_one(
    found: Declared, failed: int | None, succeeded: int | None, alarm: int
) -> None:
    assert rate(found, failed=failed, succeeded=succeeded) == alarm


def test_the_rate_is_that_of_an_hour_and_counts_jobs(found: Declared) -> None:
    metrics = [q["metric"] for q in found.inputs(ALARM, "lines-success-rate")["metricQueries"] if "metric" in q]
    assert {(m["metricName"], m["stat"], m["period"]) for m in metrics} == {
        ("JobsFailed", "Sum", 3600), ("JobsSucceeded", "Sum", 3600),
    }  # fmt: skip


def test_without_a_batch_worker_nothing_waits_for_events() -> None:
    found = batch()
    assert found.names("aws:cloudwatch/eventRule:EventRule") == []
    assert found.names(LAMBDA) == []
