from __future__ import annotations

import base64
import datetime as dt
import io
import json
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from component_support import PROJECT, SITE, Declared, packed
from job_support import Surroundings, with_runner, worker

from components.scheduled_tasks import ScheduledTask, ScheduledTasks, ScheduledTasksArgs
from policies.settings import StackConfig
from sandbox.analyzer import analyze

LAMBDA, SCHEDULE = "aws:lambda/function:Function", "aws:scheduler/schedule:Schedule"
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
UNSTARTED = SITE.arn("sqs", "serverless-batch-test-unstarted")
JOBS = SITE.arn("dynamodb", "table/serverless-batch-test-jobs")
PAST, FUTURE = dt.datetime(2020, 1, 1, 6, tzinfo=dt.UTC), dt.datetime(2099, 1, 1, 6, tzinfo=ZoneInfo("Asia/Tokyo"))


def task(name: str, **changes: Any) -> ScheduledTask:
    args: dict[str, Any] = {"given": {"period": "day"}, "expression": "cron(0 6 * * ? *)", "timezone": "Europe/Berlin"}
    args |= {"window": 0, "start": None, "end": None, "enabled": True, "overlap": "forbid"}
    return ScheduledTask(worker=worker(name, concurrency=1), **args | changes)


def scheduled_tasks(*tasks: ScheduledTask, preview: bool = False) -> Declared:
    def declare(around: Surroundings) -> None:
        ScheduledTasks(
            "scheduled-tasks",
            SITE,
            PROJECT,
            ScheduledTasksArgs(tasks=tasks, job_ttl_days=14, log_retention_days=7),
            runner=around.runner,
            cluster=around.cluster,
            jobs=around.jobs,
            alerts=around.alerts,
        )

    return with_runner(*(one.worker for one in tasks), worker("by_api"), then=declare, preview=preview)


@pytest.fixture(scope="module")
def found() -> Declared:
    report = task("daily_report", window=600)
    return scheduled_tasks(report, task("sync", overlap="replace", expression="rate(5 minutes)", timezone="UTC"))


def catalogue(found: Declared, function: str, file: str = "catalogue.json") -> dict[str, Any]:
    return json.loads(packed(found.one(LAMBDA, function))[file].removeprefix("text:"))


# --- schedules --------------------------------------------------------------------------------------------------


def test_each_worker_has_a_schedule_in_the_stacks_group(found: Declared) -> None:
    schedule = found.inputs(SCHEDULE, "daily_report")
    assert (schedule["scheduleExpression"], schedule["scheduleExpressionTimezone"]) == (
        "cron(0 6 * * ? *)", "Europe/Berlin",
    )  # fmt: skip
    assert (schedule["name"], schedule["state"]) == ("serverless-batch-test-daily-report", "ENABLED")
    assert schedule["groupName"] == found.inputs("aws:scheduler/scheduleGroup:ScheduleGroup")["name"]
    assert found.inputs(SCHEDULE, "sync")["scheduleExpression"] == "rate(5 minutes)"
    assert found.names(SCHEDULE) == ["daily_report", "sync", "watchman"]


def test_a_schedule_tells_the_starter_which_worker_and_which_instant(found: Declared) -> None:
    target = found.inputs(SCHEDULE, "daily_report")["target"]
    assert target["arn"] == found.one(LAMBDA, "starter").outputs["arn"]
    assert json.loads(target["input"]) == {
        "worker": "daily_report",
        "scheduled": "<aws.scheduler.scheduled-time>",
        "execution": "<aws.scheduler.execution-id>",
    }


@pytest.mark.parametrize(("window", "expected"), [(0, {"mode": "OFF"}), (600, {"mode": "FLEXIBLE", "minutes": 10})])
def test_a_run_may_begin_within_its_window(window: int, expected: dict[str, Any]) -> None:
    given = scheduled_tasks(task("report", window=window)).inputs(SCHEDULE, "report")["flexibleTimeWindow"]
    assert given == {"maximumWindowInMinutes" if key == "minutes" else key: value for key, value in expected.items()}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ("ENABLED", None, None)),
        ({"enabled": False}, ("DISABLED", None, None)),
        ({"start": FUTURE}, ("ENABLED", "2098-12-31T21:00:00Z", None)),
        ({"end": FUTURE}, ("ENABLED", None, "2098-12-31T21:00:00Z")),
        ({"start": PAST, "end": FUTURE}, ("ENABLED", None, "2098-12-31T21:00:00Z")),
        ({"start": PAST, "end": PAST + dt.timedelta(days=1)}, ("DISABLED", None, None)),
    ],
)
def test_aws_is_told_of_no_bound_that_has_passed(changes: dict[str, Any], expected: tuple[str, ...]) -> None:
    schedule = scheduled_tasks(task("report", **changes)).inputs(SCHEDULE, "report")
    assert (schedule["state"], schedule.get("startDate"), schedule.get("endDate")) == expected


def test_what_cannot_be_started_is_kept_and_told(found: Declared) -> None:
    for name in ("daily_report", "sync", "watchman"):
        target = found.inputs(SCHEDULE, name)["target"]
        assert target["deadLetterConfig"] == {"arn": UNSTARTED}
        assert target["retryPolicy"]["maximumRetryAttempts"] >= 1
    assert found.inputs(LAMBDA, "starter")["deadLetterConfig"] == {"targetArn": UNSTARTED}
    alarm = found.inputs(ALARM, "unstarted")
    assert alarm["dimensions"] == {"QueueName": "serverless-batch-test-unstarted"}


@pytest.mark.parametrize("function", ["starter", "watchman"])
def test_a_schedule_may_invoke_its_one_function_and_send_to_its_one_queue(found: Declared, function: str) -> None:
    assert {tuple(s["Action"]): s["Resource"] for s in found.statements(f"{function}-schedule")} == {
        ("lambda:InvokeFunction",): [SITE.arn("lambda", f"function:serverless-batch-test-{function}")],
        ("sqs:SendMessage",): [UNSTARTED],
    }


# --- functions --------------------------------------------------------------------------------------------------


def test_the_starter_knows_of_its_workers_what_it_needs(found: Declared) -> None:
    known = catalogue(found, "starter")
    assert known.keys() == {"daily_report", "sync"}
    assert known["daily_report"] == {
        "queue_url": found.one("aws:sqs/queue:Queue", "daily_report").outputs["url"],
        "input": {"type": "object"},
        "given": {"period": "day"},
        "overlap": "forbid",
        "max_attempts": 3,
        "timeout_seconds": 300,
        "backoff_seconds": 10,
    }
    assert known["sync"]["overlap"] == "replace"


def test_the_starter_sends_to_the_queues_of_scheduled_workers_only(found: Declared) -> None:
    queues = {found.one("aws:sqs/queue:Queue", name).outputs["arn"] for name in ("daily_report", "sync")}
    allowed = [arn for s in found.statements("starter-function") for arn in s["Resource"]]
    assert queues < set(allowed)
    assert found.one("aws:sqs/queue:Queue", "by_api").outputs["arn"] not in allowed


def test_the_watchman_knows_when_each_worker_is_due_and_brings_the_zones(found: Declared) -> None:
    known = catalogue(found, "watchman")
    assert known["daily_report"] == {
        "expression": "cron(0 6 * * ? *)",
        "timezone": "Europe/Berlin",
        "window_seconds": 600,
        "start": None,
        "end": None,
        "enabled": True,
    }
    zones = catalogue(found, "watchman", "zones.json")
    assert zones.keys() == {"Europe/Berlin", "UTC"}
    berlin = ZoneInfo.from_file(io.BytesIO(base64.b64decode(zones["Europe/Berlin"])))
    assert dt.datetime(2026, 7, 1, tzinfo=berlin).utcoffset() == dt.timedelta(hours=2)


def test_the_watchman_is_told_of_bounds_also_when_they_have_passed() -> None:
    known = catalogue(scheduled_tasks(task("report", start=PAST, end=FUTURE, enabled=False)), "watchman")["report"]
    assert (known["start"], known["end"]) == ("2020-01-01T06:00:00Z", "2098-12-31T21:00:00Z")
    assert known["enabled"] is False


@pytest.mark.parametrize(
    ("function", "packages", "files"),
    [("starter", ["jobs"], ["catalogue.json"]), ("watchman", ["jobs", "schedules"], ["catalogue.json", "zones.json"])],
)
def test_a_function_carries_its_files_and_what_it_imports(
    found: Declared, function: str, packages: list[str], files: list[str]
) -> None:
    own = {path.name for path in (PROJECT / "functions" / function).glob("*.py")}
    shared = {path.relative_to(PROJECT).as_posix() for name in packages for path in (PROJECT / name).rglob("*.py")}
    assert "handler.py" in own
    assert set(packed(found.one(LAMBDA, function))) == own | shared | set(files)


def test_the_watchman_looks_every_few_minutes_and_a_round_is_not_repeated(found: Declared) -> None:
    schedule = found.inputs(SCHEDULE, "watchman")
    assert (schedule["scheduleExpression"], schedule["target"]["retryPolicy"]["maximumEventAgeInSeconds"]) == (
        "rate(5 minutes)", 300,
    )  # fmt: skip
    assert found.inputs("aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig", "watchman") == {
        "functionName": found.one(LAMBDA, "watchman").outputs["name"],
        "maximumEventAgeInSeconds": 300,
        "maximumRetryAttempts": 0,
    }
    assert found.inputs(LAMBDA, "watchman")["timeout"] < 300


def test_of_the_jobs_the_watchman_changes_none_but_its_own_notes(found: Declared) -> None:
    [written] = [s for s in found.statements("watchman-function") if s["Action"] == ["dynamodb:UpdateItem"]]
    assert written["Resource"] == [JOBS]
    assert written["Condition"] == {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["watched#*"]}}


# --- alarms and policies ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("alarm", "metric", "dimensions"),
    [
        ("missed", "MissedRuns", {"worker": "daily_report"}),
        ("failed", "JobsFailed", {"service": "daily_report", "worker": "daily_report"}),
    ],
)
def test_a_run_that_is_missed_or_fails_raises_an_alarm(
    found: Declared, alarm: str, metric: str, dimensions: dict[str, str]
) -> None:
    inputs = found.inputs(ALARM, f"daily_report-{alarm}")
    assert (inputs["namespace"], inputs["metricName"], inputs["dimensions"]) == (
        "serverless-batch", metric, dimensions,
    )  # fmt: skip
    assert (inputs["threshold"], inputs["statistic"], inputs["evaluationPeriods"]) == (0, "Sum", 1)


def test_every_policy_passes_also_before_anything_exists(found: Declared) -> None:
    before = scheduled_tasks(task("daily_report"), preview=True)
    for run in (before.run, found.run):
        assert analyze(run.resources, StackConfig({"spot-launcher": {"minShare": 50}})) == []
