"""A worker's container image: built and pushed under a tag that follows its content, or one given by digest."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pulumi
import pulumi_awsx as awsx

from components.remote import Repository
from components.site import Site

SHARED = ("jobs", "workers/runtime", "workers/engines")  # what workers/Dockerfile copies for every worker
KEEP_IMAGES = 20


class WorkerImage(pulumi.ComponentResource):
    """A repository and an image in it.

    uri: the image by its content tag, known at preview; the repository's tags are immutable, so it names one image.
    """

    def __init__(
        self,
        name: str,
        site: Site,
        project_dir: Path,
        *,
        architecture: str,
        protect: bool,
        opts: pulumi.ResourceOptions | None = None,
    ):
        """
        name: the worker's name, the folder below `workers/`.
        architecture: "x86_64" or "arm64".
        """
        repository_name = site.name(name)
        tag = content_tag(project_dir, name, architecture)
        host = f"{site.account}.dkr.ecr.{site.region}.{site.domain}"
        uri = f"{host}/{repository_name}:{tag}"
        super().__init__("serverless-batch:image:WorkerImage", name, {"imageUri": uri}, opts)
        self.uri = uri
        self.repository_arn = site.arn("ecr", f"repository/{repository_name}")
        child = pulumi.ResourceOptions(parent=self)
        repository = Repository(
            name,
            name=repository_name,
            image_scanning_configuration={"scan_on_push": True},
            image_tag_mutability="IMMUTABLE",
            lifecycle_policy=awsx.ecr.LifecyclePolicyArgs(
                rules=[
                    awsx.ecr.LifecyclePolicyRuleArgs(
                        description=f"Keep the {KEEP_IMAGES} newest images",
                        tag_status=awsx.ecr.LifecycleTagStatus.ANY,
                        maximum_number_of_images=KEEP_IMAGES,
                    )
                ]
            ),
            force_delete=not protect,
            opts=child,
        )
        self.pushed: pulumi.Resource = awsx.ecr.Image(
            name,
            repository_url=repository.url,
            context=".",
            dockerfile=dockerfile(project_dir, name),
            image_tag=tag,
            platform="linux/arm64" if architecture == "arm64" else "linux/amd64",
            args={"WORKER": name},
            opts=child,
        )
        self.register_outputs({"imageUri": self.uri})


def content_tag(project_dir: Path, worker: str, architecture: str) -> str:
    """Hash of everything that goes into the image: the same content gives the same tag on every machine."""
    digest = hashlib.sha256(architecture.encode())
    for file in image_files(project_dir, worker):
        digest.update(file.as_posix().encode() + b"\0")
        digest.update(hashlib.sha256((project_dir / file).read_bytes()).digest())
    return digest.hexdigest()[:16]


def image_files(project_dir: Path, worker: str) -> list[Path]:
    """The files that a worker's image is made of, relative to the project."""
    found = [Path("workers/requirements.txt"), Path("workers/__init__.py"), Path(dockerfile(project_dir, worker))]
    for folder in (*SHARED, f"workers/{worker}"):
        files = [file.relative_to(project_dir) for file in (project_dir / folder).rglob("*") if file.is_file()]
        found += [file for file in files if not _ignored(file)]
    return sorted(set(found))


def dockerfile(project_dir: Path, worker: str) -> str:
    """The worker's own Dockerfile or, if it has none, the one of all Python workers; relative to the project."""
    own = f"workers/{worker}/Dockerfile"
    return own if (project_dir / own).is_file() else "workers/Dockerfile"


def _ignored(file: Path) -> bool:
    """What .dockerignore keeps out of the image."""
    hidden = any(part.startswith(".") for part in file.parts)
    return hidden or "__pycache__" in file.parts or file.name == "worker.yaml"
