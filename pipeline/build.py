"""Builds the images that are not there yet."""

from __future__ import annotations

import base64
from functools import cached_property
from pathlib import Path
from typing import Any

from pipeline.content import content_tag
from pipeline.docker import Docker
from pipeline.failures import StepFailed, each
from pipeline.stack import Stack


class Build:
    """registry: host name. cache: repository of the layers."""

    def __init__(self, stack: Stack, ecr: Any, *, registry: str, cache: str):
        self._stack, self._ecr = stack, ecr
        self._registry, self._cache = registry, cache

    def run(self, project_dir: Path) -> dict[str, str]:
        """Worker → its image by digest, built unless an image of the same content is there already. StepFailed

        Which images are to be released is not asked here: a canary that failed may be tried again with the same image.
        """
        images: dict[str, str] = {}

        def one(worker: str) -> None:
            images[worker] = self._image(project_dir, worker)

        each(self._stack.architectures, one)
        return images

    def _image(self, project_dir: Path, worker: str) -> str:
        repository = self._stack.family(worker)
        architecture = self._stack.architectures[worker]
        tag = content_tag(project_dir, worker, architecture)
        digest = self._digest(repository, tag)
        if digest:
            print(f"{worker}: {tag} is there", flush=True)
        else:
            print(f"{worker}: building {tag}", flush=True)
            self._docker.push(project_dir, worker, architecture, f"{repository}:{tag}")
            digest = self._digest(repository, tag)
            if not digest:
                raise StepFailed(f"{repository}:{tag} was pushed, but is not in the registry")
        return f"{self._registry}/{repository}@{digest}"

    @cached_property
    def _docker(self) -> Docker:
        """Ready to build; asked for only if there is something to build."""
        token = self._ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]
        docker = Docker(self._registry, self._cache)
        docker.prepare(base64.b64decode(token).decode().partition(":")[2])
        return docker

    def _digest(self, repository: str, tag: str) -> str | None:
        try:
            found = self._ecr.describe_images(repositoryName=repository, imageIds=[{"imageTag": tag}])
        except self._ecr.exceptions.ImageNotFoundException:
            return None
        return found["imageDetails"][0]["imageDigest"]
