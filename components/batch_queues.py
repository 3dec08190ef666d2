"""Queues of AWS Batch, and the compute environments that their jobs run in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

import pulumi
import pulumi_aws as aws

from components.batch_settings import DEFAULT_MAX_VCPUS, Batch, BatchQueue, Shares
from components.network import Network
from components.permissions import Role, join_clusters
from components.site import Site

IMAGE_TYPE = "ECS_AL2023"  # the newest of AWS's own images; the default is the one before
SYSTEM_GIB = 30  # of an instance's volume, for the system and the images
ROOT_DEVICE = "/dev/xvda"  # of that image
# How long jobs that run when an environment changes may go on on the old instances: the most that AWS Batch grants.
UPDATE_MINUTES = 360
SHARED = "fargate"


class Kind(NamedTuple):
    """Of a compute environment. allocation: how AWS chooses instances; None on Fargate, which has none."""

    name: str
    type: str
    allocation: str | None = None


def _kinds(queue: BatchQueue) -> list[Kind]:
    """What a queue's environments are, in the order in which its jobs try them."""
    if queue.compute == "fargate":
        return [Kind("spot", "FARGATE_SPOT"), Kind("on-demand", "FARGATE")]
    on_demand = [Kind("on-demand", "EC2", "BEST_FIT_PROGRESSIVE")] if queue.on_demand else []
    return [Kind("spot", "SPOT", queue.allocation), *on_demand]


class BatchQueues(pulumi.ComponentResource):
    """The queues of a stack with their environments, which cost nothing while no job runs.

    names: queue → its name in AWS Batch.

    No environment has a service role: AWS Batch then uses its service-linked role, with which it can change an
    environment in place, and which outlives the stack. An environment whose role is gone could not be deleted.
    Environments have names of the engine's, so that one which must be replaced stands beside the old one until the
    queue has changed over. To delete an environment or a queue the provider first disables it, and waits.
    """

    def __init__(
        self,
        name: str,
        site: Site,
        batch: Batch,
        queues: Mapping[str, BatchQueue],
        *,
        network: Network,
        scratch: int,
        opts: pulumi.ResourceOptions | None = None,
    ):
        """scratch: GiB for files of jobs on an instance of EC2."""
        self.names = {queue: site.name(queue) for queue in queues}
        types = {queue: [kind.type for kind in _kinds(of)] for queue, of in queues.items()}
        super().__init__("serverless-batch:batch_queues:BatchQueues", name, {"environments": types}, opts)
        self._site, self._network, self._scratch = site, network, scratch
        self._child = pulumi.ResourceOptions(parent=self)
        # What a queue's priority decides, it decides within an environment. So the queues share one pair.
        sharing = any(queue.compute == "fargate" and queue.max_vcpus is None for queue in queues.values())
        shared = self._fargate(SHARED, batch.max_vcpus) if sharing else []
        on_instances = any(queue.compute == "ec2" for queue in queues.values())
        self._profile = self._instance_profile() if on_instances else None
        for queue, settings in queues.items():
            if settings.compute == "ec2":
                environments = self._instances(queue, settings)
            elif settings.max_vcpus:
                environments = self._fargate(f"{queue}-{SHARED}", settings.max_vcpus)
            else:
                environments = shared
            self._queue(queue, settings, environments)
        # Of the environments' names nothing is known at preview, so this is where policies see their order.
        self.register_outputs({"names": self.names, "environments": types})

    def _queue(self, name: str, settings: BatchQueue, environments: Sequence[aws.batch.ComputeEnvironment]) -> None:
        policy = self._fair_share(name, settings.shares) if settings.shares else None
        aws.batch.JobQueue(
            name,
            name=self.names[name],
            priority=settings.priority,
            state="ENABLED",
            compute_environment_orders=[
                {"order": order, "compute_environment": environment.arn}
                for order, environment in enumerate(environments, start=1)
            ],
            scheduling_policy_arn=policy.arn if policy else None,
            opts=pulumi.ResourceOptions(
                parent=self,
                # AWS Batch neither gives a queue its first policy nor takes the last one away.
                replace_on_changes=["schedulingPolicyArn"],
                delete_before_replace=True,  # the name is the queue's own
            ),
        )

    def _fair_share(self, name: str, shares: Shares) -> aws.batch.SchedulingPolicy:
        return aws.batch.SchedulingPolicy(
            name,
            name=self.names[name],
            fair_share_policy={
                "share_decay_seconds": shares.decay_seconds,
                "compute_reservation": shares.reservation,
                "share_distributions": [
                    {"share_identifier": share, "weight_factor": shares.weights[share]}
                    for share in sorted(shares.weights)
                ],
            },
            opts=self._child,
        )

    def _fargate(self, name: str, max_vcpus: int) -> list[aws.batch.ComputeEnvironment]:
        """Spot first. Each environment has the whole limit: what Spot has no room for must find room on demand."""
        return [
            self._environment(f"{name}-{kind.name}", {"type": kind.type, "max_vcpus": max_vcpus})
            for kind in _kinds(BatchQueue())
        ]

    def _instances(self, name: str, settings: BatchQueue) -> list[aws.batch.ComputeEnvironment]:
        assert self._profile is not None
        template = self._launch_template(name)
        return [
            self._environment(
                f"{name}-ec2-{kind.name}",
                {
                    "type": kind.type,
                    "allocation_strategy": kind.allocation,
                    "min_vcpus": 0,
                    "max_vcpus": settings.max_vcpus or DEFAULT_MAX_VCPUS,
                    "instance_types": list(settings.families),
                    "instance_role": self._profile.arn,
                    "ec2_configurations": [{"image_type": IMAGE_TYPE}],
                    "launch_template": {"launch_template_id": template.id, "version": "1"},
                    # The provider's default tags are the environment's; these are its instances'.
                    "tags": {
                        "Name": self.names[name],
                        "project": self._site.project,
                        "stack": self._site.stack,
                        "managed-by": "aws-batch",
                    },
                },
                update_policy={"job_execution_timeout_minutes": UPDATE_MINUTES, "terminate_jobs_on_update": False},
            )
            for kind in _kinds(settings)
        ]

    def _environment(self, name: str, resources: dict[str, Any], **more: Any) -> aws.batch.ComputeEnvironment:
        resources |= {
            "subnets": self._network.subnet_ids,
            "security_group_ids": [self._network.security_group_id],
        }
        return aws.batch.ComputeEnvironment(
            name,
            name_prefix=f"{self._site.name(name)}-",
            type="MANAGED",
            state="ENABLED",
            compute_resources=cast(Any, resources),
            # The way out must be there before a job starts, and until the last instance is gone.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self._network]),
            **more,
        )

    def _launch_template(self, name: str) -> aws.ec2.LaunchTemplate:
        return aws.ec2.LaunchTemplate(
            name,
            name_prefix=f"{self._site.name(name)}-",
            metadata_options={"http_endpoint": "enabled", "http_tokens": "required", "http_put_response_hop_limit": 1},
            block_device_mappings=[
                {
                    "device_name": ROOT_DEVICE,
                    "ebs": {
                        "volume_size": SYSTEM_GIB + self._scratch,
                        "volume_type": "gp3",
                        "encrypted": "true",
                        "delete_on_termination": "true",
                    },
                }
            ],
            # A change makes another template, whose id the environment follows; the number of a new version is AWS's.
            opts=pulumi.ResourceOptions(parent=self, replace_on_changes=["*"]),
        )

    def _instance_profile(self) -> aws.iam.InstanceProfile:
        """For the instances' ECS agent. Images and logs are the business of each job's execution role."""
        site = self._site
        role = Role("batch-instance", site, "ec2", join_clusters(site, f"{site.name('')}"), opts=self._child)
        return aws.iam.InstanceProfile(
            "batch-instance",
            name=role.role_name,
            role=role.role_name,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[role]),
        )
