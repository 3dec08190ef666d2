"""The nodes of a cluster of the stack's own: on Spot, for batch alone, and none while no job runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pulumi
import pulumi_aws as aws

from components.eks import KubernetesObject
from components.kubernetes_objects import ARCHITECTURES, NODE_LABEL, NODE_VALUE, labels
from components.kubernetes_settings import NewCluster, vcpus
from components.network import Network
from components.permissions import Role, assumed_by_pods, scale_node_groups
from components.site import Site

SYSTEM_GIB = 30  # of a node's volume, for the system and the images
ROOT_DEVICE = "/dev/xvda"
IMAGES = {"arm64": "AL2023_ARM_64_STANDARD", "x86_64": "AL2023_x86_64_STANDARD"}
SYSTEM_TYPES = {"arm64": "t4g.medium", "x86_64": "t3.medium"}  # for DNS and the autoscaler
REGISTRY = "AmazonEC2ContainerRegistryPullOnly"
CHARTS, CHART, CHART_VERSION = "https://kubernetes.github.io/autoscaler", "cluster-autoscaler", "9.59.0"
AUTOSCALER = "cluster-autoscaler"
# What a node of an empty group would have: the autoscaler knows of no disk, and every pod asks for some of it.
# Source: auto-discovery setup, README of the cluster autoscaler's AWS provider.
EPHEMERAL = "k8s.io/cluster-autoscaler/node-template/resources/ephemeral-storage"
IDLE = "5m"  # that a node has had no pod, before it goes


class ManagedNodes(pulumi.ComponentResource):
    """Two managed node groups and the cluster autoscaler: from none to as many nodes as jobs ask for.

    The autoscaler, and the cluster's DNS, cannot run where there are no nodes, so a small one on demand stays.
    """

    def __init__(
        self,
        name: str,
        site: Site,
        new: NewCluster,
        control: aws.eks.Cluster,
        *,
        network: Network,
        scratch: int,
        after: Sequence[pulumi.Resource],
        opts: pulumi.ResourceOptions,
    ):
        """scratch: GiB for files of jobs. after: without what no node becomes ready.

        groups: nodes for what the cluster itself needs, and those for jobs.
        """
        super().__init__("serverless-batch:eks_nodes:ManagedNodes", name, {"types": list(new.instance_types)}, opts)
        self._site, self._control, self._network, self._after = site, control, network, after
        self._version = new.version
        self._child = pulumi.ResourceOptions(parent=self)
        policies = ["AmazonEKSWorkerNodePolicy", REGISTRY]
        self._role = Role("eks-node", site, "ec2", [], managed=policies, opts=self._child)
        system = self._group(
            "system",
            new.architecture,
            [SYSTEM_TYPES[new.architecture]],
            capacity_type="ON_DEMAND",
            scaling_config={"min_size": 1, "desired_size": 1, "max_size": 2},
            labels={NODE_LABEL: "system"},
            volume=SYSTEM_GIB,
        )
        batch = self._group(
            name,
            new.architecture,
            new.instance_types,
            capacity_type="SPOT",
            scaling_config={"min_size": 0, "desired_size": 0, "max_size": new.max_nodes},
            labels={NODE_LABEL: NODE_VALUE},
            taints=[{"key": NODE_LABEL, "value": NODE_VALUE, "effect": "NO_SCHEDULE"}],
            volume=SYSTEM_GIB + scratch,
            tags={EPHEMERAL: f"{_allocatable(SYSTEM_GIB + scratch)}Gi"},
        )
        self.groups = [system, batch]
        self.register_outputs({})

    def _group(
        self, name: str, architecture: str, types: Sequence[str], *, volume: int, **more: Any
    ) -> aws.eks.NodeGroup:
        """volume: GiB."""
        prefix = f"{self._site.name(name)}-"
        template = aws.ec2.LaunchTemplate(
            f"eks-{name}",
            name_prefix=prefix,
            update_default_version=True,
            # A pod does not reach the node's role.
            metadata_options={"http_endpoint": "enabled", "http_tokens": "required", "http_put_response_hop_limit": 1},
            block_device_mappings=[
                {
                    "device_name": ROOT_DEVICE,
                    "ebs": {
                        "volume_size": volume,
                        "volume_type": "gp3",
                        "encrypted": "true",
                        "delete_on_termination": "true",
                    },
                }
            ],
            opts=self._child,
        )
        return aws.eks.NodeGroup(
            name,
            cluster_name=self._control.name,
            version=self._version,  # else nodes stay behind when the cluster's is raised
            node_group_name_prefix=f"{name}-",  # a new one stands beside the old one that it replaces
            node_role_arn=self._role.arn,
            subnet_ids=self._network.subnet_ids,
            ami_type=IMAGES[architecture],
            instance_types=list(types),
            launch_template={"id": template.id, "version": template.latest_version.apply(str)},
            node_repair_config={"enabled": True},
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[self._role, *self._after],
                ignore_changes=["scalingConfig.desiredSize"],  # the autoscaler's
            ),
            **more,
        )

    def autoscale(self, after: Sequence[pulumi.Resource]) -> None:
        """after: the cluster's DNS, without which the autoscaler finds no AWS."""
        from pulumi_kubernetes.helm.v3 import Release, RepositoryOptsArgs  # a large package

        site, cluster = self._site, self._site.name("eks")
        trust = assumed_by_pods(site, cluster, "kube-system", AUTOSCALER)
        role = Role("eks-autoscaler", site, trust, scale_node_groups(site, cluster), opts=self._child)
        bound = aws.eks.PodIdentityAssociation(
            AUTOSCALER,
            cluster_name=self._control.name,
            namespace="kube-system",
            service_account=AUTOSCALER,
            role_arn=role.arn,
            opts=self._child,
        )
        Release(
            AUTOSCALER,
            name=AUTOSCALER,
            chart=CHART,
            version=CHART_VERSION,
            repository_opts=RepositoryOptsArgs(repo=CHARTS),
            namespace="kube-system",
            values={
                "autoDiscovery": {"clusterName": cluster},
                "awsRegion": site.region,
                "extraArgs": {"scale-down-unneeded-time": IDLE},
                "nodeSelector": {NODE_LABEL: "system"},
                "rbac": {"serviceAccount": {"name": AUTOSCALER}},
                "resources": {"requests": {"cpu": "100m", "memory": "600Mi"}, "limits": {"memory": "600Mi"}},
            },
            opts=pulumi.ResourceOptions(parent=self, depends_on=[bound, *after]),
        )


class AutoNodes(pulumi.ComponentResource):
    """Nodes of EKS Auto Mode: AWS chooses, starts, patches and removes them."""

    def __init__(
        self,
        name: str,
        new: NewCluster,
        control: aws.eks.Cluster,
        role: Role,
        *,
        network: Network,
        scratch: int,
        opts: pulumi.ResourceOptions,
    ):
        """role: of the nodes. scratch: GiB for files of jobs."""
        super().__init__("serverless-batch:eks_nodes:AutoNodes", name, {"types": list(new.instance_types)}, opts)
        group = control.vpc_config.apply(lambda known: known.cluster_security_group_id)
        subnets = pulumi.Output.from_input(network.subnet_ids).apply(lambda ids: [{"id": one} for one in ids])
        settings = KubernetesObject(
            "amazon-vpc-cni",
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": "amazon-vpc-cni", "namespace": "kube-system", "labels": labels()},
                "data": {"enable-network-policy-controller": "true"},  # else a network policy is only a text
            },
            pulumi.ResourceOptions(parent=self),
        )
        nodes = KubernetesObject(
            f"{name}-class",
            {
                "apiVersion": "eks.amazonaws.com/v1",
                "kind": "NodeClass",
                "metadata": {"name": name, "labels": labels()},
                "spec": {
                    "role": role.role_name,
                    "subnetSelectorTerms": subnets,
                    "securityGroupSelectorTerms": [{"id": group}],
                    "ephemeralStorage": {"size": f"{SYSTEM_GIB + scratch}Gi"},
                    "networkPolicy": "DefaultAllow",
                },
            },
            pulumi.ResourceOptions(parent=self, depends_on=[settings]),
        )
        KubernetesObject(
            name,
            {
                "apiVersion": "karpenter.sh/v1",
                "kind": "NodePool",
                "metadata": {"name": name, "labels": labels()},
                "spec": {
                    "template": {
                        "metadata": {"labels": {NODE_LABEL: NODE_VALUE}},
                        "spec": {
                            "nodeClassRef": {"group": "eks.amazonaws.com", "kind": "NodeClass", "name": name},
                            "requirements": [
                                _requirement("karpenter.sh/capacity-type", ["spot"]),
                                _requirement("kubernetes.io/arch", [ARCHITECTURES[new.architecture]]),
                                _requirement("node.kubernetes.io/instance-type", list(new.instance_types)),
                            ],
                            "taints": [{"key": NODE_LABEL, "value": NODE_VALUE, "effect": "NoSchedule"}],
                        },
                    },
                    # A node at work is left alone.
                    "disruption": {"consolidationPolicy": "WhenEmpty", "consolidateAfter": IDLE},
                    "limits": {"cpu": str(new.max_nodes * max(vcpus(name) for name in new.instance_types))},
                },
            },
            pulumi.ResourceOptions(parent=self, depends_on=[nodes]),
        )
        self.register_outputs({})


def auto_node_role(site: Site, opts: pulumi.ResourceOptions) -> Role:
    """Of nodes in Auto Mode."""
    return Role("eks-node", site, "ec2", [], managed=["AmazonEKSWorkerNodeMinimalPolicy", REGISTRY], opts=opts)


def _allocatable(volume: int) -> int:
    """GiB for pods of a node's volume: the kubelet evicts below 10 % and keeps one. Source: EKS' AL2023 images."""
    return volume * 9 // 10 - 2


def _requirement(key: str, values: list[str]) -> dict[str, Any]:
    return {"key": key, "operator": "In", "values": values}
