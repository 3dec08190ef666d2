from __future__ import annotations

import json
from fnmatch import fnmatchcase
from typing import Any

import pytest
from component_support import ACCOUNT, REGION, SITE, Declared
from queue_worker_support import EXTRA, queue_workers, worker

from components.queue_service import max_receives
from sandbox.compute.metric_math import evaluate
from workers.runtime.failures import FailureCount
from workers.runtime.idempotency import Claim, Ledger

SERVICE, DEFINITION = "aws:ecs/service:Service", "aws:ecs/taskDefinition:TaskDefinition"
TARGET, POLICY = "aws:appautoscaling/target:Target", "aws:appautoscaling/policy:Policy"
QUEUE, ALARM = "aws:sqs/queue:Queue", "aws:cloudwatch/metricAlarm:MetricAlarm"
CLUSTER = "serverless-batch-test-tasks"
NAME = "serverless-batch-test-sizes"


@pytest.fixture(scope="module")
def found() -> Declared:
    """`sizes` is an ordinary worker; the others differ where it matters."""
    return queue_workers(
        worker("sizes"),
        worker(
            "mixed",
            prefix="mixed/",
            spot_share=70,
            on_demand_base=1,
            target=9,
            min_tasks=3,
            max_tasks=7,
            cooldown_out=30,
            cooldown_in=600,
            timeout=900,
            effect="repeatable",
        ),
        worker("steady", prefix="steady/", fifo=True, visibility=240, spot_share=0, min_tasks=2, timeout=3600),
    )


def environment(found: Declared, name: str) -> dict[str, str]:
    [container] = json.loads(found.inputs(DEFINITION, name)["containerDefinitions"])
    return {item["name"]: item["value"] for item in container["environment"]}


# --- queue and task ---------------------------------------------------------------------------------------------


def test_the_queue_hides_a_message_as_long_as_the_manifest_says_and_has_a_dead_letter_queue(
    found: Declared,
) -> None:
    assert found.inputs(QUEUE, "steady")["visibilityTimeoutSeconds"] == 240
    queue = found.inputs(QUEUE, "sizes")
    assert (queue["name"], queue["visibilityTimeoutSeconds"]) == (NAME, 180)
    assert "fifoQueue" not in queue
    redrive = json.loads(queue["redrivePolicy"])
    assert redrive == {"deadLetterTargetArn": SITE.arn("sqs", f"{NAME}-dlq"), "maxReceiveCount": 10}


def test_a_fifo_worker_has_fifo_queues_of_which_it_knows(found: Declared) -> None:
    assert [found.inputs(QUEUE, name)["fifoQueue"] for name in ("steady", "steady-dlq")] == [True, True]
    assert json.loads(found.inputs(QUEUE, "steady")["redrivePolicy"])["maxReceiveCount"] == 100
    assert environment(found, "steady")["FIFO"] == "1"
    assert environment(found, "steady")["QUEUE_URL"].endswith("/serverless-batch-test-steady.fifo")


@pytest.mark.parametrize("attempts", range(1, 11))
def test_lost_tasks_do_not_use_up_the_receives_of_a_message_that_may_still_be_tried(attempts: int) -> None:
    assert max_receives(attempts) >= max(10, 2 * attempts)
    assert max_receives(attempts, fifo=True) == 100  # a reclaim cannot begin the count anew


def test_a_task_is_told_everything_that_the_runtime_reads(found: Declared) -> None:
    sqs = f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}"
    assert environment(found, "sizes") == {
        "MODE": "queue",
        "WORKER": "sizes",
        "LEVEL": "3",
        "QUEUE_URL": f"{sqs}/{NAME}",
        "DLQ_URL": f"{sqs}/{NAME}-dlq",
        "FIFO": "0",
        "VISIBILITY_SECONDS": "180",
        "IDEMPOTENCY_TABLE": "serverless-batch-test-idempotency",
        "UPLOADS_BUCKET": f"serverless-batch-test-uploads-{ACCOUNT}",
        "RESULTS_BUCKET": f"serverless-batch-test-results-{ACCOUNT}",
        "WORK": "cpu",
        "CONCURRENCY": "1",
        "EFFECT": "once",
        "TIMEOUT_SECONDS": "300",
        "MAX_ATTEMPTS": "3",
        "BACKOFF_SECONDS": "10",
        "STOP_TIMEOUT_SECONDS": "120",
    }


def test_a_task_ends_before_ecs_kills_it(found: Declared) -> None:
    for definition in found.all(DEFINITION):
        [container] = json.loads(definition.inputs["containerDefinitions"])
        assert environment(found, definition.name)["STOP_TIMEOUT_SECONDS"] == str(container["stopTimeout"])


def test_a_task_may_work_on_its_own_queue_and_write_its_own_results_and_nothing_else(found: Declared) -> None:
    queue, dead_letters = SITE.arn("sqs", NAME), SITE.arn("sqs", f"{NAME}-dlq")
    made = found.statements("sizes-task")
    may = {tuple(s["Action"]): s["Resource"] for s in made}
    assert len(may) == len(made)
    table = [SITE.arn("dynamodb", "table/serverless-batch-test-idempotency")]
    assert may == {
        ("sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"): [queue],
        ("sqs:SendMessage",): [queue, dead_letters],
        ("dynamodb:DeleteItem", "dynamodb:UpdateItem"): table,
        ("dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:UpdateItem"): table,
        ("s3:PutObject",): [f"arn:aws:s3:::serverless-batch-test-results-{ACCOUNT}/sizes/*"],
        ("ecs:UpdateTaskProtection",): [SITE.arn("ecs", f"task/{CLUSTER}/*")],
        tuple(EXTRA["Action"]): EXTRA["Resource"],
    }


class Table:
    """Takes note of what is done to which item, as an action and a key."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []

    def put_item(self, *, Item: Any, **_: Any) -> None:
        self.calls.append(("dynamodb:PutItem", Item["id"]["S"]))

    def update_item(self, *, Key: Any, **_: Any) -> dict[str, Any]:
        self.calls.append(("dynamodb:UpdateItem", Key["id"]["S"]))
        return {"Attributes": {"runs": {"SS": ["r"]}}}

    def delete_item(self, *, Key: Any, **_: Any) -> None:
        self.calls.append(("dynamodb:DeleteItem", Key["id"]["S"]))


def remembered(worker: str) -> list[tuple[str, str]]:
    """What the runtime does to the table for a message of this worker that is processed, and one that fails."""
    table: Any = Table()
    ledger, failures = Ledger("t", worker, 180, table), FailureCount("t", worker, table)
    for done in (True, False):
        claim = ledger.claim("an id")
        assert isinstance(claim, Claim)
        ledger.complete(claim, {}) if done else ledger.release(claim)
    failures.add("an id", "run")
    failures.forget("an id")
    return table.calls


def allows(found: Declared, role: str, action: str, key: str) -> bool:
    keys = [
        statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]
        for statement in found.statements(role)
        if action in statement["Action"]
    ]
    return any(fnmatchcase(key, pattern) for patterns in keys for pattern in patterns)


def test_of_the_shared_table_a_task_reaches_the_items_that_the_runtime_keeps_for_its_worker(found: Declared) -> None:
    assert len(remembered("sizes")) == 6
    assert all(allows(found, "sizes-task", *call) for call in remembered("sizes"))
    assert not any(allows(found, "sizes-task", *call) for call in remembered("mixed"))


def test_a_worker_that_may_repeat_its_work_only_counts_failures(found: Declared) -> None:
    allowed = [allows(found, "mixed-task", *call) for call in remembered("mixed")]
    assert allowed == ["failures#mixed#" in key for _, key in remembered("mixed")]


# --- service and scaling ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "strategy"),
    [
        ("sizes", [("FARGATE_SPOT", 100, 0)]),
        ("mixed", [("FARGATE_SPOT", 70, 0), ("FARGATE", 30, 1)]),
        ("steady", [("FARGATE", 100, 0)]),
    ],
)
def test_a_service_has_the_capacity_that_share_and_base_say(found: Declared, name: str, strategy: list[Any]) -> None:
    service = found.inputs(SERVICE, name)
    chosen = [(p["capacityProvider"], p["weight"], p["base"]) for p in service["capacityProviderStrategies"]]
    assert chosen == strategy
    assert "launchType" not in service
    assert service["forceNewDeployment"] is True


def test_a_service_begins_with_the_minimum_and_then_the_scaling_has_the_say(found: Declared) -> None:
    service = found.one(SERVICE, "mixed")
    assert service.inputs["desiredCount"] == 3
    assert list(service.request.ignoreChanges) == ["desiredCount"]


def test_a_deployment_that_fails_is_rolled_back(found: Declared) -> None:
    assert found.inputs(SERVICE, "sizes")["deploymentCircuitBreaker"] == {"enable": True, "rollback": True}


def test_a_service_waits_for_the_clusters_capacity_providers_and_for_the_way_out(found: Declared) -> None:
    awaited = found.depends_on(found.one(SERVICE, "sizes"))
    assert ("aws:ecs/clusterCapacityProviders:ClusterCapacityProviders", "tasks") in awaited
    assert ("awsx:ec2:Vpc", "tasks") in awaited
    assert (DEFINITION, "sizes") in awaited


def test_tasks_run_where_the_networks_tasks_run_and_bear_the_services_tags(found: Declared) -> None:
    service = found.inputs(SERVICE, "sizes")
    assert service["networkConfiguration"] == {
        "subnets": found.one("awsx:ec2:Vpc").outputs["publicSubnetIds"],
        "securityGroups": [found.one("aws:ec2/securityGroup:SecurityGroup").id],
        "assignPublicIp": True,
    }
    assert (service["propagateTags"], service["enableEcsManagedTags"]) == ("SERVICE", True)
    assert service["availabilityZoneRebalancing"] == "DISABLED"


@pytest.mark.parametrize(("name", "least", "most"), [("sizes", 1, 10), ("mixed", 3, 7)])
def test_target_tracking_never_takes_the_last_task(found: Declared, name: str, least: int, most: int) -> None:
    target = found.inputs(TARGET, name)
    assert (target["minCapacity"], target["maxCapacity"]) == (least, most)
    assert target["resourceId"] == f"service/{CLUSTER}/serverless-batch-test-{name}"
    assert (target["serviceNamespace"], target["scalableDimension"]) == ("ecs", "ecs:service:DesiredCount")


def test_of_a_fifo_queue_no_policy_knows_the_groups_so_none_sets_the_tasks(found: Declared) -> None:
    assert found.names(SERVICE) == ["mixed", "sizes", "steady"]
    assert found.names(TARGET) == found.names(POLICY) == ["mixed", "sizes"]


def tracking(found: Declared, name: str) -> dict[str, Any]:
    return found.inputs(POLICY, name)["targetTrackingScalingPolicyConfiguration"]


def test_target_and_cooldowns_are_the_workers(found: Declared) -> None:
    made = tracking(found, "mixed")
    assert (made["targetValue"], made["scaleOutCooldown"], made["scaleInCooldown"]) == (9, 30, 600)


def test_exactly_one_of_the_policys_series_is_its_metric_and_each_is_named_with_its_dimensions(found: Declared) -> None:
    made = tracking(found, "sizes")["customizedMetricSpecification"]["metrics"]
    assert [m["id"] for m in made if m["returnData"]] == ["backlog_per_task"]
    watched = {m["id"]: m["metricStat"]["metric"] for m in made if "metricStat" in m}
    of_queue, of_tasks = [{"name": "QueueName", "value": NAME}], [{"name": "Queue", "value": NAME}]
    assert {key: (m["namespace"], m["metricName"], m["dimensions"]) for key, m in watched.items()} == {
        "m_visible": ("AWS/SQS", "ApproximateNumberOfMessagesVisible", of_queue),
        "m_in_flight": ("AWS/SQS", "ApproximateNumberOfMessagesNotVisible", of_queue),
        "m_running": ("serverless-batch", "RunningTasks", of_tasks),
    }


def backlog_per_task(found: Declared, visible: list[Any], in_flight: list[Any], running: list[Any]) -> Any:
    """What the declared expressions make of these series."""
    metrics = tracking(found, "sizes")["customizedMetricSpecification"]["metrics"]
    expressions = {m["id"]: m["expression"] for m in metrics if "expression" in m}
    series = {"m_visible": visible, "m_in_flight": in_flight, "m_running": running}
    series["tasks"] = evaluate(expressions["tasks"], series)
    return evaluate(expressions["backlog_per_task"], series)


@pytest.mark.parametrize(
    ("visible", "in_flight", "running", "expected"),
    [
        ([40], [10], [5], [10]),
        ([12], [0], [0], [12]),  # with no task, the whole backlog: a quotient by zero would be no data
        ([12], [0], [None], [12]),  # nor does a count that was never published end the scaling
        ([40, 40], [10, 10], [5, None], [10, 10]),  # a count that comes late does not look like no task
        ([None], [0], [5], [None]),  # the queue's own numbers are not invented
        ([0], [3], [3], [1]),  # what is worked on counts
    ],
)
def test_the_backlog_per_task_survives_zero_tasks_and_missing_data(found, visible, in_flight, running, expected):
    assert backlog_per_task(found, visible, in_flight, running) == expected


# --- alarms -----------------------------------------------------------------------------------------------------


def alarm(found: Declared, kind: str, name: str = "sizes") -> dict[str, Any]:
    made = found.inputs(ALARM, f"{name}-{kind}")
    assert made["alarmActions"] == [found.one("aws:sns/topic:Topic").outputs["arn"]]
    assert (made["comparisonOperator"], made["treatMissingData"]) == ("GreaterThanThreshold", "notBreaching")
    return made


def condition(made: dict[str, Any], **series: list[Any]) -> Any:
    """What a metric math alarm's expression says of series under the names of their metrics."""
    queries = {q["metric"]["metricName"]: q for q in made["metricQueries"] if "metric" in q}
    assert queries.keys() == series.keys()
    [expression] = [q["expression"] for q in made["metricQueries"] if q.get("returnData")]
    return evaluate(expression, {queries[name]["id"]: values for name, values in series.items()})


def test_every_workers_alarms_are_its_own(found: Declared) -> None:
    kinds = {"dlq", "oldest-message", "depth", "tasks", "no-task", "application-errors"}
    mine = {name.removeprefix("mixed-") for name in found.names(ALARM) if name.startswith("mixed-")}
    assert mine == kinds
    for kind in kinds:
        text = json.dumps(found.inputs(ALARM, f"mixed-{kind}"))
        assert "mixed" in text and "sizes" not in text


@pytest.mark.parametrize(("name", "threshold"), [("sizes", 1800), ("mixed", 1800), ("steady", 7200)])
def test_a_message_older_than_half_an_hour_alarms_unless_it_may_take_so_long(found, name: str, threshold: int) -> None:
    made = alarm(found, "oldest-message", name)
    assert (made["namespace"], made["metricName"]) == ("AWS/SQS", "ApproximateAgeOfOldestMessage")
    assert made["dimensions"] == {"QueueName": found.inputs(QUEUE, name)["name"]}
    assert (made["statistic"], made["threshold"], made["period"], made["evaluationPeriods"]) == (
        "Maximum", threshold, 60, 1,
    )  # fmt: skip


def test_more_than_a_thousand_messages_for_ten_minutes_alarm(found: Declared) -> None:
    made = alarm(found, "depth")
    assert (made["metricName"], made["dimensions"]) == ("ApproximateNumberOfMessagesVisible", {"QueueName": NAME})
    assert (made["statistic"], made["threshold"], made["period"], made["evaluationPeriods"]) == (
        "Minimum",
        1000,
        60,
        10,
    )


def test_more_than_ten_errors_in_five_minutes_alarm(found: Declared) -> None:
    made = alarm(found, "application-errors")
    assert (made["namespace"], made["metricName"]) == ("serverless-batch", "ApplicationErrors")
    assert made["dimensions"] == {"service": "sizes", "worker": "sizes"}  # as workers.runtime.telemetry publishes it
    assert (made["statistic"], made["threshold"], made["period"], made["evaluationPeriods"]) == ("Sum", 10, 300, 1)


def test_a_first_dead_letter_alarms(found: Declared) -> None:
    made = alarm(found, "dlq")
    assert made["dimensions"] == {"QueueName": f"{NAME}-dlq"}
    assert (made["threshold"], made["period"], made["evaluationPeriods"]) == (0, 60, 1)


@pytest.mark.parametrize(("name", "minutes"), [("sizes", 5), ("mixed", 15), ("steady", 60)])
def test_other_than_the_desired_tasks_alarm_once_a_busy_task_had_time_to_end(found, name: str, minutes: int) -> None:
    made = alarm(found, "tasks", name)
    assert (made["threshold"], made["evaluationPeriods"]) == (0, minutes)
    assert {q["metric"]["period"] for q in made["metricQueries"] if "metric" in q} == {60}
    assert condition(made, DesiredTasks=[3, 3, 2, None], RunningTasks=[3, 1, 3, 2]) == [0, 2, 1, None]


def test_messages_that_wait_for_a_quarter_of_an_hour_without_a_task_alarm(found: Declared) -> None:
    made = alarm(found, "no-task")
    assert (made["threshold"], made["evaluationPeriods"]) == (0, 3)
    assert {q["metric"]["period"] for q in made["metricQueries"] if "metric" in q} == {300}
    waiting, running = [4, 4, 0, 4, None], [0, 1, 0, None, 0]
    said = condition(made, ApproximateNumberOfMessagesVisible=waiting, RunningTasks=running)
    # With a task, or nothing that waits, there is nothing to tell; without the scaler's word no task is known.
    assert said == [1, 0, 0, 1, None]
