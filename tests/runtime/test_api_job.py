"""What becomes of a job, for each way in which its task can end."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from task_cloud import ACCOUNT_TASKS, Cloud, Stub, Task, metadata

from jobs import Status

pytestmark = pytest.mark.timeout(30)
Start = Callable[..., Task]


def test_a_job_that_succeeds_leaves_result_record_and_an_empty_queue(cloud: Cloud, start: Start, app: Path) -> None:
    cloud.s3.put_object(Bucket=cloud.uploads, Key="page.txt", Body=b"three short words")
    job = cloud.launch({"do": "describe", "key": "page.txt"})
    task = start(job)
    assert task.exit_code() == 0
    done = cloud.get(job)
    assert (done.status, done.engine, done.reason) == (Status.SUCCEEDED, "none", None)
    assert (done.task_arn, done.capacity_provider) == (f"{ACCOUNT_TASKS}/{cloud.name}", "FARGATE_SPOT")
    assert done.cost_usd == round((0.5 * 0.04048 + 0.004445) / 60 * 0.3, 8)
    prefix = f"probe/{job.job_id}"
    assert (done.result_bucket, done.result_key) == (cloud.results, f"{prefix}/result.json")
    written = cloud.written()
    assert written[f"{prefix}/copy.txt"] == b"three short words"
    assert json.loads(written[f"{prefix}/result.json"]) == {
        "text": "three short words",
        "copy": {"bucket": cloud.results, "key": f"{prefix}/copy.txt"},
        "engine": "none",
        "in time": True,
    }
    head = cloud.s3.head_object(Bucket=cloud.results, Key=f"{prefix}/result.json")
    assert head["ContentType"] == "application/json"
    assert cloud.messages(cloud.queue) == (0, 0)
    assert cloud.places() == set()
    assert list((app / "tmp").iterdir()) == []  # scratch is wiped


@pytest.mark.parametrize(
    ("text", "file", "told"),
    [
        ("Sales rose.", None, ("Sales rose.", "report.pdf")),
        ("x" * 501, {"key": "another/job/report.pdf"}, ("x" * 500, None)),
        (5, None, (None, None)),
    ],
)
def test_the_notice_of_a_result_is_recorded_with_its_file_if_that_is_the_jobs_own(
    cloud: Cloud, start: Start, text: Any, file: Any, told: tuple[str | None, str | None]
) -> None:
    job = cloud.launch({"do": "report", "text": text} | ({"file": file} if file else {}))
    assert start(job).exit_code() == 0
    done = cloud.get(job)
    key = f"probe/{job.job_id}/{told[1]}" if told[1] else None
    assert (done.summary, done.document_key) == (told[0], key)


def test_log_lines_say_which_job_they_are_about_and_metrics_which_worker(cloud: Cloud, start: Start) -> None:
    cloud.s3.put_object(Bucket=cloud.uploads, Key="page.txt", Body=b"three short words")
    job = cloud.launch({"do": "describe", "key": "page.txt"})
    task = start(job)
    task.exit_code()
    logs = [line for line in task.lines if "message" in line]
    assert {(line["job_id"], line["worker"], line["attempt"]) for line in logs} == {(job.job_id, "probe", 1)}
    assert {"begun", "job succeeded"} <= {line["message"] for line in logs}
    assert any("an old option" in line["message"] for line in logs)
    emitted = [line for line in task.lines if "_aws" in line]
    assert [(line["worker"], line["service"]) for line in emitted] == [("probe", "probe")] * 2
    dimensions = [line["_aws"]["CloudWatchMetrics"][0]["Dimensions"] for line in emitted]
    assert dimensions == [[["worker", "service"]]] * 2
    metrics = task.metrics()
    assert 0 < metrics.pop("Duration") < 20
    assert 20 < metrics.pop("PeakMemory") < 150  # MiB, both processes
    assert metrics == {"JobsSucceeded": 1, "Words": 3}


@pytest.mark.parametrize(
    ("input", "reason"),
    [
        ({"do": "refuse"}, "the page is empty"),
        ({"do": "describe", "key": "none"}, "s3://{uploads}/none does not exist, or this worker may not read it"),
    ],
)
def test_bad_input_fails_the_job_at_once(cloud: Cloud, start: Start, input: dict[str, Any], reason: str) -> None:
    job = cloud.launch(input)
    task = start(job)
    assert task.exit_code() == 0
    failed = cloud.get(job)
    assert (failed.status, failed.reason) == (Status.FAILED, reason.format(uploads=cloud.uploads))
    assert not failed.dead_lettered
    assert (cloud.messages(cloud.queue), cloud.messages(cloud.dlq)) == ((0, 0), (0, 0))
    assert cloud.places() == set()
    assert task.metrics()["JobsFailed"] == 1
    assert "ApplicationErrors" not in task.metrics()


def test_a_bug_is_tried_again_and_then_dead_lettered_with_its_reason(cloud: Cloud, start: Start) -> None:
    job = cloud.launch({"do": "fail", "words": "private words"})
    first = start(job)
    assert first.exit_code() == 1
    queued = cloud.get(job)
    assert (queued.status, queued.failures) == (Status.QUEUED, 1)
    assert cloud.messages(cloud.queue) == (1, 0)
    assert cloud.places() == set()
    assert first.metrics()["AttemptsFailed"] == first.metrics()["ApplicationErrors"] == 1
    assert "private" not in json.dumps(first.lines)
    assert any("handler.py" in frame for line in first.lines for frame in line.get("stack", []))

    second = start(cloud.relaunch(queued))
    assert second.exit_code() == 1
    failed = cloud.get(job)
    assert (failed.status, failed.dead_lettered) == (Status.FAILED, True)
    assert failed.reason == "ValueError: cannot read private words\ufffd"
    dead = cloud.receive(cloud.dlq)
    assert dead and json.loads(dead["Body"]) == {"job_id": job.job_id}
    assert dead["MessageAttributes"]["reason"]["StringValue"] == failed.reason
    assert cloud.messages(cloud.queue) == (0, 0)
    assert cloud.places() == set()
    assert second.metrics()["JobsFailed"] == 1


@pytest.mark.parametrize(
    ("input", "reason"),
    [
        ({"do": "leave"}, "SystemExit: 3"),
        ({"do": "vanish"}, "the worker's process ended without a result: exit code 7"),
        (
            {"do": "die"},
            "the worker's process ended without a result: killed by signal 9 (Killed), as happens when memory runs out",
        ),
        ({"do": "answer", "with": "nan"}, "ValueError: handle() returned what JSON cannot hold: Out of range"),
        ({"do": "answer", "with": "set"}, "ValueError: handle() returned what JSON cannot hold: Object of type set"),
        ({"do": "answer", "with": "list"}, "TypeError: handle() returned list, not dict"),
        ({"do": "answer", "with": "large"}, "ValueError: handle() returned 11,000,009 bytes of JSON, of which at most"),
        ({"do": "trespass", "name": "../other/result.json"}, "ValueError: '../other/result.json' is not a name"),
    ],
)
def test_whatever_ends_the_workers_code_is_a_failed_attempt(
    cloud: Cloud, start: Start, input: dict[str, Any], reason: str
) -> None:
    job = cloud.launch(input)
    task = start(job)
    assert task.exit_code() == 1
    queued = cloud.get(job)
    assert (queued.status, queued.failures) == (Status.QUEUED, 1)
    assert queued.reason and queued.reason.startswith(reason)
    assert cloud.messages(cloud.queue) == (1, 0)
    assert cloud.written() == {}


@pytest.mark.parametrize(
    ("environment", "reason"),
    [
        ({"WORKER": "missing"}, "ModuleNotFoundError: No module named 'workers.missing'"),
        ({"ENGINE": '{"kind": "steam"}'}, "ValueError: ENGINE is none of"),
    ],
)
def test_a_worker_that_cannot_be_loaded_is_a_failed_attempt(
    cloud: Cloud, start: Start, environment: dict[str, str], reason: str
) -> None:
    job = cloud.launch({})
    assert start(job, **environment).exit_code() == 1
    assert (cloud.get(job).reason or "").startswith(f"the worker cannot be loaded: {reason}")


def test_a_job_that_takes_too_long_is_failed_and_not_tried_again(cloud: Cloud, start: Start) -> None:
    job = cloud.launch({"do": "hang"})
    task = start(job, TIMEOUT_SECONDS="1.5")
    assert task.exit_code() == 0
    failed = cloud.get(job)
    assert (failed.status, failed.dead_lettered) == (Status.FAILED, False)
    assert failed.reason == "did not finish within 1.5 s (the manifest's timeout)"
    assert cloud.messages(cloud.queue) == (0, 0)
    assert task.metrics()["ApplicationErrors"] == 1


def test_sigterm_hands_the_job_back_even_from_code_that_ignores_it(cloud: Cloud, start: Start) -> None:
    job = cloud.launch({"do": "hang"})
    task = start(job).begun()
    task.process.send_signal(signal.SIGTERM)
    assert task.exit_code() == 0
    released = cloud.get(job)
    assert (released.status, released.failures) == (Status.QUEUED, 0)
    assert released.reason and "SIGTERM" in released.reason
    assert cloud.places() == set()
    assert task.metrics() == {"JobsReleased": 1}
    assert cloud.messages(cloud.queue) == (1, 0)
    message = cloud.receive(cloud.queue)
    assert message and json.loads(message["Body"]) == {"job_id": job.job_id}
    assert message["Attributes"]["ApproximateReceiveCount"] == "1"


def test_sigterm_before_the_claim_hands_the_job_back_as_well(cloud: Cloud, start: Start) -> None:
    job = cloud.launch({"do": "empty"})
    asked, answer = Event(), Event()

    def slow(method: str, path: str) -> tuple[int, bytes]:
        asked.set()
        answer.wait()
        return metadata(method, path)

    with Stub(slow) as agent:
        task = start(job, ECS_CONTAINER_METADATA_URI_V4=f"{agent.url}/late")
        asked.wait()
        task.process.send_signal(signal.SIGTERM)
        answer.set()
        assert task.exit_code() == 0
    assert (cloud.get(job).status, cloud.get(job).failures) == (Status.QUEUED, 0)
    assert cloud.messages(cloud.queue) == (1, 0)


def test_sigterm_while_the_result_is_written_does_not_undo_it(cloud: Cloud, start: Start) -> None:
    job = cloud.launch({"do": "empty"})
    tasks: list[Task] = []

    def terminate(method: str, path: str) -> tuple[int, bytes]:
        tasks[0].process.send_signal(signal.SIGTERM)
        return 200, b""

    with Stub(terminate) as s3:
        tasks.append(start(job, AWS_ENDPOINT_URL_S3=s3.url))
        assert tasks[0].exit_code() == 0
    assert cloud.get(job).status is Status.SUCCEEDED
    assert cloud.messages(cloud.queue) == (0, 0)


def test_a_killed_task_takes_the_workers_process_with_it(cloud: Cloud, start: Start) -> None:
    task = start(cloud.launch({"do": "hang"})).begun()
    task.process.kill()
    assert task.exit_code() == -signal.SIGKILL  # after the end of its output, which the worker's process holds open too


def test_a_cancelled_job_is_stopped_and_its_message_dropped(cloud: Cloud, start: Start) -> None:
    job = cloud.launch({"do": "hang"})
    task = start(job).begun()
    cloud.store.cancel(job.job_id, "why")
    task.process.send_signal(signal.SIGTERM)
    assert task.exit_code() == 0
    assert cloud.get(job).status is Status.CANCELLED
    assert (cloud.messages(cloud.queue), cloud.messages(cloud.dlq)) == ((0, 0), (0, 0))
    assert cloud.places() == set()


def test_tasks_with_the_same_list_run_different_jobs_and_one_too_many_runs_none(
    cloud: Cloud, start: Start, pipe: Path
) -> None:
    jobs = [cloud.launch({"do": "wait", "pipe": str(pipe)}) for _ in range(2)]
    tasks = [start(*jobs).begun() for _ in jobs]
    spare = start(*jobs)
    assert spare.exit_code() == 0
    assert spare.messages() == ["no job of the list is left"]
    pipe.write_text("go")
    assert [task.exit_code() for task in tasks] == [0, 0]
    assert [cloud.get(job).status for job in jobs] == [Status.SUCCEEDED] * 2
    ran = [{line["job_id"] for line in task.lines if "job_id" in line} for task in tasks]
    assert ran == [{jobs[0].job_id}, {jobs[1].job_id}]


def test_an_attempt_that_has_been_replaced_writes_nothing(cloud: Cloud, start: Start, pipe: Path) -> None:
    job = cloud.launch({"do": "wait", "pipe": str(pipe)})
    task = start(job).begun()
    newer = cloud.store.launch(cloud.get(job), "another receipt", lost="the task was lost")
    pipe.write_text("go")
    assert task.exit_code() == 0
    assert cloud.get(job) == newer
    assert cloud.written() == {}
    assert cloud.messages(cloud.queue) == (0, 1)  # the message is the newer attempt's now
    assert cloud.places() == {job.job_id}
    assert task.metrics() == {}


def test_an_attempt_without_its_message_stops_and_leaves_the_record_alone(cloud: Cloud, start: Start) -> None:
    job = cloud.launch({"do": "hang"})
    cloud.sqs.purge_queue(QueueUrl=cloud.queue)
    task = start(job)
    assert task.exit_code() == 0
    assert cloud.get(job).status is Status.RUNNING
    assert cloud.places() == {job.job_id}
    assert "attempt discarded: the job is not ours any more" in task.messages()


def test_results_that_cannot_be_stored_are_tried_again_and_then_dead_lettered(cloud: Cloud, start: Start) -> None:
    job = cloud.launch({"do": "empty"})
    assert start(job, RESULTS_BUCKET="gone").exit_code() == 1
    queued = cloud.get(job)
    assert (queued.status, queued.failures) == (Status.QUEUED, 1)
    task = start(cloud.relaunch(queued), RESULTS_BUCKET="gone")
    assert task.exit_code() == 1
    failed = cloud.get(job)
    assert (failed.status, failed.dead_lettered) == (Status.FAILED, True)
    assert failed.reason and "NoSuchBucket" in failed.reason
    dead = cloud.receive(cloud.dlq)
    assert dead and "NoSuchBucket" in dead["MessageAttributes"]["reason"]["StringValue"]
    assert "ApplicationErrors" not in task.metrics()


def test_the_next_attempt_waits(cloud: Cloud, start: Start) -> None:
    job = cloud.launch({"do": "vanish"})
    assert start(job, BACKOFF_SECONDS="10").exit_code() == 1
    assert cloud.messages(cloud.queue) == (0, 1)


def test_a_wrong_environment_is_named_and_costs_the_job_nothing(cloud: Cloud, start: Start) -> None:
    job = cloud.launch({"do": "describe"})
    task = start(job, MEMORY_GB="lots", QUEUE_URL="")
    assert task.exit_code() == 2
    assert task.messages() == ["environment: QUEUE_URL is not set; MEMORY_GB is 'lots', not a number"]
    assert cloud.get(job) == job


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    os.mkfifo(tmp_path / "pipe")
    return tmp_path / "pipe"
