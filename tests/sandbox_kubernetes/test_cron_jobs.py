"""When a CronJob starts Jobs, which of them run beside each other, and which are kept.

The instants lie ahead, since the clock only goes forward; zones change their clocks then as they do today.
"""

from __future__ import annotations

import pytest
from scripted_cluster import BERLIN, Cluster

from sandbox.compute.kubernetes.admission import Refused
from schedules import Unreadable

KEEP = {"successfulJobsHistoryLimit": 100, "failedJobsHistoryLimit": 100}


def day_after_day(cluster: Cluster, *days: str) -> None:
    """Go to the end of each day in Berlin, ending each day's Job well."""
    for day in days:
        cluster.go_to(f"{day}T21:59")
        for script in cluster.running():
            script.exit(0)


def test_a_daily_run_follows_its_zone_into_summer(cluster: Cluster) -> None:
    cluster.go_to("2030-03-28T22:00")
    cluster.cron_job("0 4 * * *", **KEEP)
    day_after_day(cluster, "2030-03-29", "2030-03-30", "2030-03-31", "2030-04-01")
    assert cluster.runs() == ["03-29 04:00 CET", "03-30 04:00 CET", "03-31 04:00 CEST", "04-01 04:00 CEST"]


def test_a_time_that_the_clock_skips_is_skipped(cluster: Cluster) -> None:
    cluster.go_to("2030-03-29T22:00")
    cluster.cron_job("30 2 * * *", **KEEP)
    day_after_day(cluster, "2030-03-30", "2030-03-31", "2030-04-01")
    assert cluster.runs() == ["03-30 02:30 CET", "04-01 02:30 CEST"]


def test_a_time_that_the_clock_shows_twice_is_due_twice(cluster: Cluster) -> None:
    cluster.go_to("2030-10-25T22:00")
    cluster.cron_job("30 2 * * *", **KEEP)
    day_after_day(cluster, "2030-10-26", "2030-10-27", "2030-10-28")
    assert cluster.runs() == ["10-26 02:30 CEST", "10-27 02:30 CEST", "10-27 02:30 CET", "10-28 02:30 CET"]


def test_without_a_zone_it_goes_by_utc(cluster: Cluster) -> None:
    cluster.go_to("2030-03-30T22:00")
    cluster.cron_job("30 2 * * *", zone=None, **KEEP)
    day_after_day(cluster, "2030-03-31", "2030-04-01")
    assert cluster.runs() == ["03-31 02:30 UTC", "04-01 02:30 UTC"]


def test_a_job_tells_for_when_it_was_due(cluster: Cluster) -> None:
    cluster.go_to("2030-06-01T00:00")
    cluster.cron_job("0 6 * * *")
    cluster.go_to("2030-06-01T04:00")
    [job] = cluster.kubernetes.jobs()
    minutes = 1906516800 // 60
    assert job["metadata"]["name"] == f"nightly-{minutes}"
    annotations = job["metadata"]["annotations"]
    assert annotations == {"batch.kubernetes.io/cronjob-scheduled-timestamp": "2030-06-01T06:00:00+02:00"}
    [cron_job] = cluster.kubernetes.cron_jobs()
    assert cron_job["status"] == {
        "active": [{"kind": "Job", "name": f"nightly-{minutes}"}],
        "lastScheduleTime": "2030-06-01T04:00:00Z",
    }
    cluster.running()[0].exit(0)
    [cron_job] = cluster.kubernetes.cron_jobs()
    assert cron_job["status"]["active"] == []
    assert cron_job["status"]["lastSuccessfulTime"] == "2030-06-01T04:00:00Z"


def test_allowed_jobs_run_beside_each_other(cluster: Cluster) -> None:
    cluster.go_to("2030-06-01T00:00:30")
    cluster.cron_job("* * * * *", concurrencyPolicy="Allow")
    cluster.clock.step(180)
    assert len(cluster.running()) == 3


def test_a_job_waits_for_the_one_before_where_two_are_forbidden(cluster: Cluster) -> None:
    cluster.go_to("2030-06-01T00:00:30")
    cluster.cron_job("* * * * *", concurrencyPolicy="Forbid")
    cluster.clock.step(180)
    assert len(cluster.running()) == 1
    assert cluster.events("CronJob", "nightly")["JobAlreadyActive"] == 2
    cluster.running()[0].exit(0)  # what was due last begins late; what was due before that does not
    assert cluster.runs() == ["06-01 02:01 CEST", "06-01 02:03 CEST"]


def test_a_forbidden_job_begins_no_later_than_its_starting_deadline(cluster: Cluster) -> None:
    cluster.go_to("2030-06-01T00:00:30")
    cluster.cron_job("0 * * * *", concurrencyPolicy="Forbid", startingDeadlineSeconds=300)
    cluster.go_to("2030-06-01T02:05:01")
    cluster.running()[0].exit(0)
    assert cluster.runs() == ["06-01 03:00 CEST"]
    cluster.go_to("2030-06-01T04:04:59")
    cluster.running()[0].exit(0)
    assert cluster.runs() == ["06-01 03:00 CEST", "06-01 05:00 CEST", "06-01 06:00 CEST"]


def test_a_job_takes_the_place_of_the_one_before(cluster: Cluster) -> None:
    cluster.go_to("2030-06-01T00:00:30")
    cluster.cron_job("* * * * *", concurrencyPolicy="Replace")
    cluster.clock.step(180)
    assert cluster.runs() == ["06-01 02:03 CEST"]
    assert [script.told_to_stop for script in cluster.started] == [True, True, False]


def test_a_suspended_cron_job_starts_nothing_and_then_what_it_missed_last(cluster: Cluster) -> None:
    cluster.go_to("2030-06-01T00:00:30")
    cluster.cron_job("0 * * * *", suspend=True)
    cluster.go_to("2030-06-01T05:30")
    assert cluster.kubernetes.jobs() == []
    cluster.change("CronJob", "nightly", suspend=False)
    assert cluster.runs() == ["06-01 07:00 CEST"]
    cluster.go_to("2030-06-01T06:00")
    assert cluster.runs()[1:] == ["06-01 08:00 CEST"]


def test_more_than_a_hundred_missed_times_start_nothing_unless_the_deadline_is_shorter(cluster: Cluster) -> None:
    cluster.go_to("2030-06-01T00:00:30")
    cluster.cron_job("* * * * *", suspend=True)
    cluster.clock.step(101 * 60)
    cluster.change("CronJob", "nightly", suspend=False)
    assert cluster.kubernetes.jobs() == []
    assert cluster.events("CronJob", "nightly") == {"TooManyMissedTimes": 1}
    cluster.change("CronJob", "nightly", startingDeadlineSeconds=300)
    assert cluster.runs() == ["06-01 03:41 CEST"]


def test_only_the_latest_jobs_are_kept(cluster: Cluster) -> None:
    cluster.go_to("2030-06-01T00:00:30")
    cluster.cron_job("* * * * *", successfulJobsHistoryLimit=2, failedJobsHistoryLimit=1)
    cluster.change("CronJob", "nightly", jobTemplate={"spec": _no_retry(cluster)})
    for code in (0, 1, 0, 1, 0, 1):
        cluster.clock.step(60)
        cluster.running()[0].exit(code)
    assert cluster.runs() == ["06-01 02:03 CEST", "06-01 02:05 CEST", "06-01 02:06 CEST"]


def test_a_job_can_be_started_by_hand_for_any_time(cluster: Cluster) -> None:
    cluster.cron_job("0 2 * * *", suspend=True, concurrencyPolicy="Forbid")
    assert cluster.kubernetes.run("default", "nightly", 1906516800 + 59) == "nightly-31775280"
    [job] = cluster.kubernetes.jobs()
    assert job["metadata"]["annotations"]["cronjob.kubernetes.io/instantiate"] == "manual"
    assert len(cluster.running()) == 1
    with pytest.raises(Refused, match=r'jobs.batch "nightly-31775280" already exists'):
        cluster.kubernetes.run("default", "nightly", 1906516800)


def test_a_declared_job_can_be_run_once_more(cluster: Cluster) -> None:
    cluster.job(suspend=True)
    name = cluster.kubernetes.run("default", "etl", 0)
    assert name.startswith("etl-")
    assert [script.pod.job.name for script in cluster.running()] == [name]


def test_a_deleted_cron_job_takes_its_jobs_along(cluster: Cluster) -> None:
    cluster.go_to("2030-06-01T00:00:30")
    cluster.cron_job("* * * * *")
    cluster.clock.step(60)
    cluster.kubernetes.delete("CronJob", "default", "nightly")
    cluster.clock.step(120)
    assert cluster.kubernetes.jobs() == cluster.running() == []


@pytest.mark.parametrize(
    ("schedule", "zone", "error"),
    [
        ("0 0 2 * * * *", "Europe/Berlin", Unreadable),
        ("TZ=UTC 0 2 * * *", "Europe/Berlin", Unreadable),
        ("0 2 * * *", "Europe/Nowhere", LookupError),
    ],
)
def test_a_schedule_that_kubernetes_cannot_read_is_refused(
    cluster: Cluster, schedule: str, zone: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        cluster.cron_job(schedule, zone)


def test_people_see_when_it_is_due_next(cluster: Cluster) -> None:
    cluster.go_to("2030-10-26T12:00")
    cluster.cron_job("0 4 * * *")
    [shown] = cluster.kubernetes.status()["cron_jobs"]
    assert shown["zone"] == BERLIN.key
    assert (shown["last"], shown["next"]) == (None, "2030-10-27T04:00:00+01:00")


def _no_retry(cluster: Cluster) -> dict[str, object]:
    return {**cluster.kubernetes.cron_jobs()[0]["spec"]["jobTemplate"]["spec"], "backoffLimit": 0}
