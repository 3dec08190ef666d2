"""The canary: the new image runs once, with a sample where there is one, and nothing else runs it before."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import WaiterError
from pipeline_cloud import CLUSTER, STACK, UPLOADS, WORKERS, Client, Cloud, image

from pipeline.canary import Canary
from pipeline.failures import StepFailed
from pipeline.released import Released

NEW = {worker: image(worker, "1") for worker in WORKERS}


class Ecs(Client):
    """moto's ECS, where tasks end at once. codes: exit code by family; None as of a container that never started."""

    def __init__(self, cloud: Cloud, **codes: int | None):
        super().__init__(cloud.ecs)
        self.cloud, self.codes = cloud, codes
        self.started: list[dict[str, Any]] = []
        self.stopped: list[str] = []
        self.hangs = False

    def run_task(self, **request: Any) -> Any:
        self.started.append(request)
        strategy = request.pop("capacityProviderStrategy")  # moto wants a launch type instead
        answer = self.cloud.ecs.run_task(**request, launchType="FARGATE")
        request["capacityProviderStrategy"] = strategy
        return answer

    def describe_tasks(self, **request: Any) -> Any:
        answer = self.cloud.ecs.describe_tasks(**request)
        for task in answer["tasks"]:
            family = task["taskDefinitionArn"].rpartition("/")[2].partition(":")[0]
            worker = family.removeprefix("serverless-batch-dev-").removesuffix("_canary")
            code = self.codes.get(worker, 0)
            task["stoppedReason"] = "Essential container in task exited"
            task["containers"] = [{"name": "worker"} | ({} if code is None else {"exitCode": code})]
        return answer

    def get_waiter(self, name: str) -> Any:
        assert name == "tasks_stopped"
        return self

    def wait(self, **_: Any) -> None:
        if self.hangs:
            raise WaiterError("TasksStopped", "Max attempts exceeded", {})

    def stop_task(self, *, cluster: str, task: str, reason: str) -> None:
        self.stopped.append(task)


@pytest.fixture
def samples(tmp_path: Path) -> Path:
    for file in ("resize/b.jpg", "resize/a.jpg", "report/orders.csv"):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text(file)
    return tmp_path


def canary(cloud: Cloud, ecs: Ecs, samples: Path, images: dict[str, str] = NEW) -> None:
    Canary(
        STACK,
        Released(STACK, cloud.ssm),
        ecs,
        cloud.batch,
        cloud.s3,
        cluster=CLUSTER,
        network=cloud.network,
        sampled=["resize"],
        samples=samples,
        uploads=UPLOADS,
        poll_seconds=0,
    ).run(images)


def test_every_new_image_runs_once_as_its_workers_task_would(cloud: Cloud, samples: Path) -> None:
    ecs = Ecs(cloud)
    canary(cloud, ecs, samples)
    tasks = {request["taskDefinition"].rpartition("/")[2]: request for request in ecs.started}
    assert tasks.keys() == {"serverless-batch-dev-report_canary:1", "serverless-batch-dev-resize_canary:1"}
    for worker in WORKERS:
        ran = cloud.newest(STACK.canary_family(worker))
        normal = cloud.newest(STACK.family(worker))
        assert ran["containerDefinitions"] == [normal["containerDefinitions"][0] | {"image": NEW[worker]}]
        assert (ran["taskRoleArn"], ran["executionRoleArn"]) == (normal["taskRoleArn"], normal["executionRoleArn"])
    for request in ecs.started:
        assert request["capacityProviderStrategy"] == [{"capacityProvider": "FARGATE", "weight": 1, "base": 0}]
        [override] = request["overrides"]["containerOverrides"]
        assert (override["name"], override["command"]) == ("worker", ["python", "-m", "workers.runtime.canary"])


def test_nothing_else_runs_the_image_because_of_a_canary(cloud: Cloud, samples: Path) -> None:
    """The launcher names the family alone, and ECS takes its newest revision."""
    canary(cloud, Ecs(cloud), samples)
    for worker in WORKERS:
        assert (cloud.runs(worker), cloud.released(worker)) == (image(worker, "0"),) * 2


def test_a_worker_that_takes_uploads_gets_its_first_sample(cloud: Cloud, samples: Path) -> None:
    ecs = Ecs(cloud)
    canary(cloud, ecs, samples)
    given = [request["overrides"]["containerOverrides"][0].get("environment") for request in ecs.started]
    assert given == [None, [{"name": "CANARY_INPUT", "value": json.dumps({"key": "canary/resize/a.jpg"})}]]
    [uploaded] = cloud.s3.list_objects_v2(Bucket=UPLOADS)["Contents"]
    assert uploaded["Key"] == "canary/resize/a.jpg"
    assert cloud.s3.get_object(Bucket=UPLOADS, Key=uploaded["Key"])["Body"].read() == b"resize/a.jpg"


def test_a_worker_without_samples_runs_without_one(cloud: Cloud, tmp_path: Path) -> None:
    ecs = Ecs(cloud)
    canary(cloud, ecs, tmp_path)
    assert all("environment" not in request["overrides"]["containerOverrides"][0] for request in ecs.started)


def test_what_is_released_already_is_not_tried_again(cloud: Cloud, samples: Path) -> None:
    ecs = Ecs(cloud)
    canary(cloud, ecs, samples, {"report": image("report", "0"), "resize": NEW["resize"]})
    assert len(ecs.started) == 1


@pytest.mark.parametrize(("code", "said"), [(1, "exit code 1"), (137, "exit code 137"), (None, "exit code none")])
def test_a_canary_that_dies_is_told_and_the_others_are_tried(
    cloud: Cloud, samples: Path, code: int | None, said: str
) -> None:
    ecs = Ecs(cloud, report=code)
    with pytest.raises(StepFailed, match=rf"^report: the task arn:\S+ ended with {said}: Essential container"):
        canary(cloud, ecs, samples)
    assert len(ecs.started) == 2


def test_a_canary_that_does_not_end_is_stopped(cloud: Cloud, samples: Path) -> None:
    ecs = Ecs(cloud)
    ecs.hangs = True
    with pytest.raises(StepFailed, match="did not end"):
        canary(cloud, ecs, samples)
    assert len(ecs.stopped) == 2


def test_a_task_that_cannot_be_started_is_a_failure(cloud: Cloud, samples: Path) -> None:
    ecs = Ecs(cloud)
    ecs.run_task = lambda **_: {"tasks": [], "failures": [{"reason": "Capacity is unavailable"}]}
    with pytest.raises(StepFailed, match="no task was started: Capacity is unavailable"):
        canary(cloud, ecs, samples)
