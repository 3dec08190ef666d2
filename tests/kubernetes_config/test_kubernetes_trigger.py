from __future__ import annotations

import pytest
from kubernetes_project import EXISTING, MANIFEST, SOURCES, trigger_of

from components.kubernetes_objects import deadline

TRIGGER = "workers/etl/worker.yaml:2: trigger.kubernetes"


def test_the_short_form_is_a_job_with_one_pod_that_is_tried_four_times(settings) -> None:
    trigger = trigger_of(settings(manifest=MANIFEST.replace("{kubernetes: {}}", "kubernetes")))
    assert (trigger.schedule, trigger.size, trigger.parallelism, trigger.indexed) == (None, 1, 1, False)
    assert trigger.retries_per_index == 3


def test_a_full_trigger_is_read_as_it_stands(settings) -> None:
    trigger = trigger_of(
        settings(
            trigger="{schedule: '0 2 * * *', timezone: Europe/Berlin, concurrency: Replace, starting_deadline: 10 min, "
            "history: {succeeded: 1, failed: 5}, suspend: true, ttl: 1 d, completions: 3, parallelism: 2, "
            f"retries_per_index: 5, priority_class: batch-low, sources: {SOURCES}, input: {{day: today}}}}"
        )
    )
    assert (trigger.schedule, trigger.timezone, trigger.concurrency) == ("0 2 * * *", "Europe/Berlin", "Replace")
    assert (trigger.starting_deadline_seconds, trigger.ttl_seconds, trigger.suspend) == (600, 86_400, True)
    assert (trigger.history.succeeded, trigger.history.failed) == (1, 5)
    assert (trigger.size, trigger.parallelism, trigger.indexed, trigger.retries_per_index) == (3, 2, True, 5)
    assert trigger.priority_class == "batch-low"
    assert list(trigger.inputs())[1] == {"day": "today", "source": {"name": "people", "prefix": "b/"}}


def test_with_sources_there_are_as_many_indexes_even_if_that_is_one(settings) -> None:
    assert trigger_of(settings(trigger=f"{{sources: {SOURCES}}}")).size == 3
    one = trigger_of(settings(trigger="{sources: [{name: orders}]}"))
    assert (one.size, one.indexed) == (1, True)


@pytest.mark.parametrize(
    ("trigger", "expected"),
    [
        ("{schedule: '0 0 2 * * * 2026'}", ".schedule: '0 0 2 * * * 2026' has 7 fields"),
        ("{schedule: '0 2 * *'}", ".schedule: '0 2 * *' has 4 fields"),
        ("{schedule: '60 2 * * *'}", ".schedule: '60 2 * * *' has '60' for the minutes"),
        ("{schedule: '0 2 31 2 *'}", ".schedule: '0 2 31 2 *' is never due"),
        ("{schedule: '0 2 * * *', timezone: Europe/Belin}", "timezone: 'Europe/Belin' is not a time zone of the IANA "
         "database; nearest: 'Europe/Berlin'"),
        ("{schedule: '0 2 * * *', timezone: '+01:00'}", ".timezone: '+01:00' is an offset"),
        ("{timezone: Europe/Berlin}", ".timezone: has a meaning only with a schedule"),
        ("{concurrency: Forbid}", ".concurrency: has a meaning only with a schedule"),
        ("{history: {failed: 1}}", ".history: has a meaning only with a schedule"),
        ("{starting_deadline: 5 min}", ".starting_deadline: has a meaning only with a schedule"),
        ("{ttl: 1 d}", ".ttl: would remove the Job that the stack declares"),
        ("{schedule: '0 2 * * *', concurrency: forbid}", ".concurrency: 'forbid' is not allowed; nearest: 'Forbid'"),
        ("{schedule: '0 2 * * *', starting_deadline: 5 s}", ".starting_deadline: '5 s' is too small; nearest: 10 s"),
        ("{schedule: '0 2 * * *', ttl: 1 day}", ".ttl: '1 day' has an unknown unit; nearest: '1 d'"),
        ("{schedule: '0 2 * * *', history: {succeeded: -1}}", ".history.succeeded: must be at least 0, not -1"),
        (f"{{completions: 4, sources: {SOURCES}}}", ".completions: is 4, and index 3 would have no source; leave it "
         "out: 3"),
        (f"{{completions: 50, sources: {SOURCES}}}", ".completions: is 50, and indexes 3 to 49 would have no source"),
        (f"{{completions: 2, sources: {SOURCES}}}", ".completions: is 2, and of 3 sources the last"),
        ("{parallelism: 2}", ": has parallelism 2 and 1 completion: at most as many run as there are"),
        (f"{{parallelism: 4, sources: {SOURCES}}}", ": has parallelism 4 and 3 completions: at most"),
        ("{completions: 0}", ".completions: must be at least 1, not 0"),
        ("{completions: 10001}", ".completions: must be at most 10000"),
        ("{retries_per_index: -1}", ".retries_per_index: must be at least 0"),
        ("{sources: []}", ".sources: is an empty list"),
        ("{sources: [{prefix: a/}]}", ".sources[0]: needs a name"),
        ("{sources: [{name: a b}]}", ".sources[0]: needs a name"),
        ("{sources: [{name: a}, {name: b}, {name: a}]}", ".sources: has two with the name 'a'"),
        ("{sources: [{name: a, url: 'postgresql://me:secret@db/x'}]}", ".sources[0]: holds a password in plain text"),
        ("{sources: [{name: a, text: " + "x" * 1_000_000 + "}]}", ".sources: is too long"),
        ("{priority_class: Batch_Low}", ".priority_class: 'Batch_Low' is not the name of a priority class"),
        ("{input: {source: x}}", ".input: has source, which the platform adds"),
        ("{input: {scheduled_at: x}}", ".input: has scheduled_at, which the platform adds"),
        ("{paralelism: 2}", ".paralelism: is not a known key; nearest: 'parallelism'"),
    ],
)  # fmt: skip
def test_what_kubernetes_or_the_worker_would_refuse_is_refused_with_its_line(
    problems, trigger: str, expected: str
) -> None:
    [problem] = problems(trigger=trigger)
    assert problem.startswith(TRIGGER)
    assert expected in problem
    assert "secret@db" not in problem


def test_each_source_must_be_an_input_that_the_worker_takes(problems) -> None:
    schema = (
        "input: {type: object, required: [source], additionalProperties: false, properties: {source: "
        "{type: object, required: [prefix], properties: {prefix: {pattern: '/$'}}}}}"
    )
    found = problems(
        trigger="{sources: [{name: a, prefix: a/}, {name: b}, {name: c, prefix: c}]}",
        manifest=MANIFEST.replace("input: {type: object}", schema),
    )
    assert [problem.split(": ", 2)[1] for problem in found] == [
        "trigger.kubernetes.sources[1]",
        "trigger.kubernetes.sources[2].prefix",
    ]


def test_a_schema_that_knows_no_source_is_told_of_once(problems) -> None:
    schema = "input: {type: object, additionalProperties: false}"
    [problem] = problems(trigger=f"{{sources: {SOURCES}}}", manifest=MANIFEST.replace("input: {type: object}", schema))
    assert "input: refuses source, which every index brings" in problem


def test_a_cron_jobs_input_must_take_the_time(problems) -> None:
    schema = "input: {type: object, additionalProperties: false}"
    manifest = MANIFEST.replace("input: {type: object}", schema)
    [problem] = problems(trigger="{schedule: '0 2 * * *'}", manifest=manifest)
    assert "input: refuses scheduled_at, which every run of a schedule brings" in problem


def test_how_often_an_index_is_tried_is_said_in_one_place(problems) -> None:
    [problem] = problems(manifest=f"{MANIFEST}retry: {{attempts: 3}}\n")
    assert "retry: has no meaning for trigger 'kubernetes': its retries_per_index says" in problem


@pytest.mark.parametrize("name", ["default", "etl_"])
def test_a_worker_whose_name_no_object_can_bear_is_refused(problems, name: str) -> None:
    [problem] = problems(name=name)
    assert f"workers.{name}:" in problem


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ("{concurrency: 2}", "concurrency: has a meaning only for a worker with trigger 'api' or 'queue'"),
        ("{spotShare: 50}", "spotShare: has a meaning only for a worker with trigger 'api', 'queue' or 'schedule'"),
        ("{parallelism: 2}", "parallelism: belongs in the worker's worker.yaml"),
        ("{expression: rate(1 hour)}", "expression: has a meaning only for a worker with trigger 'schedule'"),
        ("{memory: 1 GBB}", "memory: '1 GBB' has an unknown unit"),
    ],
)
def test_what_a_stack_may_not_say_of_such_a_worker(problems, overrides: str, expected: str) -> None:
    [problem] = problems(overrides=overrides)
    assert expected in problem


def test_a_stack_may_keep_a_worker_from_running(settings) -> None:
    [worker] = settings(EXISTING, overrides="{enabled: false}").workers
    assert not worker.enabled


def test_a_job_is_given_up_when_every_wave_has_had_all_its_tries(settings) -> None:
    trigger = trigger_of(settings(trigger=f"{{sources: {SOURCES}, parallelism: 2, retries_per_index: 2}}"))
    # A node, then two waves: each with three tries and one for a disrupted pod, and pauses of 10 and 20 seconds.
    assert deadline(trigger, 600) == 900 + 2 * (4 * 900 + 30)
