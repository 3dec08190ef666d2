"""What a stack says of a schedule."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.problems import ConfigurationError
from components.settings import parse_settings
from components.stackfile import engine_config
from components.worker import Worker

MANIFEST = """\
description: x
trigger: {schedule: {expression: 'cron(0 6 * * ? *)', timezone: Europe/Berlin, window: 5 min, overlap: allow}}
resources: {vcpu: 0.5, memory: 1 GB, timeout: 5 min}
input: {type: object}
"""


@pytest.fixture
def worker(tmp_path: Path):
    def worker(overrides: str, manifest: str = MANIFEST, name: str = "report") -> Worker:
        folder = tmp_path / "workers" / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "worker.yaml").write_text(manifest)
        (folder / "handler.py").write_text("def handle(input, context):\n    return {}\n")
        (tmp_path / "Pulumi.yaml").write_text("name: serverless-batch\nruntime: python\n")
        (tmp_path / "Pulumi.dev.yaml").write_text(
            f"config:\n  aws:region: eu-central-1\n  serverless-batch:workers:\n    {name}: {overrides}\n"
        )
        return parse_settings(engine_config(tmp_path, "dev"), "dev", tmp_path).workers[0]

    return worker


@pytest.fixture
def problems(worker):
    def problems(overrides: str, manifest: str = MANIFEST, **more: str) -> list[str]:
        with pytest.raises(ConfigurationError) as raised:
            worker(overrides, manifest, **more)
        return [str(problem) for problem in raised.value.problems]

    return problems


def test_a_stack_may_switch_a_schedule_off_and_otherwise_it_is_on(worker) -> None:
    assert worker("{}").enabled
    assert worker("{enabled: true}").enabled
    assert not worker("{enabled: false}").enabled


def test_a_stack_changes_expression_and_zone_and_nothing_else(worker) -> None:
    plain = worker("{}").manifest.trigger.schedule
    changed = worker("{expression: rate(2 hours), timezone: America/New_York}").manifest.trigger.schedule
    assert (plain.expression, plain.timezone) == ("cron(0 6 * * ? *)", "Europe/Berlin")
    assert (changed.expression, changed.timezone) == ("rate(2 hours)", "America/New_York")
    untouched = {"window_seconds", "start", "end", "overlap", "input"}
    assert changed.model_dump(include=untouched) == plain.model_dump(include=untouched)


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ("{expression: cron(0 6 * * *)}", "expression: 'cron(0 6 * * *)' has 5 fields instead of six"),
        ("{timezone: Berlin}", "timezone: 'Berlin' is not a time zone of the IANA database; nearest: 'Europe/Berlin'"),
        ("{enabled: maybe}", "enabled: must be true or false, not 'maybe'"),
        ("{concurrency: 2}", "concurrency: has a meaning only for a worker with trigger 'api' or 'queue'"),
        ("{max: 2}", "max: has a meaning only for a worker with trigger 'queue'"),
        ("{window: 5 min}", "window: belongs in the worker's worker.yaml; a stack may only say vcpu, memory,"),
        ("{overlap: forbid}", "overlap: belongs in the worker's worker.yaml"),
    ],
)
def test_what_a_stack_may_not_say_is_refused_with_its_line(problems, overrides: str, expected: str) -> None:
    [problem] = problems(overrides)
    assert problem.startswith(f"Pulumi.dev.yaml:4: serverless-batch:workers.report.{expected}")


@pytest.mark.parametrize("key", ["enabled: false", "expression: rate(1 hour)", "timezone: UTC"])
def test_what_is_said_of_a_schedule_has_no_meaning_for_another_worker(problems, key: str) -> None:
    for trigger in ("api", "{queue: {prefix: uploads/}}"):
        [problem] = problems(f"{{{key}}}", MANIFEST.replace(MANIFEST.splitlines()[1], f"trigger: {trigger}"))
        assert problem.endswith(f"{key.split(':')[0]}: has a meaning only for a worker with trigger 'schedule'")


@pytest.mark.parametrize(
    ("overrides", "key"),
    [("{expression: 'cron(0 6 1 2 ? *)'}", "expression"), ("{timezone: Asia/Tokyo}", "timezone")],
)
def test_an_override_that_is_never_due_between_the_manifests_bounds_is_refused(problems, overrides, key) -> None:
    bounds = "start: '2026-01-05T04:00:00Z', end: '2026-01-05T12:00:00Z'"
    [problem] = problems(overrides, MANIFEST.replace("overlap: allow", bounds))
    assert problem == (
        f"Pulumi.dev.yaml:4: serverless-batch:workers.report.{key}: "
        "is never due: not between its start and its end, by the clock of its zone"
    )


def test_no_scheduled_worker_has_the_name_of_the_platforms_queue(problems) -> None:
    [problem] = problems("{}", name="unstarted")
    assert problem.endswith("workers.unstarted: is a name that the platform uses itself; choose another")
