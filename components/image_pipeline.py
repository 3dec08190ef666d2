"""The image pipeline: a branch → images of the workers that changed → a canary → what the stack's tasks run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
import pulumi_awsx as awsx

from components.alerts import Alerts
from components.build_project import BuildProject, BuildProjectArgs
from components.cluster import Cluster
from components.image import registry, released_path
from components.network import Network
from components.permissions import (
    Role,
    Statement,
    define_jobs,
    define_tasks,
    find_images,
    hand_over_roles,
    keep_artifacts,
    log_in_to_registry,
    push_images,
    read_parameters,
    read_repository,
    run_builds,
    run_tasks,
    scale_services,
    see_job_definitions,
    stop_tasks,
    use_connection,
    write_objects,
    write_parameters,
)
from components.pipeline_events import PipelineEvents
from components.pipeline_settings import ImageSource, Pipeline
from components.pipeline_stages import stages, triggers
from components.remote import Repository
from components.site import Site
from components.storage import Bucket

ARTIFACT_DAYS = 30
BUILD_MINUTES = 60
ROLLOUT_MINUTES = 480  # of canary and release, which wait for tasks; the most that CodeBuild allows


@dataclass(frozen=True, kw_only=True)
class ShippedWorker:
    """
    A worker whose image the pipeline builds.

    architecture: "x86_64" or "arm64".
    service: whether its tasks belong to an ECS service; other tasks take their family's newest revision by themselves.
    sampled: whether an upload below canary/<name>/ is an input that it takes, and may read.
    """

    name: str
    architecture: str
    service: bool
    sampled: bool


class ImagePipeline(pulumi.ComponentResource):
    """CodePipeline and CodeBuild, the layers' cache, and who hears of a failure."""

    def __init__(
        self,
        name: str,
        site: Site,
        settings: Pipeline,
        workers: Sequence[ShippedWorker],
        *,
        job_definitions: Mapping[str, Sequence[str]],
        network: Network,
        cluster: Cluster,
        uploads: Bucket,
        alerts: Alerts,
        after: Sequence[pulumi.Resource],
        protect: bool,
        log_retention_days: int,
        opts: pulumi.ResourceOptions | None = None,
    ):
        """
        settings: with a source. workers: at least one.
        job_definitions: of each worker of Batch jobs, the names of its definitions, its own first.
        after: what runs the workers. A new pipeline starts at once, and would miss what is not there yet.
        protect: artifacts and layers are not deleted with the stack.
        """
        assert settings.source and workers
        self.pipeline_name = site.name(name)
        self.arn = site.arn("codepipeline", self.pipeline_name)
        super().__init__(
            "serverless-batch:image_pipeline:ImagePipeline",
            name,
            {
                "pipelineName": self.pipeline_name,
                "shipped": [worker.name for worker in workers],
                "canary": settings.canary,
            },
            opts,
        )
        self._site, self._settings, self._workers = site, settings, workers
        self._job_definitions = {
            worker.name: job_definitions[worker.name] for worker in workers if worker.name in job_definitions
        }
        self._network, self._cluster, self._uploads, self._alerts = network, cluster, uploads, alerts
        self._after = list(after)
        self._days, self._child = log_retention_days, pulumi.ResourceOptions(parent=self)
        self._artifacts = Bucket("artifacts", site, expire_days=ARTIFACT_DAYS, protect=protect, opts=self._child)
        builds = self._builds(self._layers(protect))
        rollout = {"Canary": self._canary()} if settings.canary else {}
        rollout["Release"] = self._release()
        pipeline = self._pipeline(settings.source, builds, rollout)
        PipelineEvents(name, site, pipeline, settings.source, alerts=alerts, opts=self._child)
        self.register_outputs({"pipelineName": self.pipeline_name})

    def _layers(self, protect: bool) -> str:
        """Name of the repository where builds leave their layers for the next ones."""
        layers = self._site.name("layers")
        Repository(
            "layers",
            name=layers,
            image_tag_mutability="MUTABLE",  # one tag for each worker and architecture: the newest layers
            image_scanning_configuration={"scan_on_push": False},  # nobody runs them
            lifecycle_policy=awsx.ecr.LifecyclePolicyArgs(
                rules=[
                    awsx.ecr.LifecyclePolicyRuleArgs(
                        description="Forget layers that a newer build has replaced",
                        tag_status=awsx.ecr.LifecycleTagStatus.UNTAGGED,
                        maximum_age_limit=1,
                    )
                ]
            ),
            force_delete=not protect,
            opts=self._child,
        )
        return layers

    def _builds(self, layers: str) -> Mapping[str, BuildProject]:
        """Architecture → the project that builds its workers."""
        site, found = self._site, {}
        for architecture in sorted({worker.architecture for worker in self._workers}):
            workers = [worker for worker in self._workers if worker.architecture == architecture]
            repositories = [self._repository_arn(site.name(worker.name)) for worker in workers]
            found[architecture] = self._project(
                f"build-{architecture}",
                f"Builds the images of the {architecture} workers that changed",
                "pipeline/buildspec.yml",
                {"REGISTRY": registry(site), "CACHE": layers},
                [
                    *log_in_to_registry(),
                    *push_images(*repositories, self._repository_arn(layers)),
                    *find_images(*repositories),
                ],
                workers=workers,
                architecture=architecture,
                compute_type=self._settings.compute_type,
                timeout=BUILD_MINUTES,
                docker=True,
                artifacts=True,
            )
        return found

    def _canary(self) -> BuildProject:
        site, network, cluster = self._site, self._network, self._cluster.cluster_name
        families = [site.name(worker.name) for worker in self._workers]
        # As pipeline/stack.py names them; a family of its own, since whoever runs a family takes its newest revision.
        canaries = [f"{family}_canary" for family in families]
        sampled = [worker.name for worker in self._workers if worker.sampled]
        return self._project(
            "canary",
            "Runs each new image once",
            "pipeline/rollout.yml",
            {
                "STEP": "canary",
                "CLUSTER": cluster,
                "SUBNETS": pulumi.Output.from_input(network.subnet_ids).apply(",".join),
                "SECURITY_GROUPS": network.security_group_id,
                "ASSIGN_PUBLIC_IP": "ENABLED" if network.assign_public_ip else "DISABLED",
                "UPLOADS_BUCKET": self._uploads.bucket_name,
                **self._about_jobs(),
                **({"SAMPLED": ",".join(sampled)} if sampled else {}),
            },
            [
                *read_parameters(*self._parameters()),
                *define_tasks(site, canaries),
                *(see_job_definitions() if self._job_definitions else []),
                *run_tasks(site, cluster, canaries, self._roles()),
                *stop_tasks(site, cluster),
                *(
                    statement
                    for worker in sampled
                    for statement in write_objects(self._uploads.arn, f"canary/{worker}/")
                ),
            ],
        )

    def _release(self) -> BuildProject:
        site, cluster = self._site, self._cluster.cluster_name
        services = [worker.name for worker in self._workers if worker.service]
        families = [site.name(worker.name) for worker in self._workers if worker.name not in self._job_definitions]
        definitions = [name for names in self._job_definitions.values() for name in names]
        return self._project(
            "release",
            "Makes the stack's tasks run the new images",
            "pipeline/rollout.yml",
            {
                "STEP": "release",
                "CLUSTER": cluster,
                **({"SERVICES": ",".join(services)} if services else {}),
                **self._about_jobs(),
            },
            [
                *read_parameters(*self._parameters()),
                *write_parameters(*self._parameters()),
                *(define_tasks(site, families) if families else []),
                *(define_jobs(site, definitions) if definitions else []),
                *hand_over_roles(site, self._roles()),
                *(scale_services(site, cluster, [site.name(worker) for worker in services]) if services else []),
            ],
        )

    def _project(
        self,
        name: str,
        description: str,
        buildspec: str,
        environment: Mapping[str, pulumi.Input[str]],
        statements: Sequence[Statement],
        *,
        workers: Sequence[ShippedWorker] | None = None,
        architecture: str = "arm64",
        compute_type: str = "small",
        timeout: int = ROLLOUT_MINUTES,
        docker: bool = False,
        artifacts: bool = False,
    ) -> BuildProject:
        """workers: whom the step is about, all if none are given."""
        about = ",".join(f"{worker.name}:{worker.architecture}" for worker in workers or self._workers)
        return BuildProject(
            name,
            self._site,
            BuildProjectArgs(
                description=description,
                buildspec=buildspec,
                architecture=architecture,
                compute_type=compute_type,
                environment={
                    "NAME_PREFIX": f"{self._site.project}-{self._site.stack}",
                    "PARAMETERS": released_path(self._site),
                    "WORKERS": about,
                    **environment,
                },
                statements=statements,
                artifacts_arn=self._artifacts.arn,
                log_retention_days=self._days,
                timeout=timeout,
                docker=docker,
                artifacts=artifacts,
            ),
            self._alerts,
            opts=self._child,
        )

    def _pipeline(
        self, source: ImageSource, builds: Mapping[str, BuildProject], rollout: Mapping[str, BuildProject]
    ) -> aws.codepipeline.Pipeline:
        projects = [*builds.values(), *rollout.values()]
        role = Role(
            "image-pipeline",
            self._site,
            "codepipeline",
            [
                *keep_artifacts(self._artifacts.arn),
                *run_builds(*(project.arn for project in projects)),
                *self._may_read(source),
            ],
            opts=self._child,
        )
        return aws.codepipeline.Pipeline(
            "images",
            name=self.pipeline_name,
            pipeline_type="V2",
            execution_mode="SUPERSEDED",  # what a newer push overtakes is in the newer push
            role_arn=role.arn,
            # Without a key of ours S3 encrypts with the account's own (aws/s3), as CodePipeline asks it to.
            artifact_stores=[{"type": "S3", "location": self._artifacts.id}],
            stages=stages(source, builds, rollout),
            triggers=triggers(source),
            opts=pulumi.ResourceOptions(parent=self, depends_on=self._after),
        )

    def _may_read(self, source: ImageSource) -> list[Statement]:
        if source.connection_arn:
            return use_connection(source.connection_arn)
        return read_repository(self._site.arn("codecommit", source.repository))

    def _repository_arn(self, repository: str) -> str:
        return self._site.arn("ecr", f"repository/{repository}")

    def _parameters(self) -> list[str]:
        """ARNs of the parameters that hold the released images."""
        folder = released_path(self._site)
        return [
            self._site.arn("ssm", f"parameter{folder}/{worker.architecture}/{worker.name}") for worker in self._workers
        ]

    def _roles(self) -> list[str]:
        """Names of the roles that the workers' tasks and jobs have, as `components.task` and `batch_jobs` make them."""
        own = {worker.name: "job" if worker.name in self._job_definitions else "task" for worker in self._workers}
        return [self._site.name(f"{name}-{kind}") for name in own for kind in ("execution", own[name])]

    def _about_jobs(self) -> dict[str, str]:
        """The variable that says which workers have jobs of Batch, if there are any."""
        pairs = [f"{worker}:{name}" for worker, names in self._job_definitions.items() for name in names]
        return {"JOB_DEFINITIONS": ",".join(pairs)} if pairs else {}
