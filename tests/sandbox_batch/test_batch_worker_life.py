"""Batch workers of a stack that is up: submitted, sized, followed, replaced."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from batch_cloud import Gate
from live_batch import PREFIX, LiveBatch, live_batch, write_project

import batchctl.__main__
import sandbox.__main__
from batchjobs import Request
from tests.waiting import until

pytestmark = pytest.mark.xdist_group("sandbox-batch-life")


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveBatch]:
    project = write_project(tmp_path_factory.mktemp("project"))
    with live_batch(project, lambda seconds: time.sleep(min(seconds, 0.1))) as live:
        live.upload("in/small", b"x" * 1000)
        yield live


class Shell:
    """`python -m sandbox …` in this process, for the project that is up."""

    def __init__(self, live: LiveBatch, capture: pytest.CaptureFixture[str]):
        self._live, self._capture = live, capture

    def __call__(self, *arguments: str, stack: str = "test") -> tuple[int, str, str]:
        """Exit code, stdout, stderr."""
        self._capture.readouterr()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sandbox.__main__, "PROJECT", self._live.project)
            patch.setattr(batchctl.__main__, "PROJECT", self._live.project)
            patch.setattr(sys, "argv", ["sandbox", *arguments, "--stack", stack])
            patch.setattr(sys, "path", list(sys.path))
            patch.setattr(signal, "signal", lambda *_: None)  # the tests' own stay
            patch.setenv("NO_PROXY", "127.0.0.1")
            patch.setenv("no_proxy", "127.0.0.1")
            code = sandbox.__main__.main()
        said = self._capture.readouterr()
        return code, said.out, said.err

    def good(self, *arguments: str) -> str:
        """What it says if all went well."""
        code, said, wrong = self(*arguments)
        assert code == 0, wrong
        return said


@pytest.fixture
def shell(live: LiveBatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(live, capsys)


def test_urgent_work_overtakes_what_waits(live: LiveBatch, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    gates = [Gate(tmp_path / str(number)) for number in range(live.engine.places)]
    for number, gate in enumerate(gates):
        live.jobs.submit("plain", {"pipe": gate.path, "name": f"busy{number}", "journal": str(journal)})
        gate.wait_for_job()
    low = [live.jobs.submit("plain", {"name": "low", "journal": str(journal)}) for _ in range(2)]
    high = live.jobs.submit("plain", {"name": "high", "journal": str(journal)}, queue="urgent")
    gates[0].open()
    for one in (*low, high):
        assert live.jobs.wait(one.job_id).status == "SUCCEEDED"
    began = [line.split(":")[0] for line in journal.read_text().split()]
    assert [name for name in began if not name.startswith("busy")] == ["high", "low", "low"]
    for gate in gates[1:]:
        gate.open()


def test_a_part_that_is_reclaimed_or_whose_machine_goes_is_tried_again_alone(
    live: LiveBatch, tmp_path: Path, shell: Shell
) -> None:
    for kind, reason in (("reclaim", "Your Spot Task was interrupted."), ("kill", "Host EC2")):
        gate, journal = Gate(tmp_path / f"{kind}-gate"), tmp_path / f"{kind}-journal"
        array = live.jobs.submit("plain", {"pipe_1": gate.path, "journal": str(journal)}, array=2, key=kind)
        gate.wait_for_job()
        said = shell.good("chaos", kind, "--job", f"{array.job_id}:1")
        assert f"{array.job_id}:1" in said
        assert live.jobs.wait(array.job_id).status == "SUCCEEDED"
        assert sorted(journal.read_text().split()) == [":0:1", ":1:1", ":1:2"]
        assert live.job(f"{array.job_id}:1")["attempts"][0]["statusReason"].startswith(reason)
        assert live.result("plain", kind, 1)["attempt"] == 2


def test_a_part_that_runs_out_of_memory_moves_up_a_tier_and_what_waited_follows(live: LiveBatch) -> None:
    before = live.metrics("cruncher")
    sent = live.jobs.submit_set(
        {
            "split": Request(worker="cruncher", input={"key": "in/small", "hold_1": 220}, key="split", array=3),
            "each": Request(worker="cruncher", input={"key": "in/small"}, key="each", array=3, after_each="split"),
            "merge": Request(worker="cruncher", input={"key": "in/small"}, key="merge", after=["each"]),
        }
    )
    shown: list[str] = []
    split = live.jobs.wait(sent["split"].job_id, lambda progress: shown.append(progress.text))
    assert (split.status, split.memory, len(split.jobs)) == ("SUCCEEDED", (256, 512), 2)
    assert shown[-1] == "SUCCEEDED, 3 of 3 parts SUCCEEDED (again, with 512 MB)"
    again = live.job(split.jobs[1])
    assert "arrayProperties" not in again  # one part alone
    assert {"name": "ARRAY_INDEXES", "value": "1"} in again["container"]["environment"]
    assert live.result("cruncher", "split", 1) == {"index": 1, "size": 3, "attempt": 1, "memory": "0.5"}
    assert live.result("cruncher", "split", 0)["memory"] == "0.25"
    for name in ("each", "merge"):
        assert live.job(sent[name].job_id)["status"] == "FAILED"
        followed = live.jobs.wait(sent[name].job_id)
        assert (followed.status, followed.memory) == ("SUCCEEDED", (256, 256))
    assert live.result("cruncher", "each", 1)["index"] == 1
    assert live.result("cruncher", "merge")["size"] == 1
    live.settle()
    now = {name: value - before.get(name, 0) for name, value in live.metrics("cruncher").items()}
    assert (now["JobsReplaced"], now["JobsSucceeded"], now.get("JobsFailed", 0)) == (3, 3, 0)
    assert 0 < now["CostUsd"] < 0.01
    # What waits from now on waits for the one that took the place.
    late = live.jobs.submit("cruncher", {"key": "in/small"}, after=[sent["split"].job_id])
    assert live.jobs.wait(late.job_id).status == "SUCCEEDED"


def test_a_job_can_be_made_to_lack_memory(live: LiveBatch, tmp_path: Path, shell: Shell) -> None:
    gate = Gate(tmp_path / "gate")
    job = live.jobs.submit("cruncher", {"key": "in/small", "pipe": gate.path}, key="starved")
    gate.wait_for_job()
    assert job.job_id in shell.good("chaos", "memory", "--job", job.job_id)
    until(lambda: live.job(job.job_id)["status"] == "FAILED")  # it does not wait at the gate any more
    gate.wait_for_job()  # its successor
    gate.open()
    ended = live.jobs.wait(job.job_id)
    assert (ended.status, ended.memory) == ("SUCCEEDED", (256, 512))
    [attempt] = live.job(job.job_id)["attempts"]
    assert (attempt["container"]["exitCode"], "memory" in attempt["container"]["reason"]) == (137, True)
    code, _, refused = shell("chaos", "memory", "--job", "nowhere")
    assert (code, refused) == (1, "There is no Batch job nowhere running.\n")


def test_who_needs_more_than_the_last_tier_has_failed_for_good(live: LiveBatch) -> None:
    job = live.jobs.submit("cruncher", {"hold": 1100}, key="huge", size=10 * 1024**2)
    assert job.reason == "input has 10 MB: tier 3 (any size): 2 vCPU, 1 GB"
    ended = live.jobs.wait(job.job_id)
    assert (ended.status, len(ended.jobs)) == ("FAILED", 1)
    assert "memory" in live.jobs.why(job.job_id)


def told(live: LiveBatch) -> list[dict[str, Any]]:
    """Messages to the topic of the alarms."""
    from moto.sns.models import sns_backends

    topics = sns_backends["123456789012"][live.cloud.region].topics
    [topic] = [topic for arn, topic in topics.items() if arn.endswith("-alerts")]
    return [{"message": message, "subject": subject} for _, message, subject, *_ in topic.sent_notifications]


def test_a_refused_input_fails_with_the_reason_and_somebody_is_told_once(live: LiveBatch) -> None:
    job = live.jobs.submit("plain", {"refuse": "row 7 has 3 cells, not 4"}, key="ragged")
    assert live.jobs.wait(job.job_id).status == "FAILED"
    assert live.jobs.why(job.job_id) == "row 7 has 3 cells, not 4"
    assert len(live.job(job.job_id)["attempts"]) == 1
    live.settle()
    [notice] = [one for one in told(live) if job.name in one["message"]]
    assert notice["subject"] == "plain: a Batch job failed"
    assert f"{PREFIX}-results-123456789012/plain/ragged/" in notice["message"]


def test_of_an_array_the_first_part_that_failed_says_why_and_the_others_results_are_kept(live: LiveBatch) -> None:
    job = live.jobs.submit("plain", {"refuse_1": "it is ragged", "refuse_2": "it is, too"}, key="some", array=4)
    ended = live.jobs.wait(job.job_id)
    assert ended.text == "FAILED, 2 of 4 parts SUCCEEDED, 2 FAILED"
    assert live.jobs.why(job.job_id) == "part 1: it is ragged, as 1 more did"
    assert [live.result("plain", "some", index)["index"] for index in (0, 3)] == [0, 3]


def test_a_job_is_submitted_and_followed_from_the_command_line(live: LiveBatch, shell: Shell) -> None:
    one = ("job", "submit", "plain", "--input", '{"name": "x"}', "--array", "2", "--key", "cli")
    said = shell.good(*one, "--wait")
    first = r"[0-9a-f-]{36} plain in 2 parts; input names no object: tier 1 \(any size\): 0.25 vCPU, 512 MB\n"
    assert re.match(first, said)
    assert "SUCCEEDED, 2 of 2 parts SUCCEEDED\n" in said
    assert f"results: s3://{live.results}/plain/cli/\n" in said
    assert shell.good(*one) == said.split(";")[0] + "; had been submitted before\n"


def test_a_worker_has_a_share_of_its_own_unless_its_manifest_names_one(live: LiveBatch) -> None:
    job = live.jobs.submit("cruncher", {"key": "in/small"}, queue="shared")
    assert live.jobs.wait(job.job_id).status == "SUCCEEDED"
    assert live.job(job.job_id)["shareIdentifier"] == "cruncher"


def test_of_failed_jobs_the_list_tells_why_or_what_took_their_place(live: LiveBatch, shell: Shell) -> None:
    assert shell.good("job", "list", "--worker", "cruncher", "--status", "RUNNING") == "There are none.\n"
    refused = live.jobs.submit("plain", {"refuse": "row 7 has 3 cells"})
    larger = live.jobs.submit("cruncher", {"key": "in/small", "hold": 220}, array=1)
    for job in (refused, larger):
        live.jobs.wait(job.job_id)
    listed = shell.good("job", "list", "--status", "FAILED")
    assert re.search(rf"{refused.job_id} .* row 7 has 3 cells\n", listed)
    successor = live.jobs.progress(larger.job_id).jobs[1]
    assert re.search(rf"{larger.job_id} .* replaced by {successor}: SUCCEEDED\n", listed)


def test_who_stops_waiting_is_told_that_the_job_goes_on(
    live: LiveBatch, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = live.jobs.submit("plain", {})
    monkeypatch.setattr("batchctl.batch_jobs.Jobs.wait", interrupted)
    code, said, _ = shell("job", "wait", job.job_id)
    assert (code, said.splitlines()[-1]) == (
        130,
        f"Nobody waits any more; the jobs go on. To end them: job cancel {job.job_id}",
    )
    monkeypatch.undo()
    live.jobs.wait(job.job_id)


def interrupted(*_: Any) -> None:
    raise KeyboardInterrupt


def test_files_are_uploaded_for_a_job_and_what_it_has_written_is_fetched(
    live: LiveBatch, tmp_path: Path, shell: Shell
) -> None:
    lines = tmp_path / "lines"
    (lines / "day").mkdir(parents=True)
    (lines / "day" / "one.csv").write_text("x" * 1500 * 1024)
    sent = ("cruncher", "--input", '{"key": "day/one.csv"}', "--key", "files", "--array", "2")
    said = shell.good("job", "submit", *sent, "--upload", str(lines), "--wait", "--out", str(tmp_path / "out"))
    assert "input has 1.46 MB: tier 2" in said
    for part in (0, 1):
        file = tmp_path / "out" / str(part) / "result.json"
        assert json.loads(file.read_text())["index"] == part
        assert f"  {file}\n" in said
    one = lines / "day" / "one.csv"
    shell.good("job", "submit", "cruncher", "--input", '{"key": "one.csv"}', "--upload", str(one), "--wait")


def test_nothing_is_fetched_to_a_place_outside_the_folder(live: LiveBatch, tmp_path: Path, shell: Shell) -> None:
    job = live.jobs.submit("plain", {}, key="escape")
    assert live.jobs.wait(job.job_id).status == "SUCCEEDED"
    live.cloud.client("s3").put_object(Bucket=live.results, Key="plain/escape/../../gone", Body=b"x")
    code, _, refused = shell("job", "wait", job.job_id, "--out", str(tmp_path / "a" / "b"))
    assert (code, "would be written outside" in refused) == (1, True)
    assert not (tmp_path / "gone").exists()


def test_on_a_terminal_the_progress_is_one_line_that_changes(live: LiveBatch, tmp_path: Path) -> None:
    gate = Gate(tmp_path / "gate")
    job = live.jobs.submit("plain", {"pipe": gate.path})
    gate.wait_for_job()
    here, there = pty.openpty()
    waiting = subprocess.Popen(
        [sys.executable, "-m", "sandbox", "job", "wait", job.job_id, "--stack", "test"],
        cwd=live.project, stdout=there, stderr=there,
    )  # fmt: skip
    os.close(there)
    shown: list[bytes] = []

    def read() -> None:
        try:
            while chunk := os.read(here, 1024):
                shown.append(chunk)
        except OSError:  # the other end is closed
            pass

    reader = threading.Thread(target=read)
    reader.start()
    until(lambda: b"RUNNING" in b"".join(shown))
    gate.open()
    assert waiting.wait(60) == 0
    reader.join()
    os.close(here)
    lines = b"".join(shown).decode().split("\r\x1b[K")
    assert lines[1] == f"{job.job_id} RUNNING"
    assert lines[-1].startswith(f"{job.job_id} SUCCEEDED\r\n")


def test_a_set_from_a_file_is_submitted_and_a_circle_is_not(live: LiveBatch, tmp_path: Path, shell: Shell) -> None:
    file = tmp_path / "set.yaml"
    file.write_text("split: {worker: plain, input: {}, array: 2}\nmerge: {worker: plain, input: {}, after: split}\n")
    said = shell.good("job", "submit", "--set", str(file), "--key", "set1", "--wait")
    assert said.startswith("split: ") and "\nmerge: " in said
    assert live.result("plain", "set1-merge")["size"] == 1
    file.write_text("a: {worker: plain, input: {}, after: b}\nb: {worker: plain, input: {}, after: a}\n")
    code, _, refused = shell("job", "submit", "--set", str(file))
    assert code == 1
    assert re.fullmatch(r"The dependencies are circular: (a → b → a|b → a → b). Nothing was submitted.\n", refused)


def test_jobs_are_listed_cancelled_and_their_logs_shown(live: LiveBatch, tmp_path: Path, shell: Shell) -> None:
    gate = Gate(tmp_path / "gate")
    job = live.jobs.submit("plain", {"pipe": gate.path}, array=2)
    gate.wait_for_job()
    listed = shell.good("job", "list", "--worker", "plain").splitlines()
    assert listed[0].split() == ["JOB", "NAME", "QUEUE", "STATUS", "CREATED", "PARTS", "REASON"]
    assert [line.split()[0] for line in listed[1:]] == [job.job_id]
    assert listed[1].split()[-1] == "2"
    assert '"message":"begun"' in shell.good("job", "logs", job.job_id, "--index", "0")
    assert shell("job", "logs", job.job_id) == (1, "", "The job is an array of 2: say which part, 0 to 1.\n")
    assert shell.good("job", "cancel", job.job_id, "--reason", "enough") == f"{job.job_id}: cancelled\n"
    code, said, _ = shell("job", "wait", job.job_id)
    assert code == 1
    assert "FAILED, " in said
    assert live.job(job.job_id)["statusReason"] == "enough"
    assert shell.good("job", "cancel", job.job_id) == f"{job.job_id}: had ended\n"
    assert "None is under way; " in shell.good("job", "list", "--worker", "plain")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["plain", "--input", "{}", "--array", "10001"], "An array has 1 to 10,000 parts, not 10,001."),
        (["plain", "--input", "{}", "--queue", "urgend"], "There is no queue urgend for plain; nearest: urgent."),
        (["planes", "--input", "{}"], "There is no Batch worker planes in this stack; nearest: plain."),
        (["cruncher", "--input", '{"key": "gone"}'], "The input is missing: s3://"),
        (["plain", "--input", "{"], "The input is no JSON: "),
        (["plain", "--input", "[]"], 'The input is no JSON object, as {"key": "…"} is.'),
        (["plain", "--input", "@nowhere.json"], "nowhere.json cannot be read: "),
        (["plain"], "Name a worker and its --input, or a --set of jobs."),
        (["plain", "--input", "{}", "--upload", "nowhere"], "nowhere is no file, and no folder with files."),
        (["plain", "--input", "{}", "--out", "there"], "--out goes with --wait."),
        (["--set", "nowhere.yaml"], "nowhere.yaml cannot be read: "),
        (["plain", "--input", "{}", "--after", "yesterday"], "There is no job yesterday to wait for"),
    ],
)
def test_what_cannot_be_submitted_is_told_in_a_line(
    live: LiveBatch, arguments: list[str], said: str, shell: Shell
) -> None:
    code, out, error = shell("job", "submit", *arguments)
    assert (code, out) == (1, "")
    assert error.startswith(said)
    assert len(error.splitlines()) == 1


def test_an_input_that_does_not_fit_the_manifest_fails_with_the_reason(live: LiveBatch, shell: Shell) -> None:
    code, said, _ = shell("job", "submit", "plain", "--input", '{"hold": "much"}', "--wait")
    assert code == 1
    assert "input.hold must be integer" in said


def test_a_stack_that_is_not_up_is_said_to_be_so(shell: Shell) -> None:
    code, out, error = shell("job", "list", stack="other")
    assert (code, out) == (1, "")
    assert error.startswith("No sandbox of stack other is up")


def test_the_status_shows_the_queues(live: LiveBatch, shell: Shell) -> None:
    said = shell.good("status")
    assert "Batch queue" in said
    assert re.search(rf"{PREFIX}-urgent +100 +0 +0 of 512", said)
