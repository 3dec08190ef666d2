"""A worker's container image: built and pushed under a tag that follows its content, or one that is there already."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pulumi
import pulumi_aws as aws
import pulumi_awsx as awsx

from components.remote import Repository
from components.site import Site
from pipeline.content import content_tag, dockerfile, platform

KEEP_IMAGES = 20


class WorkerImage(pulumi.ComponentResource):
    """A repository and an image in it.

    uri: the image, known at preview: by its content tag (the repository's tags are immutable, so it names one image)
        or, if it was given, as it was given.
    """

    def __init__(
        self,
        name: str,
        site: Site,
        project_dir: Path,
        *,
        architecture: str,
        protect: bool,
        uri: str | None = None,
        released: bool = False,
        opts: pulumi.ResourceOptions | None = None,
    ):
        """
        name: the worker's name, the folder below `workers/`.
        architecture: "x86_64" or "arm64".
        uri: an image that is in the repository; without it one is built.
        released: the image pipeline has the say from now on which image it is, in an SSM parameter.
        """
        repository_name = site.name(name)
        tag = content_tag(project_dir, name, architecture)
        super().__init__(
            "serverless-batch:image:WorkerImage", name, {"imageUri": uri or f"{repository(site, name)}:{tag}"}, opts
        )
        self.uri = uri or f"{repository(site, name)}:{tag}"
        self.repository_arn = site.arn("ecr", f"repository/{repository_name}")
        self._child = pulumi.ResourceOptions(parent=self)
        images = Repository(
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
            opts=self._child,
        )
        self.after: list[pulumi.Resource] = []  # what must be there before a task starts
        if not uri:
            self.after.append(
                awsx.ecr.Image(
                    name,
                    repository_url=images.url,
                    context=".",
                    dockerfile=dockerfile(project_dir, name),
                    image_tag=tag,
                    platform=platform(architecture),
                    args={"WORKER": name},
                    # The resource goes when the image is released, or another is named; the image must not go with it.
                    opts=pulumi.ResourceOptions(parent=self, retain_on_delete=True),
                )
            )
        if released:
            self._release(name, site, architecture)
        self.register_outputs({"imageUri": self.uri})

    def _release(self, name: str, site: Site, architecture: str) -> None:
        aws.ssm.Parameter(
            # Of another architecture it is another resource: one that replaced it would take over the ignored value.
            f"{name}-{architecture}",
            name=f"{released_path(site)}/{architecture}/{name}",
            description=f"The image that tasks of {name} run; written by the image pipeline",
            type="String",
            insecure_value=self.uri,
            # Only the first value is ours. Later ones are read (`released_images`), and never written back: between
            # reading and writing the pipeline may have released another.
            opts=pulumi.ResourceOptions(parent=self, depends_on=self.after, ignore_changes=["insecureValue"]),
        )


def repository(site: Site, worker: str) -> str:
    """The worker's own repository, with its registry."""
    return f"{registry(site)}/{site.name(worker)}"


def registry(site: Site) -> str:
    return f"{site.account}.dkr.ecr.{site.region}.{site.domain}"


def released_path(site: Site) -> str:
    """Folder of the parameters that hold each worker's image, by its architecture and its name."""
    return f"/{site.project}/{site.stack}/images"


def released_images(site: Site, opts: pulumi.InvokeOptions) -> Mapping[tuple[str, str], str]:
    """(Architecture, worker) → the image that the worker runs at this moment.

    None of a worker that has not been deployed with a pipeline, or not for this architecture.
    """
    found = aws.ssm.get_parameters_by_path(path=released_path(site), recursive=True, opts=opts)
    images = {}
    for name, image in zip(found.names, found.values, strict=True):
        _, architecture, worker = name.rsplit("/", 2)
        images[architecture, worker] = image
    return images
