from pathlib import Path

import pytest

from components.problems import ConfigurationError
from components.queue_trigger import QueueTrigger
from components.settings import Settings, parse_settings
from components.stackfile import engine_config

MANIFEST = """\
description: x
trigger: {queue: {prefix: uploads/, min: 2, max: 8, target: 7, concurrency: 2}}
resources: {vcpu: 0.5, memory: 1 GB, timeout: 5 min}
input: {type: object}
"""
BY_LATENCY = MANIFEST.replace("target: 7", "latency: 2 min, processing: 30 s")


@pytest.fixture
def settings(tmp_path: Path):
    def settings(overrides: str, manifest: str = MANIFEST, name: str = "sizes", stack: str = "dev") -> Settings:
        folder = tmp_path / "workers" / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "worker.yaml").write_text(manifest)
        (folder / "handler.py").write_text("def handle(input, context):\n    return {}\n")
        (tmp_path / "Pulumi.yaml").write_text("name: serverless-batch\nruntime: python\n")
        (tmp_path / f"Pulumi.{stack}.yaml").write_text(
            f"config:\n  aws:region: eu-central-1\n  serverless-batch:workers:\n    {name}: {overrides}\n"
        )
        return parse_settings(engine_config(tmp_path, stack), stack, tmp_path)

    return settings


@pytest.fixture
def trigger(settings):
    def trigger(overrides: str, manifest: str = MANIFEST) -> QueueTrigger:
        found = settings(overrides, manifest).workers[0].manifest.trigger.queue
        assert found is not None
        return found

    return trigger


@pytest.fixture
def problems(settings):
    def problems(overrides: str, manifest: str = MANIFEST, **more: str) -> list[str]:
        with pytest.raises(ConfigurationError) as raised:
            settings(overrides, manifest, **more)
        return [str(problem) for problem in raised.value.problems]

    return problems


def test_a_stack_changes_bounds_target_and_concurrency_and_nothing_else(trigger) -> None:
    plain, changed = trigger("{}"), trigger("{min: 0, max: 50, target: 9, concurrency: 4}")
    assert (plain.min_tasks, plain.max_tasks, plain.backlog_target, plain.concurrency) == (2, 8, 7, 2)
    assert (changed.min_tasks, changed.max_tasks, changed.backlog_target, changed.concurrency) == (0, 50, 9, 4)
    untouched = {"prefix", "suffixes", "fifo", "tenant", "cooldown", "work", "effect", "visibility_seconds"}
    assert changed.model_dump(include=untouched) == plain.model_dump(include=untouched)


def test_a_stack_may_say_latency_where_the_manifest_says_target_and_the_reverse(trigger) -> None:
    assert trigger("{latency: 1 min, processing: 10 s}").backlog_target == 12
    assert trigger("{target: 3}", BY_LATENCY).backlog_target == 3
    assert trigger("{}", BY_LATENCY).backlog_target == 8
    assert trigger("{processing: 1 min}", BY_LATENCY).backlog_target == 4
    assert trigger("{latency: 1 min}", BY_LATENCY).backlog_target == 4


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ("{max: 1}", "max: 1 is less than min, 2"),
        ("{min: 9}", "max: 8 is less than min, 9"),
        ("{min: 5, max: 4}", "max: 4 is less than min, 5"),
        ("{latency: 1 min}", "processing: is missing; latency needs it"),
        ("{processing: 1 min}", "processing: has a meaning only with latency"),
        ("{latency: 1 min, processing: 2 min}", "processing: 2 min is longer than latency, 1 min"),
        ("{latency: 1 h, processing: 10 min}", "processing: 10 min is longer than the timeout, 5 min"),
        ("{target: 5, latency: 1 min}", "target: follows from latency and processing; give either"),
        ("{concurrency: 101}", "concurrency: must be at most 100 for a queue, not 101"),
        ("{max: 0}", "max: must be at least 1, not 0"),
        ("{prefix: other/}", "prefix: belongs in the worker's worker.yaml; a stack may only say vcpu, memory,"),
        ("{cooldown: {in: 1 s}}", "cooldown: belongs in the worker's worker.yaml"),
    ],
)
def test_an_override_that_is_wrong_with_the_manifest_is_told_at_its_own_line(problems, overrides, expected) -> None:
    [problem] = problems(overrides)
    assert problem.startswith(f"Pulumi.dev.yaml:4: serverless-batch:workers.sizes.{expected}")


def test_a_shorter_timeout_must_still_suffice_for_the_processing_time(problems, settings) -> None:
    [problem] = problems("{timeout: 20 s}", BY_LATENCY)
    assert "processing: 30 s is longer than the timeout, 20 s" in problem
    assert settings("{timeout: 30 s}", BY_LATENCY)


@pytest.mark.parametrize("key", ["min: 1", "max: 1", "target: 1", "latency: 1 s", "processing: 1 s"])
def test_what_is_said_of_a_queue_has_no_meaning_for_an_api_worker(problems, key: str) -> None:
    api = MANIFEST.replace(MANIFEST.splitlines()[1], "trigger: api")
    [problem] = problems(f"{{{key}}}", api)
    wrong = "has a meaning only for a worker with trigger 'queue'"
    assert problem == f"Pulumi.dev.yaml:4: serverless-batch:workers.sizes.{key.split(':')[0]}: {wrong}"


def test_a_wrong_manifest_is_told_once_and_not_again_for_the_stack(problems) -> None:
    wrong = BY_LATENCY.replace("5 min", "20 s")
    assert problems("{}", wrong) == [
        "workers/sizes/worker.yaml:2: trigger.queue.processing: 30 s is longer than the timeout, 20 s"
    ]


@pytest.mark.parametrize(
    "name", ["failures", "layers", "notice", "notices", "pipeline_undelivered", "redrive", "scaling", "undelivered"]
)
def test_no_worker_has_a_name_that_the_platform_uses_itself(problems, name: str) -> None:
    [problem] = problems("{}", name=name)
    assert problem.endswith(f"workers.{name}: is a name that the platform uses itself; choose another")


def test_the_load_generator_is_there_only_where_a_stack_asks_for_it(settings, tmp_path: Path) -> None:
    assert settings("{}").tools.load_generator is False
    with (tmp_path / "Pulumi.dev.yaml").open("a") as file:
        file.write("  serverless-batch:tools: {loadGenerator: true}\n")
    assert parse_settings(engine_config(tmp_path, "dev"), "dev", tmp_path).tools.load_generator is True
