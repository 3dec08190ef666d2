from __future__ import annotations

import json
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
from component_support import ACCOUNT, PROJECT, SITE, Declared, packed, policy
from queue_worker_support import queue_workers, worker

from components.queue_worker import SCALING_KEYS, outermost, overlaps
from policies.settings import StackConfig
from sandbox.analyzer import analyze
from scaling.catalogue import read_workers
from scaling.memory import Memory

LAMBDA, QUEUE = "aws:lambda/function:Function", "aws:sqs/queue:Queue"
RULE, TARGET = "aws:cloudwatch/eventRule:EventRule", "aws:cloudwatch/eventTarget:EventTarget"
SCHEDULE, PERMISSION = "aws:scheduler/schedule:Schedule", "aws:lambda/permission:Permission"
UPLOADS = f"serverless-batch-test-uploads-{ACCOUNT}"
UNDELIVERED = SITE.arn("sqs", "serverless-batch-test-undelivered")
TABLE = SITE.arn("dynamodb", "table/serverless-batch-test-idempotency")
WORKERS = (
    worker("sizes", suffixes=[".jpg", ".png"], max_tasks=4),
    worker("texts", prefix="texts/", fifo=True, tenant=2, min_tasks=1, target=3, attempts=8),
)


@pytest.fixture(scope="module")
def found() -> Declared:
    return queue_workers(*WORKERS, load_generator=True)


def catalogue(found: Declared, function: str) -> str:
    return packed(found.one(LAMBDA, function))["catalogue.json"].removeprefix("text:")


# --- uploads ----------------------------------------------------------------------------------------------------


def test_eventbridge_hears_of_every_object_in_the_uploads_bucket_and_of_no_other(found: Declared) -> None:
    notification = found.inputs("aws:s3/bucketNotification:BucketNotification")
    assert notification == {"bucket": UPLOADS, "eventbridge": True}


def test_one_rule_takes_the_uploads_of_all_workers_to_the_enqueuer(found: Declared) -> None:
    assert json.loads(found.inputs(RULE)["eventPattern"]) == {
        "source": ["aws.s3"],
        "detail-type": ["Object Created"],
        "detail": {
            "bucket": {"name": [UPLOADS]},
            "object": {"key": [{"prefix": "texts/"}, {"prefix": "uploads/"}]},
        },
    }
    target, enqueuer = found.inputs(TARGET), found.one(LAMBDA, "enqueuer")
    assert (target["rule"], target["arn"]) == ("serverless-batch-test-uploads", enqueuer.outputs["arn"])
    permission = found.inputs(PERMISSION)
    assert (permission["principal"], permission["function"]) == ("events.amazonaws.com", enqueuer.outputs["name"])
    assert permission["sourceArn"] == found.one(RULE).outputs["arn"]
    assert (PERMISSION, "uploads") in found.depends_on(found.one(TARGET))


@pytest.mark.parametrize(
    ("prefixes", "expected"),
    [
        (["b/", "a/"], ["a/", "b/"]),
        (["a/", "a/b/", "a/b/c/"], ["a/"]),
        (["a/b/", "a/"], ["a/"]),
        (["a/", "a/"], ["a/"]),
        (["a/b/", "a/c/"], ["a/b/", "a/c/"]),
        (["a-b/", "a/"], ["a-b/", "a/"]),
    ],
)
def test_an_upload_matches_one_prefix_of_the_rule_at_the_most(prefixes: list[str], expected: list[str]) -> None:
    assert outermost(iter(prefixes)) == expected


def test_an_upload_that_cannot_become_a_message_is_kept_and_told(found: Declared) -> None:
    queue = found.one(QUEUE, "undelivered")
    assert queue.outputs["arn"] == UNDELIVERED
    assert queue.inputs["messageRetentionSeconds"] == 14 * 86_400
    assert found.inputs(TARGET)["deadLetterConfig"] == {"arn": UNDELIVERED}
    assert found.inputs(LAMBDA, "enqueuer")["deadLetterConfig"] == {"targetArn": UNDELIVERED}
    assert found.inputs(SCHEDULE)["target"]["deadLetterConfig"] == {"arn": UNDELIVERED}
    alarm = found.inputs("aws:cloudwatch/metricAlarm:MetricAlarm", "undelivered")
    assert (alarm["dimensions"], alarm["threshold"]) == ({"QueueName": queue.inputs["name"]}, 0)


def test_only_the_rule_and_the_roles_of_this_account_send_to_the_undelivered_and_only_with_tls(found: Declared) -> None:
    guard, sender = policy(found.inputs("aws:sqs/queuePolicy:QueuePolicy", "undelivered")["policy"])
    assert (guard["Effect"], guard["Resource"]) == ("Deny", [UNDELIVERED])
    assert sender["Principal"] == {"Service": "events.amazonaws.com"}
    assert sender["Condition"] == {
        "ArnEquals": {"aws:SourceArn": [SITE.arn("events", "rule/serverless-batch-test-uploads")]}
    }


# --- functions --------------------------------------------------------------------------------------------------


def test_the_functions_read_of_the_workers_what_the_stack_says(tmp_path: Path, found: Declared) -> None:
    file = tmp_path / "catalogue.json"
    for function in ("enqueuer", "scaler", "load_generator"):
        file.write_text(catalogue(found, function))
        sizes, texts = read_workers(file)
        assert (sizes.name, sizes.prefix, sizes.suffixes, sizes.fifo, sizes.tenant) == (
            "sizes", "uploads/", (".jpg", ".png"), False, None,
        )  # fmt: skip
        assert (texts.prefix, texts.suffixes, texts.fifo, texts.tenant) == ("texts/", (), True, 2)
        assert (sizes.bounds.target, sizes.bounds.minimum, sizes.bounds.maximum, sizes.bounds.cooldown_in) == (
            5, 0, 4, 300,
        )  # fmt: skip
        for one in (sizes, texts):
            service = found.inputs("aws:ecs/service:Service", one.name)
            queue = found.one(QUEUE, one.name)
            assert (one.service, one.cluster) == (service["name"], "serverless-batch-test-tasks")
            assert (one.queue_url, one.queue_name) == (queue.outputs["url"], queue.inputs["name"])


@pytest.mark.parametrize("function", ["enqueuer", "scaler", "load_generator"])
def test_a_function_carries_its_files_the_scaling_and_the_catalogue(found: Declared, function: str) -> None:
    files = set(packed(found.one(LAMBDA, function)))
    own = {path.name for path in (PROJECT / "functions" / function).glob("*.py")}
    shared = {path.relative_to(PROJECT).as_posix() for path in (PROJECT / "scaling").rglob("*.py")}
    assert "handler.py" in own
    assert files == own | shared | {"catalogue.json"}


def statements(found: Declared, function: str) -> dict[tuple[str, ...], Any]:
    """Actions → resources and condition, without what every function may do."""
    of_all = ("logs:CreateLogStream", "xray:GetSamplingRules")  # its logs and traces
    made = [s for s in found.statements(f"{function}-function") if s["Action"][0] not in of_all]
    return {tuple(s["Action"]): (s["Resource"], s.get("Condition")) for s in made}


def test_enqueuer_and_scaler_see_the_queues_scale_the_services_and_remember_when(found: Declared) -> None:
    queues = [SITE.arn("sqs", f"serverless-batch-test-{name}") for name in ("sizes", "texts.fifo")]
    services = [
        SITE.arn("ecs", f"service/serverless-batch-test-tasks/serverless-batch-test-{n}") for n in ("sizes", "texts")
    ]
    scaling = {
        ("sqs:GetQueueAttributes",): (queues, None),
        ("ecs:DescribeServices", "ecs:UpdateService"): (services, None),
    }
    items = ([TABLE], {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["scaling#*"]}})
    letters = {("sqs:SendMessage",): ([UNDELIVERED], None)}
    assert statements(found, "scaler") == scaling | letters | {("dynamodb:GetItem", "dynamodb:UpdateItem"): items}
    sending = [s for s in found.statements("enqueuer-function") if s["Action"] == ["sqs:SendMessage"]]
    assert [s["Resource"] for s in sending] == [queues, [UNDELIVERED]]
    rest = {actions: what for actions, what in statements(found, "enqueuer").items() if actions != ("sqs:SendMessage",)}
    assert rest == scaling | {("dynamodb:UpdateItem",): items}


class Table:
    """Takes note of the keys of items."""

    def __init__(self) -> None:
        self.keys: list[str] = []

    def update_item(self, *, Key: Any, **_: Any) -> dict[str, Any]:
        self.keys.append(Key["id"])
        return {"Attributes": {}}


def test_of_the_shared_table_the_scaling_reaches_what_it_remembers_of_every_worker(
    found: Declared, tmp_path: Path
) -> None:
    (tmp_path / "catalogue.json").write_text(catalogue(found, "scaler"))
    table = Table()
    for one in read_workers(tmp_path / "catalogue.json"):
        Memory(table, "t").queue_is_empty(one, 0)
    assert len(table.keys) == 2
    assert all(fnmatchcase(key, pattern) for key in table.keys for pattern in SCALING_KEYS)


def test_the_functions_know_bucket_and_table(found: Declared) -> None:
    def environment(function: str) -> dict[str, str]:
        variables = found.inputs(LAMBDA, function)["environment"]["variables"]
        return {key: value for key, value in variables.items() if not key.startswith("POWERTOOLS_")}

    table = "serverless-batch-test-idempotency"
    assert environment("enqueuer") == {"UPLOADS_BUCKET": UPLOADS, "SCALING_TABLE": table}
    assert environment("scaler") == {"SCALING_TABLE": table}
    assert environment("load_generator") == {"UPLOADS_BUCKET": UPLOADS}


def test_the_scaler_runs_each_minute_and_its_schedule_may_do_nothing_else(found: Declared) -> None:
    schedule = found.inputs(SCHEDULE)
    assert schedule["scheduleExpression"] == "rate(1 minute)"
    assert schedule["target"]["arn"] == found.one(LAMBDA, "scaler").outputs["arn"]
    assert schedule["target"]["roleArn"] == SITE.role_arn("serverless-batch-test-scaler-schedule")
    assert found.inputs(LAMBDA, "scaler")["timeout"] < 60
    assert {tuple(s["Action"]): s["Resource"] for s in found.statements("scaler-schedule")} == {
        ("lambda:InvokeFunction",): [SITE.arn("lambda", "function:serverless-batch-test-scaler")],
        ("sqs:SendMessage",): [UNDELIVERED],
    }


def test_a_round_that_failed_or_came_too_late_is_left_to_the_next_one(found: Declared) -> None:
    config = found.inputs("aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig")
    assert config == {
        "functionName": found.one(LAMBDA, "scaler").outputs["name"],
        "maximumEventAgeInSeconds": 60,
        "maximumRetryAttempts": 0,
    }
    assert found.inputs(SCHEDULE)["target"]["retryPolicy"]["maximumEventAgeInSeconds"] == 60


def test_the_load_generator_writes_only_its_own_uploads(found: Declared) -> None:
    may = statements(found, "load_generator")
    assert may.keys() == {("s3:GetObject",), ("s3:ListBucket",), ("s3:PutObject",)}
    written = [s["Resource"] for s in found.statements("load_generator-function") if s["Action"] == ["s3:PutObject"]]
    assert written == [[f"arn:aws:s3:::{UPLOADS}/uploads/load-*"], [f"arn:aws:s3:::{UPLOADS}/texts/load-*"]]


# --- together ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other", "overlap"),
    [
        ({}, {}, True),
        ({}, {"prefix": "texts/"}, False),
        ({}, {"prefix": "uploads/small/"}, True),
        ({"prefix": "uploads/small/"}, {}, True),
        ({}, {"prefix": "uploads-2/"}, False),
        ({"suffixes": [".jpg"]}, {}, True),
        ({"suffixes": [".jpg"]}, {"suffixes": [".png"]}, False),
        ({"suffixes": [".jpg", ".png"]}, {"suffixes": [".png"]}, True),
        ({"suffixes": [".gz"]}, {"suffixes": [".tar.gz"]}, True),
    ],
)
def test_workers_overlap_where_an_upload_would_go_to_both(one: Any, other: Any, overlap: bool) -> None:
    assert bool(list(overlaps([worker("a", **one), worker("b", **other)]))) is overlap


def test_an_overlap_is_told_and_allowed(caplog: pytest.LogCaptureFixture) -> None:
    found = queue_workers(worker("a", suffixes=[".jpg"]), worker("b", prefix="uploads/small/"))
    assert found.names("aws:ecs/service:Service") == ["a", "b"]
    [warning] = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert "a and b both take uploads like uploads/small/….jpg" in warning


def test_every_policy_passes_also_before_anything_exists(found: Declared) -> None:
    before = queue_workers(*WORKERS, load_generator=True, preview=True)
    for run in (before.run, found.run):
        assert analyze(run.resources, StackConfig({"spot-ecs-service": {"minShare": 100}})) == []
