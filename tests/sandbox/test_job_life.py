"""Jobs from the API to their ends, on a deployed stack."""

from __future__ import annotations

from pathlib import Path

import pytest
from live_stack import Gate, Live

from jobs import Status
from tests.waiting import until

pytestmark = pytest.mark.xdist_group("job-life")


def test_a_job_is_queued_runs_and_its_result_can_be_fetched(live: Live, gate: Gate) -> None:
    queued = live.client.call("POST", "/jobs", {"worker": "probe", "input": {"do": "wait", "pipe": gate.path}})
    assert (queued["status"], queued["attempt"]) == ("QUEUED", 0)
    gate.wait_for_worker()
    running = live.client.call("GET", f"/jobs/{queued['job_id']}")
    assert (running["status"], running["attempt"]) == ("RUNNING", 1)
    assert "result_url" not in running
    gate.open()
    live.succeed(queued["job_id"])
    job = live.client.call("GET", f"/jobs/{queued['job_id']}")
    assert (job["status"], job["failures"]) == ("SUCCEEDED", 0)
    assert job["duration_seconds"] > 0
    assert job["cost_usd"] > 0
    assert live.client.result(job) == {"read": "", "attempt": 1}


def test_every_channel_is_told_once_of_a_job_that_ended(live: Live) -> None:
    job_id = live.submit(do="echo", text="hello")
    assert live.succeed(job_id).engine == "echo"
    assert live.is_told_once(job_id)
    [message] = [m for m in live.receivers.slack if job_id in str(m)]
    [button] = [element for block in message["blocks"] for element in block.get("elements", [])]
    assert live.client.result({"result_url": button["url"]}) == {"text": "hello", "engine": "echo"}


def test_a_worker_reads_what_was_uploaded(live: Live, tmp_path: Path) -> None:
    file = tmp_path / "page one.txt"
    file.write_text("words")
    job_id = live.submit(do="read", key=live.client.upload(file)["key"])
    live.succeed(job_id)
    assert live.result(job_id) == {"text": "words"}


def test_an_attempt_that_fails_is_followed_by_another(live: Live) -> None:
    job = live.succeed(live.submit(do="fail_once"))
    assert (job.attempt, job.failures, job.reason) == (2, 1, None)
    assert live.exit_codes(job.job_id) == [1, 0]


def test_a_running_job_that_is_cancelled_is_stopped_with_sigterm(live: Live, gate: Gate) -> None:
    job_id = live.submit(do="wait", pipe=gate.path)
    gate.wait_for_worker()
    assert live.client.call("DELETE", f"/jobs/{job_id}")["status"] == "CANCELLED"
    assert live.exit_codes(job_id) == [0]
    [task] = live.tasks(job_id)
    assert task.model.stopped_reason == "cancelled by the caller"
    assert live.message(job_id) is None
    assert live.job(job_id).status is Status.CANCELLED
    assert live.client.request("DELETE", f"/jobs/{job_id}").status == 409


def test_a_queued_job_that_is_cancelled_never_runs_and_the_queue_goes_on(
    live: Live, gate: Gate, tmp_path: Path
) -> None:
    journal = str(tmp_path / "journal")
    first = live.submit("solo", do="alone", journal=journal, pipe=gate.path)
    gate.wait_for_worker()
    waiting = live.submit("solo", do="alone", journal=journal)
    live.put_off(waiting)
    assert live.client.call("DELETE", f"/jobs/{waiting}")["status"] == "CANCELLED"
    gate.open()
    live.succeed(first)
    live.surface(waiting)
    until(lambda: live.message(waiting) is None)
    last = live.submit("solo", do="alone", journal=journal)
    live.succeed(last)
    assert Path(journal).read_text().split() == [first, last]
    assert live.job(waiting).status is Status.CANCELLED
    assert not live.tasks(waiting)


def test_with_a_cap_of_one_no_two_jobs_run_at_once_and_all_succeed(live: Live, gate: Gate, tmp_path: Path) -> None:
    journal = str(tmp_path / "journal")
    first = live.submit("solo", do="alone", journal=journal, pipe=gate.path)
    gate.wait_for_worker()
    waiting = [live.submit("solo", do="alone", journal=journal) for _ in range(2)]
    for job_id in waiting:
        live.put_off(job_id)
    assert not any(map(live.tasks, waiting))
    gate.open()
    live.succeed(first)
    for job_id in waiting:
        live.surface(job_id)
    until(lambda: any(live.job(job_id).status is Status.SUCCEEDED for job_id in waiting))
    [last] = [job_id for job_id in waiting if live.job(job_id).status is not Status.SUCCEEDED]
    live.put_off(last)
    live.surface(last)
    jobs = [live.succeed(job_id) for job_id in (first, *waiting)]
    assert {(job.attempt, job.failures) for job in jobs} == {(1, 0)}
    assert sorted(Path(journal).read_text().split()) == sorted(job.job_id for job in jobs)
    assert not live.messages("solo-dlq.fifo")


def test_a_repeated_message_runs_nothing_again(live: Live, gate: Gate) -> None:
    job_id = live.submit(do="wait", pipe=gate.path)
    gate.wait_for_worker()
    live.send_again(job_id)  # while it runs
    gate.open()
    live.succeed(job_id)
    live.send_again(job_id)  # when it has ended
    until(lambda: live.message(job_id) is None)
    assert live.job(job_id).attempt == 1
    assert len(live.tasks(job_id)) == 1
    assert live.is_told_once(job_id)


REASONS = {
    "refuse": "the page is empty",
    "hang": "did not finish within 2 s (the manifest's timeout)",
    "leave": "SystemExit: 3",
    "vanish": "the worker's process ended without a result: exit code 7",
    "nan": "handle() returned what JSON cannot hold",
}


def test_a_job_that_fails_says_why_and_the_queue_goes_on(live: Live) -> None:
    jobs = {do: live.submit("brief", do=do) for do in REASONS}
    good = live.submit("brief", do="echo", text="next")
    ended = {do: live.end(job_id) for do, job_id in jobs.items()}
    for do, reason in REASONS.items():
        assert ended[do].status is Status.FAILED
        assert reason in (ended[do].reason or "")
    # What no further attempt can change is not worth a dead letter.
    dead = {do for do, job in ended.items() if job.dead_lettered}
    assert dead == {"leave", "vanish", "nan"}
    for do in dead:
        letter = live.dead_letter(jobs[do])
        assert letter["MessageAttributes"]["reason"]["StringValue"] == ended[do].reason
    assert live.succeed(good).attempt == 1
    until(lambda: not live.messages("brief.fifo"))
    assert all(live.is_told_once(job_id) for job_id in jobs.values())
