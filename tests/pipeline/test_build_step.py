"""The build: only what is not in the registry, with the layers' cache, and nothing twice."""

from __future__ import annotations

import base64
import itertools
import json
from dataclasses import replace
from pathlib import Path

import boto3
import pytest
from pipeline_cloud import REGISTRY, STACK, WORKERS, Cloud, Docker

from pipeline.build import Build
from pipeline.content import content_tag
from pipeline.failures import StepFailed
from pipeline.stack import Stack

CACHE = "serverless-batch-dev-layers"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    for file in ("jobs/__init__.py", "workers/Dockerfile", "workers/__init__.py", "workers/requirements.txt"):
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(f"# {file}\n")
    for worker in WORKERS:
        (folder / "workers" / worker).mkdir()
        (folder / "workers" / worker / "handler.py").write_text(f"# {worker}\n")
    return folder


@pytest.fixture
def build(cloud: Cloud, project: Path):
    """The step as CodeBuild runs it; `docker buildx build` pushes in so far as the test lets it."""

    def run(stack: Stack = STACK) -> dict[str, str]:
        return Build(stack, cloud.ecr, registry=REGISTRY, cache=CACHE).run(project)

    return run


def push(cloud: Cloud, project: Path, worker: str, *, architecture: str = "arm64") -> str:
    """Puts an image of the worker's content into the registry; its digest."""
    manifest = {"schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.v2+json"}
    layer = {"digest": f"sha256:{len(worker):064x}", "size": 1, "mediaType": "m"}
    tag = content_tag(project, worker, architecture)
    answer = cloud.ecr.put_image(
        repositoryName=STACK.family(worker),
        imageManifest=json.dumps(manifest | {"config": layer, "layers": [layer]}),
        imageTag=tag,
    )
    return answer["image"]["imageId"]["imageDigest"]


class Pushes:
    """An ECR client with an image more each time after somebody looked for one."""

    def __init__(self, cloud: Cloud, project: Path):
        self._cloud, self._project, self._asked = cloud, project, set()
        self.exceptions = cloud.ecr.exceptions

    def describe_images(self, *, repositoryName: str, imageIds: list[dict[str, str]]):
        worker = next(worker for worker in WORKERS if STACK.family(worker) == repositoryName)
        if worker in self._asked:
            push(self._cloud, self._project, worker)
        self._asked.add(worker)
        return self._cloud.ecr.describe_images(repositoryName=repositoryName, imageIds=imageIds)

    def get_authorization_token(self):
        token = base64.b64encode(b"AWS:secret").decode()
        return {"authorizationData": [{"authorizationToken": token}]}


def test_an_image_of_the_same_content_is_not_built_again(cloud, project, build, docker: Docker) -> None:
    digests = {worker: push(cloud, project, worker) for worker in WORKERS}
    assert build() == {worker: f"{REGISTRY}/{STACK.family(worker)}@{digests[worker]}" for worker in WORKERS}
    assert docker.calls == []


def test_only_the_changed_worker_is_built(cloud, project, docker: Docker) -> None:
    push(cloud, project, "report")
    step = Build(STACK, Pushes(cloud, project), registry=REGISTRY, cache=CACHE)
    made = step.run(project)
    assert made["resize"].startswith(f"{REGISTRY}/serverless-batch-dev-resize@sha256:")
    assert [call[0:2] for call in docker.calls] == [["login", "--username"], ["buildx", "create"], ["buildx", "build"]]
    assert "WORKER=resize" in docker.calls[-1]
    assert docker.stdin == ["secret"]


def test_a_build_uses_and_keeps_its_layers_and_pushes_one_image(cloud, project, docker: Docker) -> None:
    Build(STACK, Pushes(cloud, project), registry=REGISTRY, cache=CACHE).run(project)
    layers = f"type=registry,ref={REGISTRY}/{CACHE}:report-arm64"
    command = docker.calls[2]
    given = dict(itertools.pairwise(command))
    assert given["--cache-from"] == layers
    assert given["--cache-to"] == f"{layers},mode=max,image-manifest=true,oci-mediatypes=true,ignore-error=true"
    assert given["--tag"] == f"{REGISTRY}/serverless-batch-dev-report:{content_tag(project, 'report', 'arm64')}"
    assert (given["--platform"], given["--file"]) == ("linux/arm64", "workers/Dockerfile")
    assert {"--push", "--provenance=false"} < set(command)
    assert command[-1] == "."


def test_a_log_in_is_for_all_builds(cloud, project, docker: Docker) -> None:
    Build(STACK, Pushes(cloud, project), registry=REGISTRY, cache=CACHE).run(project)
    assert [call[:2] for call in docker.calls].count(["buildx", "build"]) == 2
    assert [call[0] for call in docker.calls].count("login") == 1


def test_another_architecture_is_another_image(cloud, project, build, docker: Docker) -> None:
    for worker in WORKERS:
        push(cloud, project, worker)
    with pytest.raises(StepFailed):  # nothing is pushed by this docker
        build(replace(STACK, architectures=dict.fromkeys(WORKERS, "x86_64")))
    assert "linux/amd64" in docker.calls[2]


def test_a_worker_that_cannot_be_built_does_not_keep_others_from_being_built(cloud, project, docker: Docker) -> None:
    docker.fails_on.write_text("WORKER=report")
    step = Build(STACK, Pushes(cloud, project), registry=REGISTRY, cache=CACHE)
    with pytest.raises(StepFailed, match=r"^report: `docker buildx build` ended with 17; its output is above$"):
        step.run(project)
    assert [call[-4:] for call in docker.calls if call[1] == "build"][1][1].startswith(f"{REGISTRY}/")
    assert boto3.client("ecr").list_images(repositoryName=STACK.family("resize"))["imageIds"]


def test_a_push_that_left_nothing_is_a_failure(build, docker: Docker) -> None:
    with pytest.raises(StepFailed, match="was pushed, but is not in the registry"):
        build()
