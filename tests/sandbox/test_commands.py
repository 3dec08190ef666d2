"""`python -m sandbox …`, as a user types it."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from live_stack import Gate, alive
from sandbox_project import REPOSITORY, Project

from sandbox.analyzer import Violation
from sandbox.client import Client
from sandbox.demo import demo
from sandbox.lock import lock
from sandbox.serve import serve
from tests.waiting import until

MAIN = [sys.executable, "-m", "sandbox"]


def sandbox(*arguments: str, folder: Path = REPOSITORY) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*MAIN, *arguments], cwd=folder, capture_output=True, text=True, timeout=100)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    project.add_worker("probe")
    return project


@pytest.mark.parametrize("stack", ["dev", "staging", "prod"])
def test_every_stack_passes_its_check(stack: str) -> None:
    done = sandbox("check", "--stack", stack)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Every policy passed." in done.stdout


def test_the_resources_of_a_stack_are_one_json_array() -> None:
    done = sandbox("resources", "--json", "--stack", "prod")
    assert (done.returncode, done.stderr) == (0, "")
    resources = json.loads(done.stdout)
    assert all(resource.keys() == {"urn", "type", "inputs", "options"} for resource in resources)
    assert len({resource["urn"] for resource in resources}) == len(resources) > 100
    tables = [r["inputs"]["name"] for r in resources if r["type"] == "aws:dynamodb/table:Table"]
    assert "serverless-batch-prod-jobs" in tables


@pytest.mark.parametrize("command", ["check", "resources", "up", "demo"])
def test_a_wrong_key_is_refused_with_its_file_and_line(project: Project, command: str) -> None:
    project.write_stack("test", workers={"probe": {}}, spott={"share": 50})
    done = project.sandbox(command, "--stack", "test")
    assert done.returncode == 1
    assert "Pulumi.test.yaml:5: serverless-batch:spott: is not a known key" in done.stderr
    assert "Traceback" not in done.stderr + done.stdout


def test_a_misspelt_field_of_a_manifest_is_refused_with_its_file_and_line(project: Project) -> None:
    project.add_worker("other", retries={"attempts": 3})
    project.write_stack("test", workers={"other": {}})
    lines = (project.folder / "workers/other/worker.yaml").read_text().split("\n")
    line = lines.index("retries:") + 1
    done = project.sandbox("check", "--stack", "test")
    assert done.returncode == 1
    assert f"workers/other/worker.yaml:{line}: retries: is not a known key" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["check", "up"])
def test_an_unknown_stack_is_refused_with_the_nearest_one(command: str) -> None:
    done = sandbox(command, "--stack", "prd")
    assert done.returncode == 1
    assert "there is no stack 'prd'" in done.stderr and "prod" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_wrong_configuration_of_the_policies_is_refused_by_its_file(project: Project) -> None:
    project.write_stack("test", workers={"probe": {}})
    (project.folder / "policies/config/test.json").write_text('{"sqs-dql": "mandatory"}')
    done = project.sandbox("check", "--stack", "test")
    assert done.returncode == 1
    assert "policies/config/test.json" in done.stderr and "sqs-dql" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_program_that_violates_a_mandatory_policy_is_refused_by_the_policys_name(project: Project) -> None:
    project.write_stack("test", workers={"probe": {}})
    queue = project.folder / "components/queue.py"
    text = queue.read_text()
    queue.write_text(re.sub(r"redrive_policy=dead_letters\.arn\.apply\(.*?\n            \),\n", "", text, flags=re.S))
    assert queue.read_text() != text
    done = project.sandbox("check", "--stack", "test")
    assert (done.returncode, done.stderr) == (1, "")
    assert "mandatory sqs-dlq · probe" in done.stdout and "policies/RULES.md#sqs-dlq" in done.stdout
    assert "Refused:" in done.stdout


@pytest.mark.xdist_group("bare-cloud")
@pytest.mark.parametrize("deploy", [serve, demo])
def test_nothing_is_deployed_against_a_mandatory_policy(
    project: Project, deploy: Callable[[Path, str], int], monkeypatch: Any, capsys: Any
) -> None:
    project.write_stack("test", workers={"probe": {}})
    violation = Violation("no-probes", "mandatory", "urn:pulumi:test::serverless-batch::type::probe", "is a probe")
    monkeypatch.setattr("sandbox.deployment.preview_violations", lambda *_: [violation])
    assert deploy(project.folder, "test") == 1
    assert "mandatory no-probes · probe" in capsys.readouterr().out
    lock(project.folder / ".sandbox/test").close()  # the cloud that was made for it is closed


class Up:
    """`python -m sandbox up` of a project, until it says that it is up."""

    def __init__(self, project: Project):
        project.write_stack("test", workers={"probe": {}})
        self.process = subprocess.Popen(
            [*MAIN, "up", "--stack", "test"], cwd=project.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True,
        )  # fmt: skip
        assert self.process.stdout
        said = []
        for line in self.process.stdout:
            said.append(line)
            if "Ctrl-C" in line:
                break
        else:
            pytest.fail("".join(said))
        found = {match[1]: match[2] for match in re.finditer(r"^(API|Key) (\S+)$", "".join(said), re.MULTILINE)}
        self.client = Client(found["API"], found["Key"])

    def children(self) -> list[int]:
        """Processes that it has started, and theirs."""
        return descendants(self.process.pid)


def descendants(process: int) -> list[int]:
    children = []
    for thread in Path(f"/proc/{process}/task").iterdir():
        with suppress(FileNotFoundError):  # it has just ended
            children += [int(child) for child in (thread / "children").read_text().split()]
    return children + [further for child in children for further in descendants(child)]


@pytest.fixture
def up(project: Project) -> Iterator[Up]:
    up = Up(project)
    yield up
    up.process.kill()
    up.process.wait()


def test_a_stack_that_is_up_refuses_a_second_and_ends_with_all_it_started(
    project: Project, up: Up, tmp_path: Path
) -> None:
    gate = Gate(tmp_path / "gate")
    up.client.call("POST", "/jobs", {"worker": "probe", "input": {"do": "wait", "pipe": gate.path}})
    gate.wait_for_worker()

    second = project.sandbox("up", "--stack", "test")
    assert second.returncode == 1
    assert f"The sandbox of stack test is up already, in process {up.process.pid}." in second.stderr
    assert up.client.request("GET", "/workers").status == 200

    children = up.children()
    assert len(children) >= 4  # the API and the launcher, the task and the worker's code in it
    up.process.send_signal(signal.SIGTERM)
    assert up.process.wait(30) == 0  # a minute before the job's timeout
    until(lambda: not any(map(alive, children)), 5)
    lock(project.folder / ".sandbox/test").close()
