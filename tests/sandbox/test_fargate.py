"""Tasks as processes: what Fargate promises about them."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3
from live_stack import alive
from sandbox_project import REPOSITORY

from sandbox.cloud import Cloud
from sandbox.compute.container import unpack_image
from sandbox.compute.fargate import MAX_PROCESSES, Task
from tests.waiting import until

pytestmark = pytest.mark.xdist_group("bare-cloud")
Start = Callable[..., Any]
SHOW = "import json, os, pathlib, sys; pathlib.Path(sys.argv[1]).write_text(json.dumps(dict(os.environ)))"
STUBBORN = (
    "import os, pathlib, signal, sys; signal.signal(signal.SIGTERM, lambda *_: pathlib.Path(sys.argv[1]).touch());"
    "os.mkfifo(sys.argv[1] + '.pipe'); [open(sys.argv[1] + '.pipe').read() for _ in iter(int, 1)]"
)
WAIT = "import os, sys; pipe = f'{sys.argv[1]}/{os.getpid()}'; os.mkfifo(pipe); open(pipe)"


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with Cloud("eu-central-1", REPOSITORY, tmp_path_factory.mktemp("cloud") / "files") as cloud:
        cloud.client("ecs").create_cluster(clusterName="tasks")
        yield cloud


@pytest.fixture
def start(cloud: Cloud) -> Iterator[Start]:
    """Starts a task that runs a command; returns what asks DescribeTasks about it (with `count`, about the last)."""
    ecs, ec2, started = cloud.client("ecs"), cloud.client("ec2"), list[Task]()
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    group = ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"]
    network = {"awsvpcConfiguration": {"subnets": [subnet], "securityGroups": [group]}}

    def start(*command: str, count: int = 1, overrides: dict[str, Any] | None = None, **container: Any) -> Start:
        worker = {"name": "WORKER", "value": "content_analyzer"}
        definition = {"name": "worker", "image": "image", "cpu": 256, "memory": 512, "command": list(command)}
        definition |= {"environment": [worker, {"name": "COLOUR", "value": "blue"}], **container}
        ecs.register_task_definition(
            family="sample", networkMode="awsvpc", cpu="256", memory="512", containerDefinitions=[definition]
        )
        answer = ecs.run_task(
            cluster="tasks", taskDefinition="sample", count=count, overrides=overrides or {},
            capacityProviderStrategy=[{"capacityProvider": "FARGATE"}], networkConfiguration=network,
        )  # fmt: skip
        assert not answer["failures"]
        arns = [task["taskArn"] for task in answer["tasks"]]
        started.extend(cloud.compute.fargate._tasks[arn] for arn in arns)
        return lambda: ecs.describe_tasks(cluster="tasks", tasks=arns[-1:])["tasks"][0]

    yield start
    for task in started:
        task.kill()
        task.join()


def stopped(task: Start) -> dict[str, Any]:
    return until(lambda: found if (found := task())["lastStatus"] == "STOPPED" else None)


def test_a_container_gets_its_variables_secrets_overrides_and_its_agents_address(
    cloud: Cloud, start: Start, tmp_path: Path
) -> None:
    secret = cloud.client("secretsmanager").create_secret(Name="key", SecretString="hidden")["ARN"]
    shown = tmp_path / "shown"
    override = {"name": "worker", "environment": [{"name": "JOBS", "value": "a:1"}]}
    task = start(
        sys.executable, "-c", SHOW, str(shown),
        overrides={"containerOverrides": [override]}, secrets=[{"name": "KEY", "valueFrom": secret}],
    )  # fmt: skip
    assert stopped(task)["containers"][0]["exitCode"] == 0
    seen = json.loads(shown.read_text())
    expected = {"COLOUR": "blue", "KEY": "hidden", "JOBS": "a:1", "AWS_ENDPOINT_URL": cloud.endpoint}
    assert expected.items() <= seen.items()
    agent = urllib3.request("GET", f"{seen['ECS_CONTAINER_METADATA_URI_V4']}/task").json()
    assert agent["TaskARN"] == task()["taskArn"]
    assert not Path(seen["TMPDIR"]).exists()  # gone with the task


def test_the_rest_of_this_processes_environment_stays_outside(start: Start, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("PRIVATE", "yes")
    stopped(start(sys.executable, "-c", SHOW, str(tmp_path / "shown")))
    assert "PRIVATE" not in (tmp_path / "shown").read_text()


def test_a_stopped_task_is_killed_once_its_stop_timeout_is_over(cloud: Cloud, start: Start, tmp_path: Path) -> None:
    told = tmp_path / "told"
    task = start(sys.executable, "-c", STUBBORN, str(told), stopTimeout=2)
    until(Path(f"{told}.pipe").exists)
    cloud.client("ecs").stop_task(cluster="tasks", task=task()["taskArn"], reason="enough")
    until(told.exists)
    assert task()["lastStatus"] == "RUNNING"
    ended = stopped(task)
    assert (ended["stoppedReason"], ended["containers"][0]["exitCode"]) == ("enough", 137)


def test_a_container_that_cannot_be_started_is_a_stopped_task_with_the_reason(start: Start) -> None:
    missing = stopped(start("no-such-command"))
    assert missing["stoppedReason"].startswith("CannotStartContainerError: ")
    assert "no-such-command" in missing["stoppedReason"]
    secret = stopped(start("true", secrets=[{"name": "KEY", "valueFrom": "arn:aws:secretsmanager:::secret:none"}]))
    assert "ResourceNotFoundException" in secret["stoppedReason"]


def test_what_a_container_has_started_ends_with_it(start: Start, tmp_path: Path) -> None:
    number = tmp_path / "number"
    stopped(start("sh", "-c", f"sleep 600 & echo $! > {number}"))
    until(lambda: not alive(int(number.read_text())))


def test_tasks_beyond_the_machines_places_are_pending_and_one_that_is_stopped_there_never_starts(
    cloud: Cloud, start: Start, tmp_path: Path
) -> None:
    start(sys.executable, "-c", WAIT, str(tmp_path), count=MAX_PROCESSES + 1)
    until(lambda: len(list(tmp_path.iterdir())) == MAX_PROCESSES)
    tasks = cloud.compute.fargate.running()
    assert len(tasks) == MAX_PROCESSES + 1
    waiting = [task for task in tasks if task.model.last_status == "PENDING"]
    assert len(waiting) == 1
    waiting[0].stop("not needed")
    for pipe in tmp_path.iterdir():
        pipe.open("w").close()
    until(lambda: not cloud.compute.fargate.running())
    assert waiting[0].model.stopped_reason == "not needed"
    assert len(list(tmp_path.iterdir())) == MAX_PROCESSES


def test_an_image_holds_the_worker_and_what_all_workers_share(tmp_path: Path) -> None:
    root = unpack_image(REPOSITORY, "content_analyzer", tmp_path / "image")
    assert sorted(path.name for path in root.iterdir()) == ["jobs", "workers"]
    folders = {path.name for path in (root / "workers").iterdir()}
    assert folders == {"__init__.py", "runtime", "engines", "content_analyzer"}
    assert (root / "workers/content_analyzer/worker.yaml").is_file()
    assert not list(root.rglob("__pycache__"))


def test_an_image_that_two_tasks_unpack_at_once_is_whole_for_both(tmp_path: Path) -> None:
    found: list[int] = []

    def unpack() -> None:
        root = unpack_image(REPOSITORY, "content_analyzer", tmp_path / "image")
        found.append(sum(1 for file in root.rglob("*") if file.is_file()))

    threads = [threading.Thread(target=unpack) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4 and len(set(found)) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["image"]
