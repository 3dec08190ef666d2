"""Builds images with Docker's BuildKit, and pushes them."""

from __future__ import annotations

import subprocess
from pathlib import Path

from pipeline.content import dockerfile, platform
from pipeline.failures import StepFailed


class Docker:
    """registry: host name. cache: repository of the layers, by its whole name; its tags change."""

    def __init__(self, registry: str, cache: str):
        self._registry, self._cache = registry, cache

    def prepare(self, password: str) -> None:
        """Log in, and make a builder: Docker's own cannot leave its layers in a registry. StepFailed"""
        login = ["docker", "login", "--username", "AWS", "--password-stdin", self._registry]
        _run(login, stdin=password)
        _run(["docker", "buildx", "create", "--use", "--driver", "docker-container"])

    def push(self, project_dir: Path, worker: str, architecture: str, image: str) -> None:
        """Build a worker's image, and push it. image: repository and tag. StepFailed"""
        layers = f"type=registry,ref={self._registry}/{self._cache}:{worker}-{architecture}"
        command = [
            "docker", "buildx", "build",
            "--file", dockerfile(project_dir, worker),
            "--build-arg", f"WORKER={worker}",
            "--platform", platform(architecture),
            "--provenance=false",  # an attestation would be an image of its own in the repository
            "--cache-from", layers,
            # The form that ECR takes. A cache that cannot be written makes the next build slower, and no more.
            "--cache-to", f"{layers},mode=max,image-manifest=true,oci-mediatypes=true,ignore-error=true",
            "--tag", f"{self._registry}/{image}",
            "--push",
            ".",
        ]  # fmt: skip
        _run(command, folder=project_dir)


def _run(command: list[str], *, stdin: str | None = None, folder: Path | None = None) -> None:
    done = subprocess.run(command, input=stdin, text=True, cwd=folder, check=False)
    if done.returncode:
        raise StepFailed(f"`{' '.join(command[:3])}` ended with {done.returncode}; its output is above")
