from __future__ import annotations

import json
import pickle
from typing import Any

import pytest

from jobs import JobStore
from tests.functions.function_support import table
from tests.schedule_functions.schedule_support import Watchman, watched

HOURLY = watched("cron(0 * * * ? *)")
MISSED = ["report: a run was missed"]


# --- cron -------------------------------------------------------------------------------------------------------


def test_a_run_that_was_started_is_not_missed(watchman: Watchman) -> None:
    watchman.deploy(report=HOURLY)
    watchman.look("05:30:00")
    watchman.starts("report", "060000")
    assert watchman.look("06:05:00") == []


def test_a_run_that_nobody_started_is_told_of_once(watchman: Watchman) -> None:
    watchman.deploy(report=HOURLY)
    watchman.look("05:30:00")
    assert watchman.look("06:04:59") == []  # the starter may be at its next try
    assert watchman.look("06:05:00") == MISSED
    assert watchman.look("06:10:00") == []
    assert watchman.look("07:10:00") == MISSED


def test_the_notice_says_which_run_it_was_and_how_to_run_it_now(watchman: Watchman) -> None:
    watchman.deploy(report=watched("cron(0 7 * * ? *)", "Europe/Berlin"))
    watchman.look("05:30:00")
    watchman.look("06:05:00")
    [message] = watchman.sns.messages
    assert message["TopicArn"] == "arn:alerts"
    lines = message["Message"].splitlines()
    assert "2026-11-21 07:00 Europe/Berlin (2026-11-21T06:00:00Z)" in lines
    assert json.loads(lines[-1].removeprefix("To run it now: ")) == {
        "worker": "report",
        "scheduled": "2026-11-21T06:00:00Z",
    }


def test_what_is_missed_is_counted_for_the_alarm(watchman: Watchman, capsys: pytest.CaptureFixture[str]) -> None:
    watchman.deploy(report=watched("cron(0,20 * * * ? *)"))
    watchman.look("05:30:00")
    capsys.readouterr()
    watchman.look("06:30:00")
    [found] = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "MissedRuns" in line]
    assert found["MissedRuns"] == [2]
    [metrics] = found["_aws"]["CloudWatchMetrics"]
    assert (metrics["Namespace"], metrics["Dimensions"]) == ("serverless-batch", [["worker"]])
    assert found["worker"] == "report"


def test_of_many_runs_some_are_missed(watchman: Watchman) -> None:
    watchman.deploy(report=watched("cron(* * * * ? *)"))
    watchman.look("06:00:00")
    for minute in (1, 2, 5):
        watchman.starts("report", f"06{minute:02}00")
    assert watchman.look("06:10:00") == ["report: 2 runs were missed"]
    told = watchman.sns.messages[0]["Message"]
    assert "06:03" in told and "06:04" in told and "06:05" not in told


def test_a_notice_names_a_handful_and_a_round_looks_at_a_bounded_number(watchman: Watchman) -> None:
    watchman.deploy(report=watched("cron(* * * * ? *)"))
    watchman.look("2026-11-20T06:10:00Z")
    assert watchman.look("06:05:00") == ["report: 500 runs were missed"]
    assert "and 490 more" in watchman.sns.messages[0]["Message"]
    assert watchman.sns.messages[0]["Message"].count("UTC (") == 10
    assert watchman.look("06:10:00") == ["report: 500 runs were missed"]
    assert watchman.look("06:15:00") == ["report: 440 runs were missed"]
    assert watchman.look("06:16:00") == ["report: a run was missed"]


def test_a_run_has_its_window_to_begin_in(watchman: Watchman) -> None:
    watchman.deploy(report=watched("cron(0 * * * ? *)", window_seconds=1800))
    watchman.look("05:59:00")
    assert watchman.look("06:34:59") == []
    assert watchman.look("06:35:00") == MISSED


def test_the_clock_of_the_zone_counts_also_on_the_day_on_which_it_changes(watchman: Watchman) -> None:
    watchman.deploy(report=watched("cron(30 2 * * ? *)", "Europe/Berlin"))
    watchman.look("2026-10-24T12:00:00Z")
    assert watchman.look("2026-10-25T00:35:00Z") == MISSED  # 2:30 in summer
    assert watchman.look("2026-10-25T01:35:00Z") == []  # 2:30 in winter is the same run


def test_nothing_is_due_before_the_start_or_after_the_end(watchman: Watchman) -> None:
    bounds = {"start": "2026-11-21T07:00:00Z", "end": "2026-11-21T09:00:00Z"}
    watchman.deploy(report=watched("cron(0 * * * ? *)", **bounds))
    watchman.look("05:30:00")
    told = [subject for at in ("06:30:00", "07:30:00", "08:30:00", "09:30:00") for subject in watchman.look(at)]
    assert len(told) == 2
    named = [line for message in watchman.sns.messages for line in message["Message"].splitlines() if "UTC (" in line]
    assert [line.split()[1] for line in named] == ["07:00", "08:00"]


# --- rate -------------------------------------------------------------------------------------------------------


def test_a_run_is_due_an_interval_after_the_one_before(watchman: Watchman) -> None:
    watchman.deploy(report=watched("rate(1 hour)"))
    watchman.look("05:30:00")
    watchman.starts("report", "054012")  # whenever EventBridge Scheduler began to count
    assert watchman.look("06:40:00") == []
    watchman.starts("report", "064012")
    assert watchman.look("06:46:00") == []
    assert watchman.look("07:45:11") == []
    assert watchman.look("07:45:12") == MISSED
    assert watchman.look("08:00:00") == []
    assert watchman.look("08:45:12") == MISSED


def test_a_rate_that_never_starts_is_missed_after_its_first_interval(watchman: Watchman) -> None:
    watchman.deploy(report=watched("rate(1 hour)"))
    watchman.look("05:30:00")
    assert watchman.look("06:34:00") == []
    assert watchman.look("06:35:00") == MISSED


def test_a_rate_counts_from_its_start(watchman: Watchman) -> None:
    watchman.deploy(report=watched("rate(1 hour)", start="2026-11-21T08:00:00Z"))
    watchman.look("05:30:00")
    assert watchman.look("08:04:00") == []
    assert watchman.look("08:05:00") == MISSED
    assert "08:00 UTC" in watchman.sns.messages[0]["Message"]


def test_a_run_of_long_ago_that_is_started_again_says_nothing_of_the_next_one(watchman: Watchman) -> None:
    watchman.deploy(report=watched("rate(1 hour)"))
    watchman.look("05:30:00")
    for at in ("060000", "070000", "030000"):
        watchman.starts("report", at)
    watchman.starts("report", "040000", "-r1")
    assert watchman.look("07:30:00") == []
    assert watchman.look("08:05:00") == MISSED


# --- schedules that come and go -----------------------------------------------------------------------------------


def test_a_schedule_has_missed_nothing_before_it_was_deployed(watchman: Watchman) -> None:
    watchman.deploy(report=HOURLY)
    assert watchman.look("06:30:00") == []
    assert watchman.look("06:35:00") == []


@pytest.mark.parametrize(
    "changes",
    [
        {"expression": "cron(5 * * * ? *)"},
        {"timezone": "Asia/Kolkata"},
        {"window_seconds": 60},
        {"start": "2026-01-01T00:00:00Z"},
    ],
)
def test_nor_before_it_was_changed(watchman: Watchman, changes: dict[str, Any]) -> None:
    watchman.deploy(report=HOURLY)
    watchman.look("05:30:00")
    watchman.deploy(report=HOURLY | changes)
    assert watchman.look("06:45:00") == []
    assert watchman.look("07:55:00") == MISSED


def test_nor_before_it_was_enabled(watchman: Watchman) -> None:
    watchman.deploy(report=HOURLY | {"enabled": False})
    for at in ("05:30:00", "06:30:00", "07:30:00"):
        assert watchman.look(at) == []
    watchman.deploy(report=HOURLY)
    assert watchman.look("08:30:00") == []
    assert watchman.look("09:30:00") == MISSED


def test_nor_while_it_was_taken_out_of_the_stack(watchman: Watchman) -> None:
    watchman.deploy(report=HOURLY)
    watchman.look("2026-11-20T05:30:00Z")
    assert watchman.look("05:31:00") == []
    assert watchman.look("06:30:00") == MISSED


# --- faults -------------------------------------------------------------------------------------------------------


def test_what_could_not_be_told_is_told_in_the_next_round(watchman: Watchman, caplog: pytest.LogCaptureFixture) -> None:
    watchman.deploy(report=HOURLY)
    watchman.look("05:30:00")
    watchman.sns.fails = True
    with pytest.raises(Exception, match="not watched: report"):
        watchman.look("06:05:00")
    watchman.sns.fails = False
    assert watchman.look("06:10:00") == MISSED
    assert watchman.look("06:15:00") == []


def test_a_worker_that_cannot_be_looked_at_does_not_keep_it_from_the_others(
    watchman: Watchman, store: JobStore
) -> None:
    watchman.deploy(archive=HOURLY, report=HOURLY)
    watchman.look("05:30:00")
    table("jobs").update_item(
        Key={"job_id": "watched#archive"},
        UpdateExpression="SET settled = :broken",
        ExpressionAttributeValues={":broken": "soon"},
    )
    with pytest.raises(Exception, match="not watched: archive"):
        watchman.look("06:05:00")
    assert [message["Subject"] for message in watchman.sns.messages] == MISSED


def test_zones_come_with_the_function_and_not_from_where_it_runs(watchman: Watchman) -> None:
    watchman.deploy(report=watched("cron(0 7 * * ? *)", "Europe/Berlin"))
    [worker] = watchman.module.workers
    assert worker.zone.key == "Europe/Berlin"
    with pytest.raises(pickle.PicklingError):  # as of any zone that was read from a file of one's own
        pickle.dumps(worker.zone)
