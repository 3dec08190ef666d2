"""Workers in a Kubernetes cluster: their namespace, and each with its role and its Job or CronJob."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.eks import EksCluster, KubernetesObject
from components.kubernetes_objects import Object, Workload, namespace_objects, worker_objects
from components.kubernetes_schema import refused
from components.kubernetes_settings import Kubernetes
from components.kubernetes_trigger import KubernetesTrigger
from components.permissions import Role, mount_secret, read_objects, write_objects
from components.site import Site
from components.storage import Bucket
from components.task import FargateTaskArgs


@dataclass(frozen=True, kw_only=True)
class KubernetesWorker:
    """timeout: seconds for one try. suspended: nothing begins by itself. task: the container."""

    name: str
    trigger: KubernetesTrigger
    timeout: int
    suspended: bool
    task: FargateTaskArgs


class KubernetesWorkers(pulumi.ComponentResource):
    """The namespace of a stack and the workers in it.

    Raises pulumi.RunError for objects that the cluster's version of Kubernetes would refuse.
    """

    def __init__(
        self,
        name: str,
        site: Site,
        settings: Kubernetes,
        workers: Sequence[KubernetesWorker],
        *,
        cluster: EksCluster,
        uploads: Bucket,
        results: Bucket,
        opts: pulumi.ResourceOptions | None = None,
    ):
        namespace = settings.namespace_in(site.stack)
        buckets = {"UPLOADS_BUCKET": uploads.bucket_name, "RESULTS_BUCKET": results.bucket_name}
        roles = {worker.name: f"{worker.name}-pod" for worker in workers}
        workloads = [
            Workload(
                **{field.name: getattr(worker, field.name) for field in dataclasses.fields(worker)},
                namespace=namespace,
                region=site.region,
                environment=buckets,
                role_arn=None if cluster.pod_identity else site.role_arn(site.name(roles[worker.name])),
                own_nodes=cluster.own_nodes,
                secrets=settings.secrets,
                pod_identity=cluster.pod_identity,
                queue=settings.kueue,
            )
            for worker in workers
        ]
        shared = namespace_objects(
            namespace, cluster.version, settings.quota, settings.egress_ports, cluster.pod_identity
        )
        by_worker = [worker_objects(workload) for workload in workloads]
        wrong = refused([*shared, *(one for objects in by_worker for one in objects)], cluster.version)
        if wrong:
            raise pulumi.RunError("\n".join(wrong))
        super().__init__(
            "serverless-batch:kubernetes_workers:KubernetesWorkers",
            name,
            {"cluster": cluster.name, "namespace": namespace},
            opts,
        )
        child = pulumi.ResourceOptions(parent=self)
        place, *rules = shared
        made = self._make(place, [*cluster.after])
        ready = [made, *(self._make(rule, [made]) for rule in rules)]
        for workload, objects in zip(workloads, by_worker, strict=True):
            task = workload.task
            secrets = [statement for arn in sorted(set(task.secrets.values())) for statement in mount_secret(arn)]
            role = Role(
                roles[workload.name],
                site,
                cluster.trust(namespace, workload.object_name),
                [
                    *read_objects(results.arn, f"{workload.name}/"),  # a report reads what the indexes wrote
                    *write_objects(results.arn, f"{workload.name}/"),
                    *secrets,
                    *task.statements,
                ],
                opts=child,
            )
            bound: list[pulumi.Resource] = [role]
            if cluster.pod_identity:
                bound.append(
                    aws.eks.PodIdentityAssociation(
                        workload.name,
                        cluster_name=cluster.name,
                        namespace=namespace,
                        service_account=workload.object_name,
                        role_arn=role.arn,
                        opts=pulumi.ResourceOptions(parent=self, depends_on=[made]),  # the cluster is there
                    )
                )
            before = [*ready, *bound, *task.after]
            for one in objects:
                before.append(self._make(one, before))
        self.register_outputs({"namespace": namespace})

    def _make(self, body: Object, after: Sequence[pulumi.Resource]) -> KubernetesObject:
        name = body["metadata"]["name"]
        # A name is taken until what has it is gone; no object can stand beside the one that it replaces.
        opts = pulumi.ResourceOptions(parent=self, depends_on=list(after), delete_before_replace=True)
        return KubernetesObject(f"{name}-{body['kind'].lower()}", body, opts)
