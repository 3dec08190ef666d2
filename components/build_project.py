"""A CodeBuild project that is a step of a pipeline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.alerts import Alerts
from components.permissions import Role, Statement, take_artifacts, write_logs, write_objects
from components.site import Site

# Architecture → type of the machine, and AWS's image with Docker and Python for it.
MACHINES = {
    "arm64": ("ARM_CONTAINER", "aws/codebuild/amazonlinux-aarch64-standard:3.0"),
    "x86_64": ("LINUX_CONTAINER", "aws/codebuild/amazonlinux-x86_64-standard:5.0"),
}


@dataclass(frozen=True, kw_only=True)
class BuildProjectArgs:
    """
    buildspec: path in the repository.
    architecture: "x86_64" or "arm64". compute_type: "small", "medium" or "large".
    docker: whether it builds images, which takes a privileged container.
    artifacts: whether it leaves some. artifacts_arn: of the pipeline's bucket.
    statements: what its commands may do. timeout: minutes.
    """

    description: str
    buildspec: str
    architecture: str
    compute_type: str
    environment: Mapping[str, pulumi.Input[str]]
    statements: Sequence[Statement]
    artifacts_arn: str
    log_retention_days: int
    timeout: int
    docker: bool = False
    artifacts: bool = False


class BuildProject(pulumi.ComponentResource):
    """A project with its log group, its role, its alarm."""

    def __init__(
        self,
        name: str,
        site: Site,
        args: BuildProjectArgs,
        alerts: Alerts,
        opts: pulumi.ResourceOptions | None = None,
    ):
        self.project_name = site.name(name)
        self.arn = site.arn("codebuild", f"project/{self.project_name}")
        super().__init__(
            "serverless-batch:build_project:BuildProject",
            name,
            {"projectName": self.project_name, "buildspec": args.buildspec, "architecture": args.architecture},
            opts,
        )
        child = pulumi.ResourceOptions(parent=self)
        log_group_name = f"/aws/codebuild/{self.project_name}"
        log_group = aws.cloudwatch.LogGroup(
            name, name=log_group_name, retention_in_days=args.log_retention_days, opts=child
        )
        role = Role(
            f"{name}-project",
            site,
            "codebuild",
            [
                *write_logs(site.arn("logs", f"log-group:{log_group_name}")),
                *take_artifacts(args.artifacts_arn),
                *(write_objects(args.artifacts_arn) if args.artifacts else []),
                *args.statements,
            ],
            opts=child,
        )
        type_, image = MACHINES[args.architecture]
        project = aws.codebuild.Project(
            name,
            name=self.project_name,
            description=args.description,
            service_role=role.arn,
            source={"type": "CODEPIPELINE", "buildspec": args.buildspec},
            artifacts={"type": "CODEPIPELINE"},
            environment={
                "type": type_,
                "image": image,
                "compute_type": f"BUILD_GENERAL1_{args.compute_type.upper()}",
                "privileged_mode": args.docker,
                "environment_variables": [
                    {"name": key, "value": args.environment[key]} for key in sorted(args.environment)
                ],
            },
            logs_config={"cloudwatch_logs": {"group_name": log_group_name}},
            build_timeout=args.timeout,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[log_group]),
        )
        alerts.when_more_than(
            0,
            f"pipeline-{name}-failed",
            namespace="AWS/CodeBuild",
            metric="FailedBuilds",
            dimensions={"ProjectName": self.project_name},
            description=f"The step {self.project_name} of the image pipeline failed; the last line of its log, "
            f"{log_group_name}, says why. What ran before goes on running.",
            parent=self,
        )
        self.name: pulumi.Output[str] = project.name
        self.register_outputs({"projectName": self.project_name})
