from pathlib import Path

import pytest

from components.queue_trigger import QueueTrigger
from tests.manifests import Read, reader

MANIFEST = """\
description: Three sizes of each image.
trigger: {queue: {prefix: uploads/}}
resources: {vcpu: 0.5, memory: 1 GB, timeout: 5 min}
input: {type: object}
"""


@pytest.fixture
def read(tmp_path: Path) -> Read:
    return reader(tmp_path)


@pytest.fixture
def read_queue(read):
    def read_queue(more: str) -> QueueTrigger:
        manifest, problems = read(MANIFEST.replace("uploads/}", f"uploads/, {more}}}"))
        assert problems == []
        assert manifest.trigger.api is None
        return manifest.trigger.queue

    return read_queue


def test_a_prefix_is_all_that_a_queue_needs(read) -> None:
    manifest, problems = read(MANIFEST)
    assert problems == []
    queue = manifest.trigger.queue
    assert (queue.prefix, queue.suffixes, queue.fifo, queue.tenant) == ("uploads/", (), False, None)
    assert (queue.backlog_target, queue.min_tasks, queue.max_tasks) == (5, 0, 10)
    assert (queue.cooldown.out_seconds, queue.cooldown.in_seconds, queue.visibility_seconds) == (60, 300, 180)
    assert (queue.work, queue.concurrency, queue.effect) == ("cpu", 1, "once")


def test_a_full_trigger_is_read_as_it_stands(read_queue) -> None:
    queue = read_queue(
        "suffixes: [.jpg, .tar.gz], tenant: 2, target: 7, min: 3, max: 3, "
        "cooldown: {out: 30 s, in: 10 min}, work: io, concurrency: 100, effect: repeatable, visibility: 12 h"
    )
    assert (queue.suffixes, queue.tenant) == ((".jpg", ".tar.gz"), 2)
    assert (queue.backlog_target, queue.min_tasks, queue.max_tasks) == (7, 3, 3)
    assert (queue.cooldown.out_seconds, queue.cooldown.in_seconds, queue.visibility_seconds) == (30, 600, 43200)
    assert (queue.work, queue.concurrency, queue.effect) == ("io", 100, "repeatable")


def test_a_fifo_trigger_may_wait_before_it_scales_in(read_queue) -> None:
    queue = read_queue("fifo: true, cooldown: {in: 10 min}")
    assert (queue.fifo, queue.cooldown.in_seconds) == (True, 600)


@pytest.mark.parametrize(
    ("goal", "target"),
    [
        ("latency: 2 min, processing: 30 s", 4),
        ("latency: 2 min, processing: 50 s", 2),
        ("latency: 2 min, processing: 2 min", 1),
        ("latency: 2 min, processing: 30 s, concurrency: 3", 12),
        ("latency: 100 s, processing: 30 s, concurrency: 2", 6),
    ],
)
def test_the_target_is_what_a_task_ends_within_the_latency(read_queue, goal: str, target: int) -> None:
    assert read_queue(goal).backlog_target == target


def test_suffixes_are_kept_in_small_letters_because_case_does_not_count(read_queue) -> None:
    assert read_queue("suffixes: [.JPG, .Png]").suffixes == (".jpg", ".png")


def test_a_timeout_of_12_hours_is_refused_because_no_message_stays_in_flight_so_long(read) -> None:
    [problem] = read(MANIFEST.replace("5 min", "12 h"))[1]
    assert problem == "worker.yaml:3: resources.timeout: '12 h' is too large; nearest: 11 h"


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("min: 5, max: 3", "max: 3 is less than min, 5"),
        ("min: 11", "max: 10 is less than min, 11"),
        ("min: -1", "min: must be at least 0, not -1"),
        ("max: 0", "max: must be at least 1, not 0"),
        ("max: 501", "max: must be at most 500, not 501"),
        ("max: true", "max: must be a whole number, not true"),
        ("visibility: 1 min", "visibility: '1 min' is shorter than the heartbeat needs: when one fails, the message"),
        ("visibility: 119 s", "while it is worked on; nearest: 2 min"),
        ("visibility: 13 h", "visibility: '13 h' is too large; nearest: 12 h"),
        ("visibility: 180", "visibility: 180 is a duration without a unit"),
        ("target: 0", "target: must be at least 1, not 0"),
        ("target: 2.5", "target: must be a whole number, not 2.5"),
        ("target: 5, latency: 2 min, processing: 1 min", "target: follows from latency and processing; give either"),
        ("latency: 2 min", "processing: is missing; latency needs it"),
        ("processing: 30 s", "processing: has a meaning only with latency"),
        ("latency: 30 s, processing: 2 min", "processing: 2 min is longer than latency, 30 s: no number of tasks"),
        ("latency: 1 h, processing: 6 min", "processing: 6 min is longer than the timeout, 5 min"),
        ("latency: 0 s, processing: 1 s", "latency: '0 s' is too small; nearest: 1 s"),
        ("suffixes: [jpg]", "suffixes[0]: 'jpg' does not begin with a dot; nearest: '.jpg'"),
        ("suffixes: [.jpg, '.*']", "suffixes[1]: '.*' is not the end of a file's name"),
        ("suffixes: []", "suffixes: is an empty list; leave the key out to take every upload"),
        ("suffixes: .jpg", "suffixes: must be a list, not '.jpg'"),
        ("suffixes: {.jpg: .png}", "suffixes: must be a list, not a map"),
        ("suffixes: [5]", "suffixes[0]: must be text, not 5"),
        ("tenant: 0", "tenant: must be at least 1, not 0"),
        ("fifo: yes", "fifo: must be true or false, not 'yes'"),
        ("work: gpu", "work: 'gpu' is not allowed; nearest: 'cpu' (cpu, io)"),
        ("effect: onse", "effect: 'onse' is not allowed; nearest: 'once' (once, repeatable)"),
        ("concurrency: 101", "concurrency: must be at most 100, not 101"),
        ("cooldown: {in: 2 h}", "cooldown.in: '2 h' is too large; nearest: 1 h"),
        ("cooldown: {on: 60 s}", "cooldown.on: is not a known key; nearest: "),
        ("cooldown: 60 s", "cooldown: must be a map, not '60 s'"),
        ("fifo: true, cooldown: {out: 60 s}", "cooldown: has no use for out with fifo: tasks follow the"),
        ("suffix: [.jpg]", "suffix: is not a known key; nearest: 'suffixes'"),
        ("attempts: 3", "attempts: is not a known key"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_line_and_what_would_be_right(read, more: str, expected: str) -> None:
    [problem] = read(MANIFEST.replace("uploads/}", f"uploads/, {more}}}"))[1]
    assert problem.startswith("worker.yaml:2: trigger.queue.")
    assert expected in problem


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        ("uploads", "'uploads' would also take 'uploads-other'; nearest: 'uploads/'"),
        ("''", "'' is not a folder for uploads"),
        ("/", "'/' is not a folder for uploads"),
        ("/uploads/", "'/uploads/' is not a folder for uploads"),
        ("a//b/", "'a//b/' is not a folder for uploads"),
        ("../b/", "'../b/' is not a folder for uploads"),
        ("'*/'", "'*/' is not a folder for uploads: plain folder names, such as 'uploads/', no wildcards"),
        ("5", "must be text, not 5"),
    ],
)
def test_a_prefix_is_a_folder_of_the_uploads_bucket(read, prefix: str, expected: str) -> None:
    [problem] = read(MANIFEST.replace("uploads/", prefix))[1]
    assert problem.startswith("worker.yaml:2: trigger.queue.prefix: ")
    assert expected in problem


@pytest.mark.parametrize(
    ("trigger", "expected"),
    [
        ("queue", "trigger.queue.prefix: is missing"),
        ("{queue: {}}", "trigger.queue.prefix: is missing"),
        ("{queue: }", "trigger.queue: must be a map, not an empty value"),
        ("{api: }", "trigger.api: must be a map, not an empty value"),
        ("{queue: 5}", "trigger.queue: must be a map, not 5"),
        (
            "{queue: {prefix: a/}, api: {}}",
            "trigger: must name exactly one trigger; allowed: api, queue, schedule, batch, kubernetes",
        ),
        ("qeue", "trigger: 'qeue' is not a trigger; nearest: 'queue' (api, queue, schedule, batch, kubernetes)"),
    ],
)
def test_a_trigger_that_is_none_is_told(read, trigger: str, expected: str) -> None:
    [problem] = read(MANIFEST.replace("{queue: {prefix: uploads/}}", trigger))[1]
    assert problem == f"worker.yaml:2: {expected}"


@pytest.mark.parametrize("grant", ["uploads", "uploads/uploads", "uploads/uploads/small"])
def test_a_worker_that_may_write_where_it_is_triggered_would_run_for_ever(read, grant: str) -> None:
    grants = f"grants:\n- read: uploads\n- write: {grant}\n"
    [problem] = read(MANIFEST + grants)[1]
    assert problem.startswith("worker.yaml:7: grants[1]: lets the worker write to uploads/uploads/, from where each")
    with_suffixes = MANIFEST.replace("uploads/}", "uploads/, suffixes: [.jpg]}")
    assert read(with_suffixes + grants)[1] == []  # it writes other files, and that is its author's word


@pytest.mark.parametrize("grant", ["uploads/done", "uploads/upload", "results", "results/uploads"])
def test_a_worker_may_write_elsewhere(read, grant: str) -> None:
    assert read(f"{MANIFEST}grants: [{{read: uploads}}, {{write: {grant}}}]\n")[1] == []


@pytest.mark.parametrize(
    "name",
    [
        "MODE", "WORK", "CONCURRENCY", "EFFECT", "IDEMPOTENCY_TABLE", "VISIBILITY_SECONDS", "FIFO",
        "STOP_TIMEOUT_SECONDS",
    ],
)  # fmt: skip
def test_what_the_platform_tells_a_task_is_no_name_for_the_workers_own_variables(read, name: str) -> None:
    [problem] = read(f"{MANIFEST}environment: {{{name}: x}}\n")[1]
    assert problem.startswith(f"worker.yaml:5: environment.{name}: is set by the platform")
