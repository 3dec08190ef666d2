"""What `check` says of a stack's schedules."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from components.settings import parse_settings
from components.stackfile import engine_config
from sandbox.agenda import agenda

NOW = dt.datetime(2026, 10, 24, 3, 0, 15, tzinfo=dt.UTC)


@pytest.fixture
def lines(tmp_path: Path):
    def lines(schedule: str, overrides: str = "{}") -> list[str]:
        for name, trigger in (("plain", "api"), ("report", f"{{schedule: {{{schedule}}}}}")):
            folder = tmp_path / "workers" / name
            folder.mkdir(parents=True)
            (folder / "worker.yaml").write_text(
                f"description: x\ntrigger: {trigger}\ninput: {{type: object}}\n"
                "resources: {vcpu: 0.5, memory: 1 GB, timeout: 5 min}\n"
            )
            (folder / "handler.py").write_text("def handle(input, context):\n    return {}\n")
        (tmp_path / "Pulumi.yaml").write_text("name: serverless-batch\nruntime: python\n")
        (tmp_path / "Pulumi.dev.yaml").write_text(
            "config:\n  aws:region: eu-central-1\n  serverless-batch:workers:\n"
            f"    plain: {{}}\n    report: {overrides}\n"
        )
        return list(agenda(parse_settings(engine_config(tmp_path, "dev"), "dev", tmp_path).workers, NOW))

    return lines


def test_each_schedule_is_told_with_its_next_five_runs_in_its_zone_and_in_utc(lines) -> None:
    assert lines("expression: 'cron(0 6 * * ? *)', timezone: Europe/Berlin") == [
        "Schedule of report: cron(0 6 * * ? *) in Europe/Berlin",
        "  Sat 2026-10-24 06:00 CEST = 2026-10-24 04:00 UTC",
        "  Sun 2026-10-25 06:00 CET = 2026-10-25 05:00 UTC",
        "  Mon 2026-10-26 06:00 CET = 2026-10-26 05:00 UTC",
        "  Tue 2026-10-27 06:00 CET = 2026-10-27 05:00 UTC",
        "  Wed 2026-10-28 06:00 CET = 2026-10-28 05:00 UTC",
    ]


def test_a_stacks_own_expression_and_zone_count(lines) -> None:
    schedule = "expression: 'cron(0 6 * * ? *)', window: 10 min"
    heading, first, *_ = lines(schedule, "{expression: 'cron(0 7 ? * SUN *)', timezone: Asia/Tokyo}")
    assert heading == "Schedule of report: cron(0 7 ? * SUN *) in Asia/Tokyo, each within 10 min"
    assert first == "  Sun 2026-10-25 07:00 JST = 2026-10-24 22:00 UTC"


def test_a_schedule_that_is_switched_off_says_so(lines) -> None:
    heading, *runs = lines("expression: 'cron(0 6 * * ? *)'", "{enabled: false}")
    assert heading == "Schedule of report: cron(0 6 * * ? *) in UTC. Switched off in this stack; it would be due:"
    assert len(runs) == 5


def test_a_rate_counts_from_its_start_or_from_the_deployment(lines) -> None:
    heading, first, second, *_ = lines("expression: rate(12 hours)")
    assert heading.endswith("rate(12 hours) in UTC, counted from the deployment, as if that were now")
    assert first == "  Sat 2026-10-24 15:00 UTC = 2026-10-24 15:00 UTC"
    assert second.endswith("= 2026-10-25 03:00 UTC")


def test_a_start_is_the_first_run_of_a_rate(lines) -> None:
    heading, first, *_ = lines("expression: rate(12 hours), start: '2027-01-01T00:30:00Z'")
    assert heading == "Schedule of report: rate(12 hours) in UTC"
    assert first.endswith("= 2027-01-01 00:30 UTC")


def test_a_schedule_that_ends_is_told_to_its_end(lines) -> None:
    ending = lines("expression: 'cron(0 6 * * ? *)', end: '2026-10-25T12:00:00Z'")
    assert [line.rsplit("= ")[-1] for line in ending[1:]] == [
        "2026-10-24 06:00 UTC", "2026-10-25 06:00 UTC", "  and then never again",
    ]  # fmt: skip


def test_a_schedule_whose_time_is_over_says_so(lines) -> None:
    assert lines("expression: 'cron(0 6 1 1 ? 2026)'")[1:] == ["  never again"]
