"""Workers whose jobs run in AWS Batch: released in all their definitions or in none, and tried as a task before."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from pipeline_cloud import BATCH, CLUSTER, DEFINITIONS, LINES, UPLOADS, Client, Cloud, image, job_definition
from test_canary_step import Ecs

from pipeline.canary import Canary
from pipeline.failures import StepFailed
from pipeline.release import Release
from pipeline.released import Released

NEW, OLD = image(LINES, "1"), image(LINES, "0")


class Batch(Client):
    """moto's AWS Batch. registered: what was asked of RegisterJobDefinition."""

    def __init__(self, cloud: Cloud, **replaced: Any):
        super().__init__(cloud.batch, **replaced)
        self.registered: list[dict[str, Any]] = []

    def register_job_definition(self, **request: Any) -> Any:
        self.registered.append(copy.deepcopy(request))
        return self._real.register_job_definition(**request)


def release(cloud: Cloud, batch: Any, new: str = NEW) -> None:
    Release(BATCH, Released(BATCH, cloud.ssm), cloud.ecs, batch, cluster=CLUSTER, services=[]).run({LINES: new})


def refuses(cloud: Cloud, name: str, new: str) -> Callable[..., Any]:
    """RegisterJobDefinition that fails for one revision."""

    def register(**request: Any) -> Any:
        if (request["jobDefinitionName"], request["containerProperties"]["image"]) == (name, new):
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "RegisterJobDefinition")
        return cloud.batch.register_job_definition(**request)

    return register


def test_the_next_job_runs_the_new_image_wherever_it_runs(cloud: Cloud) -> None:
    release(cloud, cloud.batch)
    assert cloud.jobs_run() == [NEW, NEW]
    assert cloud.released(LINES) == NEW
    assert cloud.ecs.list_task_definitions(familyPrefix=BATCH.family(LINES))["taskDefinitionArns"] == []


def test_a_new_revision_differs_by_the_image_alone(cloud: Cloud) -> None:
    """Whatever AWS Batch tells of the one before is asked for again; moto by itself would fill in what is missing."""
    before = [cloud.job(name) for name in DEFINITIONS]
    batch = Batch(cloud)
    release(cloud, batch)
    for old, asked, name in zip(before, batch.registered, DEFINITIONS, strict=True):
        described = {"jobDefinitionArn", "revision", "status"}
        assert asked | {"containerProperties": asked["containerProperties"] | {"image": OLD}} == {
            key: value for key, value in old.items() if key not in described
        }
        assert asked.keys() >= job_definition(name, OLD).keys()
        assert asked["containerProperties"]["image"] == NEW


def test_revisions_before_it_stay_so_that_jobs_which_name_one_still_find_it(cloud: Cloud) -> None:
    release(cloud, cloud.batch)
    for name in DEFINITIONS:
        found = cloud.batch.describe_job_definitions(jobDefinitionName=name, status="ACTIVE")["jobDefinitions"]
        assert [one["containerProperties"]["image"] for one in found] == [OLD, NEW]


def test_it_is_the_newest_active_revision_that_is_copied(cloud: Cloud) -> None:
    """Which may be on any page, and which Pulumi may have registered since the last release."""
    name = DEFINITIONS[0]
    for seconds in (700, 800, 900):
        changed = job_definition(name, OLD) | {"timeout": {"attemptDurationSeconds": seconds}}
        cloud.batch.register_job_definition(**changed)
    cloud.batch.deregister_job_definition(jobDefinition=f"{name}:4")

    class Pages:
        def paginate(self, **request: Any) -> Iterator[dict[str, Any]]:
            first, *others = cloud.batch.describe_job_definitions(**request)["jobDefinitions"]
            for one in (*others, first):  # the newest neither first nor last
                yield {"jobDefinitions": [one]}

    release(cloud, Client(cloud.batch, get_paginator={"describe_job_definitions": Pages()}.__getitem__))
    assert cloud.job(name)["timeout"] == {"attemptDurationSeconds": 800}


def test_a_release_that_is_repeated_changes_nothing(cloud: Cloud) -> None:
    release(cloud, cloud.batch)
    batch = Batch(cloud)
    release(cloud, batch)
    assert batch.registered == []


def test_a_release_that_was_cut_off_is_completed(cloud: Cloud) -> None:
    cloud.ssm.put_parameter(Name=BATCH.parameter(LINES), Value=NEW, Overwrite=True)
    cloud.batch.register_job_definition(**job_definition(DEFINITIONS[0], NEW))
    batch = Batch(cloud)
    release(cloud, batch)
    assert cloud.jobs_run() == [NEW, NEW]
    assert [one["jobDefinitionName"] for one in batch.registered] == [DEFINITIONS[1]]


def test_if_one_definition_cannot_be_changed_none_is(cloud: Cloud) -> None:
    batch = Client(cloud.batch, register_job_definition=refuses(cloud, DEFINITIONS[1], NEW))
    with pytest.raises(StepFailed, match=f"^{LINES}: .*AccessDenied"):
        release(cloud, batch)
    assert (cloud.jobs_run(), cloud.released(LINES)) == ([OLD, OLD], OLD)


def test_the_parameter_goes_ahead_of_the_revision(cloud: Cloud) -> None:
    """A `pulumi up` between the two must not go back."""
    seen: list[str] = []

    def register(**request: Any) -> Any:
        seen.append(cloud.released(LINES))
        return cloud.batch.register_job_definition(**request)

    release(cloud, Client(cloud.batch, register_job_definition=register))
    assert seen == [NEW, NEW]


def test_a_definition_that_is_missing_is_named(cloud: Cloud) -> None:
    cloud.batch.deregister_job_definition(jobDefinition=f"{DEFINITIONS[0]}:1")
    with pytest.raises(StepFailed, match=f"^{LINES}: there is no job definition {DEFINITIONS[0]}$"):
        release(cloud, cloud.batch)


# --- the canary ------------------------------------------------------------------------------------------------------


def canary(cloud: Cloud, ecs: Ecs, samples: Path, names: tuple[str, ...] = DEFINITIONS) -> None:
    stack = replace(BATCH, job_definitions={LINES: names})
    Canary(
        stack,
        Released(stack, cloud.ssm),
        ecs,
        cloud.batch,
        cloud.s3,
        cluster=CLUSTER,
        network=cloud.network,
        sampled=[LINES],
        samples=samples,
        uploads=UPLOADS,
        poll_seconds=0,
    ).run({LINES: NEW})


def test_the_canary_is_a_task_like_a_job_and_changes_no_definition(cloud: Cloud, tmp_path: Path) -> None:
    (tmp_path / LINES).mkdir()
    (tmp_path / LINES / "a.csv").write_text("a\n1\n")
    ecs = Ecs(cloud)
    canary(cloud, ecs, tmp_path)
    [started] = ecs.started
    assert started["taskDefinition"].rpartition("/")[2] == "serverless-batch-dev-lines_canary:1"
    assert started["overrides"]["containerOverrides"] == [
        {
            "name": "worker",
            "command": ["python", "-m", "workers.runtime.canary"],
            "environment": [{"name": "CANARY_INPUT", "value": '{"key": "canary/lines/a.csv"}'}],
        }
    ]
    task = cloud.newest(BATCH.canary_family(LINES))
    job = job_definition(DEFINITIONS[0], NEW)["containerProperties"]
    [container] = task["containerDefinitions"]
    assert container["image"] == NEW
    for key in (
        "command",
        "environment",
        "secrets",
        "linuxParameters",
        "logConfiguration",
        "readonlyRootFilesystem",
        "user",
    ):
        assert container[key] == job[key]
    assert container["mountPoints"] == job["mountPoints"]
    assert task["volumes"] == [{"name": "scratch"}]  # a folder of a host is nothing that Fargate has
    assert (task["taskRoleArn"], task["executionRoleArn"]) == (job["jobRoleArn"], job["executionRoleArn"])
    assert (task["cpu"], task["memory"], task["networkMode"]) == ("512", "1024", "awsvpc")
    assert task["runtimePlatform"] == job["runtimePlatform"]
    assert task["ephemeralStorage"] == {"sizeInGiB": 50}
    tags = cloud.ecs.describe_task_definition(taskDefinition=task["taskDefinitionArn"], include=["TAGS"])["tags"]
    assert {tag["key"]: tag["value"] for tag in tags} == {"worker": LINES, "cost-center": "batch"}
    assert (cloud.jobs_run(), cloud.released(LINES)) == ([OLD, OLD], OLD)


def test_of_a_worker_on_instances_it_has_the_size_of_the_manifest_which_fargate_offers(
    cloud: Cloud, tmp_path: Path
) -> None:
    canary(cloud, Ecs(cloud), tmp_path, DEFINITIONS[1:])
    task = cloud.newest(BATCH.canary_family(LINES))
    assert (task["requiresCompatibilities"], task["cpu"], task["memory"]) == (["FARGATE"], "512", "1024")
    assert task["runtimePlatform"] == {"operatingSystemFamily": "LINUX", "cpuArchitecture": "ARM64"}
    assert "ephemeralStorage" not in task


def test_a_canary_of_a_job_may_take_as_long_as_the_job(cloud: Cloud, tmp_path: Path) -> None:
    waited: list[dict[str, Any]] = []

    class Waits(Ecs):
        def wait(self, **request: Any) -> None:
            waited.append(request["WaiterConfig"])

    canary(cloud, Waits(cloud), tmp_path)
    assert [config["MaxAttempts"] for config in waited] == [(600 + 900) // 6]


def test_a_canary_of_a_job_that_dies_is_told(cloud: Cloud, tmp_path: Path) -> None:
    with pytest.raises(StepFailed, match=rf"^{LINES}: the task arn:\S+ ended with exit code 1"):
        canary(cloud, Ecs(cloud, lines=1), tmp_path)
