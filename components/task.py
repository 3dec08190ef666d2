"""A worker as a Fargate task definition, with its roles and its logs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from components.permissions import Role, Statement, pull_image, read_secret, write_logs
from components.site import Site

CONTAINER = "worker"
COMMAND = ("python", "-m", "workers.runtime")
USER = 10001  # of the image, which is not root
STOP_TIMEOUT_SECONDS = 120  # the most that Fargate grants; Spot warns as long ahead


@dataclass(frozen=True, kw_only=True)
class FargateTaskArgs:
    """
    image: URI by tag or digest; repository_arn: where it is pulled from, None outside this account's ECR.
    cpu: in CPU units, 1024 a vCPU. memory: in MiB. scratch: GiB at /tmp, None for Fargate's 20.
    architecture: "x86_64" or "arm64".
    environment: plain values. secrets: variable name → ARN of the secret it is filled from.
    statements: what the worker's code may do.
    after: resources that must exist before a task can start, such as the pushed image.
    shipped: the image pipeline adds revisions, too.
    """

    image: str
    repository_arn: str | None
    cpu: int
    memory: int
    scratch: int | None
    architecture: str
    environment: Mapping[str, str]
    secrets: Mapping[str, str]
    statements: Sequence[Statement]
    log_retention_days: int
    after: Sequence[pulumi.Resource] = ()
    shipped: bool = False


class FargateTask(pulumi.ComponentResource):
    """A task definition. Its family is a known name; whoever runs the family gets the newest revision."""

    def __init__(self, name: str, site: Site, args: FargateTaskArgs, opts: pulumi.ResourceOptions | None = None):
        family = site.name(name)
        log_group_name = f"/ecs/{family}"
        container = container_definition(args, log_group_name, site.region)
        super().__init__(
            "serverless-batch:task:FargateTask",
            name,
            {"family": family, "cpu": args.cpu, "memory": args.memory, "container": container},
            opts,
        )
        self.family = family  # after super(), which makes outputs of the properties of the same names
        child = pulumi.ResourceOptions(parent=self)
        log_group = aws.cloudwatch.LogGroup(
            name, name=log_group_name, retention_in_days=args.log_retention_days, opts=child
        )
        starts = write_logs(site.arn("logs", f"log-group:{log_group_name}"))
        starts += pull_image(args.repository_arn) if args.repository_arn else []
        starts += [statement for arn in sorted(set(args.secrets.values())) for statement in read_secret(arn)]
        # The agent's role pulls the image and writes the logs; the worker's own role does neither.
        execution = Role(f"{name}-execution", site, "ecs-tasks", starts, opts=child)
        role = Role(f"{name}-task", site, "ecs-tasks", args.statements, opts=child)
        self.roles = [execution.role_name, role.role_name]
        self.definition = aws.ecs.TaskDefinition(
            name,
            family=self.family,
            requires_compatibilities=["FARGATE"],
            network_mode="awsvpc",
            cpu=str(args.cpu),
            memory=str(args.memory),
            ephemeral_storage={"size_in_gib": args.scratch} if args.scratch else None,
            runtime_platform={
                "operating_system_family": "LINUX",
                "cpu_architecture": args.architecture.upper(),
            },
            execution_role_arn=execution.arn,
            task_role_arn=role.arn,
            container_definitions=json.dumps([container], sort_keys=True),
            volumes=[{"name": "scratch"}],
            # A refresh looks at the newest revision, whoever made it, so that a release is no difference.
            track_latest=args.shipped or None,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[log_group, *args.after]),
        )
        self.register_outputs({"family": self.family, "arn": self.definition.arn})


def container_definition(args: FargateTaskArgs, log_group: str, region: str) -> dict[str, Any]:
    """The container in the form that AWS gives it back: sorted, without nulls, defaults written out.

    Anything else would show as a difference at every preview.
    """
    return {
        "name": CONTAINER,
        "image": args.image,
        "command": list(COMMAND),
        "cpu": args.cpu,
        "memory": args.memory,
        "essential": True,
        "user": f"{USER}:{USER}",
        "readonlyRootFilesystem": True,
        "stopTimeout": STOP_TIMEOUT_SECONDS,
        "linuxParameters": {"initProcessEnabled": True},
        "environment": [{"name": key, "value": args.environment[key]} for key in sorted(args.environment)],
        "secrets": [{"name": key, "valueFrom": args.secrets[key]} for key in sorted(args.secrets)],
        "mountPoints": [{"sourceVolume": "scratch", "containerPath": "/tmp", "readOnly": False}],
        "portMappings": [],
        "systemControls": [],
        "volumesFrom": [],
        "logConfiguration": {
            "logDriver": "awslogs",
            "options": {"awslogs-group": log_group, "awslogs-region": region, "awslogs-stream-prefix": CONTAINER},
        },
    }
