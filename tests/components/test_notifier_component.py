from __future__ import annotations

import json
import re
from fnmatch import fnmatchcase
from functools import cache
from typing import Any, cast

import pytest
from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer, IdempotencyConfig
from component_support import (
    ACCOUNT,
    PROJECT,
    REGION,
    SITE,
    Declared,
    alerts,
    bucket,
    declared,
    idempotency_table,
    jobs_table,
)

from components.notifier import Notifier, NotifierArgs
from jobs import Status
from jobs.record import TERMINAL

PIPE, LAMBDA, QUEUE = "aws:pipes/pipe:Pipe", "aws:lambda/function:Function", "aws:sqs/queue:Queue"
SLACK = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:slack-AbCdEf"
NOTION = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:notion-AbCdEf"


@cache
def notifier(**changes: Any) -> Declared:
    args: dict[str, Any] = {"slack_secret_arn": None, "notion_secret_arn": None, "notion_database_id": None}
    args |= {"emails": (), "log_retention_days": 7} | changes

    def declare() -> None:
        Notifier(
            "notifier",
            SITE,
            PROJECT,
            NotifierArgs(**args),
            jobs=jobs_table(),
            idempotency=idempotency_table(),
            results=bucket(),
            alerts=alerts(),
        )

    return declared(declare)


def environment(found: Declared) -> dict[str, str]:
    return found.inputs(LAMBDA)["environment"]["variables"]


def secrets(found: Declared) -> list[str]:
    """Secrets that the function may read."""
    statements = found.statements("notifier-function")
    return [arn for s in statements if s["Action"] == ["secretsmanager:GetSecretValue"] for arn in s["Resource"]]


def test_the_jobs_tables_stream_goes_through_a_pipe_to_the_queue_of_notices() -> None:
    found = notifier()
    pipe = found.inputs(PIPE)
    assert pipe["source"] == found.one("aws:dynamodb/table:Table", "jobs").outputs["streamArn"]
    assert pipe["target"] == found.one(QUEUE, "notices").outputs["arn"]
    assert pipe["roleArn"] == found.one("aws:iam/role:Role", "notifier-pipe").outputs["arn"]


def test_only_jobs_that_have_ended_pass_the_filter() -> None:
    [chosen] = notifier().inputs(PIPE)["sourceParameters"]["filterCriteria"]["filters"]
    pattern = json.loads(chosen["pattern"])
    assert set(pattern["dynamodb"]["NewImage"]["status"]["S"]) == {str(status) for status in TERMINAL}
    assert Status.QUEUED not in TERMINAL


def test_what_the_pipe_cannot_deliver_ends_in_the_dead_letter_queue_of_notices() -> None:
    found = notifier()
    stream = found.inputs(PIPE)["sourceParameters"]["dynamodbStreamParameters"]
    assert stream["deadLetterConfig"] == {"arn": found.one(QUEUE, "notices-dlq").outputs["arn"]}
    assert stream["maximumRetryAttempts"] == 10  # without a limit one bad record holds up the stream for a day
    assert stream["onPartialBatchItemFailure"] == "AUTOMATIC_BISECT"
    assert stream["startingPosition"] == "TRIM_HORIZON"


def test_the_pipe_may_read_the_stream_and_send_to_both_queues_and_nothing_else() -> None:
    found = notifier()
    queues = [found.one(QUEUE, name).outputs["arn"] for name in ("notices", "notices-dlq")]
    table = found.one("aws:dynamodb/table:Table", "jobs").outputs["arn"]
    assert [(s["Action"], s["Resource"]) for s in found.statements("notifier-pipe")] == [
        (["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"], [f"{table}/stream/*"]),
        (["sqs:SendMessage"], queues),
    ]


def test_the_queue_feeds_the_function_and_hides_a_notice_for_six_times_its_timeout() -> None:
    found = notifier()
    mapping = found.inputs("aws:lambda/eventSourceMapping:EventSourceMapping")
    assert mapping["eventSourceArn"] == found.one(QUEUE, "notices").outputs["arn"]
    assert mapping["functionName"] == found.one(LAMBDA).outputs["arn"]
    assert mapping["functionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["batchSize"] == 10
    assert found.inputs(QUEUE, "notices")["visibilityTimeoutSeconds"] >= 6 * found.inputs(LAMBDA)["timeout"]


def test_by_default_notices_go_to_the_topic_only() -> None:
    found = notifier()
    component = found.inputs("serverless-batch:notifier:Notifier")
    assert component["channels"] == {"slack": False, "notion": False, "sns": True}
    assert environment(found) == {
        "POWERTOOLS_SERVICE_NAME": "notifier",
        "POWERTOOLS_METRICS_NAMESPACE": "serverless-batch",
        "NOTICES_TABLE": found.inputs("aws:dynamodb/table:Table", "idempotency")["name"],
        "NOTICES_QUEUE_URL": found.one(QUEUE, "notices").outputs["url"],
        "TOPIC_ARN": found.one("aws:sns/topic:Topic", "notices").outputs["arn"],
    }
    assert secrets(found) == []
    assert not found.all("aws:sns/topicSubscription:TopicSubscription")


@pytest.mark.parametrize(
    ("settings", "variables"),
    [
        ({"slack_secret_arn": SLACK}, {"SLACK_SECRET_ARN": SLACK}),
        (
            {"notion_secret_arn": NOTION, "notion_database_id": "db"},
            {"NOTION_SECRET_ARN": NOTION, "NOTION_DATABASE_ID": "db"},
        ),
    ],
    ids=["slack", "notion"],
)
def test_a_channel_is_on_with_its_secret_which_the_function_may_read(
    settings: dict[str, str], variables: dict[str, str]
) -> None:
    found = notifier(**settings)
    assert environment(found).items() >= variables.items()
    assert environment(found).keys() - environment(notifier()).keys() == variables.keys()
    assert secrets(found) == [value for value in variables.values() if value.startswith("arn:")]


def test_each_address_is_subscribed_to_the_topic_of_notices() -> None:
    found = notifier(emails=("a@example.com", "b@example.com"))
    subscribed = [s.inputs for s in found.all("aws:sns/topicSubscription:TopicSubscription")]
    assert sorted(s["endpoint"] for s in subscribed) == ["a@example.com", "b@example.com"]
    assert {s["topic"] for s in subscribed} == {found.one("aws:sns/topic:Topic", "notices").outputs["arn"]}


def test_of_the_shared_table_the_notifier_reaches_its_own_items_only() -> None:
    [prefix] = re.findall(r'key_prefix="(\w+)"', (PROJECT / "functions/notifier/notices.py").read_text())
    layer = DynamoDBPersistenceLayer("t", boto3_client=cast(Any, object()))
    layer.configure(IdempotencyConfig(), key_prefix=prefix)
    [keys] = [
        statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]
        for statement in notifier().statements("notifier-function")
        if "dynamodb:PutItem" in statement["Action"]
    ]
    written = layer._get_hashed_idempotency_key({"job_id": "j"})
    assert [fnmatchcase(key, pattern) for key in (written, "scaling#sizes") for pattern in keys] == [True, False]
