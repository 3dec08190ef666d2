"""A worker as a job definition of AWS Batch, with its roles and its logs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from components.batch_settings import BatchQueue
from components.permissions import Role, pull_image, read_objects, read_secret, write_logs, write_objects
from components.site import Site
from components.storage import Bucket
from components.task import COMMAND, CONTAINER, USER, FargateTaskArgs

INPUTS = "batch/"  # in the uploads bucket, inputs that are too long for an environment variable
# After the worker's own timeout, which says why, AWS Batch ends an attempt that is still there.
GRACE_SECONDS = 60
PLATFORMS = {"fargate": "FARGATE", "ec2": "EC2"}
# The first entry that matches decides; AWS Batch takes five, with a * at the end of a pattern only, and tries again
# what matches none. A reclaimed task may be killed as one without memory is, hence the order. Source: EvaluateOnExit,
# AWS Batch API reference; the texts are those that ECS and AWS Batch give as reasons.
EVALUATE_ON_EXIT: Any = (
    {"on_status_reason": "Host EC2*", "action": "retry"},  # a Spot instance was reclaimed
    {"on_status_reason": "Your Spot Task was interrupted*", "action": "retry"},  # on Fargate
    {"on_reason": "CannotPullContainerError*", "action": "retry"},
    {"on_exit_code": "137", "action": "exit"},  # no memory: the next tier has more
    {"on_exit_code": "64", "action": "exit"},  # refused input or timeout: it would be the same again
)


@dataclass(frozen=True, kw_only=True)
class BatchTier:
    """up_to: bytes of input, None for any. memory: MiB. queue: as the stack calls it."""

    up_to: int | None
    vcpu: float
    memory: int
    queue: str


@dataclass(frozen=True, kw_only=True)
class BatchWorker:
    """
    A worker whose jobs run in AWS Batch.

    queue, array, share: of a submission that says nothing else. tiers: ascending, at least one.
    timeout: seconds for one attempt. attempts: how often a job is tried.
    task: the container and the size of a job for which nobody picked a tier.
    """

    name: str
    queue: str
    tiers: Sequence[BatchTier]
    array: int
    share: str
    timeout: int
    attempts: int
    task: FargateTaskArgs


class BatchJobs(pulumi.ComponentResource):
    """What AWS Batch knows of one worker.

    names: of its definitions, the one for its own queue first. definitions: queue → name of the definition for it.
    A definition is for Fargate or for EC2; a worker whose tiers need both has one for each, alike in all else.
    """

    def __init__(
        self,
        worker: BatchWorker,
        site: Site,
        queues: Mapping[str, BatchQueue],
        *,
        assign_public_ip: bool,
        uploads: Bucket,
        results: Bucket,
        opts: pulumi.ResourceOptions | None = None,
    ):
        """queues: the stack's. assign_public_ip: whether a job on Fargate needs an address of its own to get out."""
        self.log_group_name = f"/{site.project}/{site.stack}/batch/{worker.name}"
        self._worker, self._site = worker, site
        own = queues[worker.queue].compute
        kinds = [own, *sorted({queues[tier.queue].compute for tier in worker.tiers} - {own})]
        # An underscore is in no other name, so that no worker's definition can be called like another's second one.
        names = {kind: site.name(worker.name) + (f"_{kind}" if kind != own else "") for kind in kinds}
        self.definitions = {
            queue: names[settings.compute] for queue, settings in queues.items() if settings.compute in names
        }
        roles = {"job": f"{worker.name}-job", "execution": f"{worker.name}-execution"}
        container = self._container(
            {kind: site.role_arn(site.name(role)) for kind, role in roles.items()}, uploads, results
        )
        containers = {kind: _on(kind, container, worker.task, assign_public_ip) for kind in kinds}
        super().__init__(
            "serverless-batch:batch_jobs:BatchJobs",
            worker.name,
            {
                "names": names,
                "containers": containers,
                "attempts": worker.attempts,
                "timeoutSeconds": worker.timeout,
            },
            opts,
        )
        self.names = list(names.values())  # after super(), which makes an output of the property of the same name
        child = pulumi.ResourceOptions(parent=self)
        log_group = aws.cloudwatch.LogGroup(
            worker.name,
            name=self.log_group_name,
            retention_in_days=worker.task.log_retention_days,
            opts=child,
        )
        task = worker.task
        starts = write_logs(site.arn("logs", f"log-group:{self.log_group_name}"))
        starts += pull_image(task.repository_arn) if task.repository_arn else []
        starts += [statement for arn in sorted(set(task.secrets.values())) for statement in read_secret(arn)]
        execution = Role(roles["execution"], site, "ecs-tasks", starts, opts=child)
        job = Role(
            roles["job"],
            site,
            "ecs-tasks",
            [
                *read_objects(uploads.arn, INPUTS),
                *read_objects(results.arn, f"{worker.name}/"),  # a merge reads what the indexes of an array wrote
                *write_objects(results.arn, f"{worker.name}/"),
                *task.statements,
            ],
            opts=child,
        )
        for kind in kinds:
            aws.batch.JobDefinition(
                worker.name if kind == own else f"{worker.name}-{kind}",
                name=names[kind],
                type="container",
                platform_capabilities=[PLATFORMS[kind]],
                container_properties=json.dumps(containers[kind], sort_keys=True),
                retry_strategy={"attempts": worker.attempts, "evaluate_on_exits": list(EVALUATE_ON_EXIT)},
                timeout={"attempt_duration_seconds": worker.timeout + GRACE_SECONDS},
                propagate_tags=True,
                # The image pipeline makes revisions that the engine knows nothing of. The image that a stack names in
                # the place of what was shipped may be that of the engine's last revision, which is not the newest any
                # more: then it is this change that makes a newer one.
                deregister_on_new_revision=not task.shipped,
                tags={"worker": worker.name},
                opts=pulumi.ResourceOptions(parent=self, depends_on=[log_group, execution, job, *task.after]),
            )
        self.register_outputs({"definitions": self.definitions})

    def _container(self, roles: Mapping[str, str], uploads: Bucket, results: Bucket) -> dict[str, Any]:
        """What is the same on Fargate and on EC2, in the form that AWS gives it back: sorted, without nulls."""
        worker, task = self._worker, self._worker.task
        tiers = [
            {"up_to": tier.up_to, "vcpu": tier.vcpu, "memory": tier.memory, "queue": tier.queue}
            for tier in worker.tiers
        ]
        environment = {
            **task.environment,
            "BATCH": "1",
            "WORKER": worker.name,
            "UPLOADS_BUCKET": uploads.bucket_name,
            "RESULTS_BUCKET": results.bucket_name,
            "TIMEOUT_SECONDS": str(worker.timeout),
            "MAX_ATTEMPTS": str(worker.attempts),
            # For whoever submits: a definition can be asked for, a stack's configuration cannot.
            "TIERS": json.dumps(tiers, sort_keys=True),
            "DEFINITIONS": json.dumps(self.definitions, sort_keys=True),
            "ARRAY": str(worker.array),
            "SHARE": worker.share,
        }
        return {
            "image": task.image,
            "command": list(COMMAND),
            "jobRoleArn": roles["job"],
            "executionRoleArn": roles["execution"],
            "environment": [{"name": key, "value": environment[key]} for key in sorted(environment)],
            "secrets": [{"name": key, "valueFrom": task.secrets[key]} for key in sorted(task.secrets)],
            "readonlyRootFilesystem": True,
            "user": f"{USER}:{USER}",
            "linuxParameters": {"initProcessEnabled": True},
            "mountPoints": [{"sourceVolume": "scratch", "containerPath": "/tmp"}],
            "volumes": [{"name": "scratch"}],
            "logConfiguration": {
                "logDriver": "awslogs",
                "options": {
                    "awslogs-group": self.log_group_name,
                    "awslogs-region": self._site.region,
                    "awslogs-stream-prefix": CONTAINER,
                },
            },
        }


def _on(kind: str, container: Mapping[str, Any], task: FargateTaskArgs, assign_public_ip: bool) -> dict[str, Any]:
    """The container as one kind of compute takes it."""
    vcpu, memory = task.cpu / 1024, task.memory
    if kind == "ec2":
        return {**container, "resourceRequirements": _size(max(1, round(vcpu)), memory)}  # EC2 knows no part of one
    scratch = {"ephemeralStorage": {"sizeInGiB": task.scratch}} if task.scratch else {}
    return {
        **container,
        **scratch,
        "resourceRequirements": _size(vcpu, memory),
        "fargatePlatformConfiguration": {"platformVersion": "LATEST"},
        "networkConfiguration": {"assignPublicIp": "ENABLED" if assign_public_ip else "DISABLED"},
        "runtimePlatform": {"operatingSystemFamily": "LINUX", "cpuArchitecture": task.architecture.upper()},
    }


def _size(vcpu: float, memory: int) -> list[dict[str, str]]:
    return [{"type": "MEMORY", "value": str(memory)}, {"type": "VCPU", "value": f"{vcpu:g}"}]
