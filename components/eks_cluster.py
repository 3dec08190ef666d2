"""An EKS cluster of the stack's own, with what a cluster for batch jobs needs and nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pulumi_aws as aws

from components.eks import EksCluster, object_provider, trust_in
from components.eks_nodes import AutoNodes, ManagedNodes, auto_node_role
from components.kubernetes_settings import Kubernetes
from components.network import Network
from components.permissions import Role, assumed_by_cluster, assumed_by_pods
from components.site import Site

LOGS = ("api", "audit", "authenticator", "controllerManager", "scheduler")  # all that there are
KEY_DAYS = 30  # until a key that was deleted is gone: the most that KMS grants
ROLE = "AmazonEKSClusterPolicy"
# Source: Auto Mode cluster IAM role, Amazon EKS user guide.
AUTO_ROLE = (
    "AmazonEKSBlockStoragePolicy", "AmazonEKSClusterPolicy", "AmazonEKSComputePolicy", "AmazonEKSLoadBalancingPolicy",
    "AmazonEKSNetworkingPolicy",
)  # fmt: skip
ADMIN = "AmazonEKSClusterAdminPolicy"
SECRETS_DRIVER = "aws-secrets-store-csi-driver-provider"
CSI_VALUES = {
    "tolerations": [{"operator": "Exists"}],  # on the nodes for batch, too, as the driver itself by default
    "secrets-store-csi-driver": {
        "syncSecret": {"enabled": True},  # into a Secret, from which a pod's variables are filled
    },
}


class NewEksCluster(pulumi.ComponentResource):
    """The control plane, who may use it, its add-ons and its nodes.

    cluster: as its workloads see it.

    Whoever makes it may do everything in it, and so may the configured admins; nobody else, whatever IAM says.
    """

    def __init__(
        self,
        name: str,
        site: Site,
        kubernetes: Kubernetes,
        *,
        network: Network,
        scratch: int,
        secrets: bool,
        protect: bool,
        log_retention_days: int,
        opts: pulumi.ResourceOptions | None = None,
    ):
        """scratch: GiB on a node for files of jobs. secrets: whether a worker has any. protect: it refuses to be
        deleted."""
        assert kubernetes.cluster and kubernetes.cluster.new  # the platform asks first
        self._new, self._site, self._network = kubernetes.cluster.new, site, network
        new, self._cluster_name = self._new, site.name(name)
        super().__init__(
            "serverless-batch:eks_cluster:NewEksCluster",
            name,
            {"clusterName": self._cluster_name, "version": new.version, "compute": new.compute},
            opts,
        )
        self._child = pulumi.ResourceOptions(parent=self)
        # The control plane of Auto Mode must know the nodes' role.
        auto = auto_node_role(site, self._child) if new.compute == "auto" else None
        control = self._control_plane(name, auto, protect, log_retention_days)
        provider = object_provider(
            "kubernetes",
            site,
            self._cluster_name,
            control.endpoint,
            control.certificate_authority.apply(lambda known: known.data or ""),
            pulumi.ResourceOptions(parent=self, depends_on=[control, *self._admins(control)]),
        )
        inside = pulumi.ResourceOptions(parent=self, providers={"kubernetes": provider})
        before: list[pulumi.Resource] = []
        addons: list[pulumi.Resource] = []
        if auto:
            nodes = AutoNodes("batch", new, control, auto, network=network, scratch=scratch, opts=inside)
        else:
            before = self._before_nodes(control)
            nodes = ManagedNodes(
                "batch", site, new, control, network=network, scratch=scratch, after=before, opts=inside
            )
            addons.append(self._addon(control, "coredns", after=nodes.groups))
            nodes.autoscale(addons)
        if secrets and kubernetes.secrets == "csi":
            addons.append(self._addon(control, SECRETS_DRIVER, CSI_VALUES, after=[nodes]))
        issuer, provider_arn = self._issuer(control) if kubernetes.identity == "irsa" else (None, None)
        self.cluster = EksCluster(
            name=self._cluster_name,
            version=new.version,
            provider=provider,
            trust=trust_in(site, self._cluster_name, issuer, provider_arn),
            pod_identity=kubernetes.identity == "pod-identity",
            own_nodes=True,
            after=[*before, nodes, *addons],
        )
        self.register_outputs({"clusterName": self._cluster_name})

    def _control_plane(self, name: str, auto: Role | None, protect: bool, log_retention_days: int) -> aws.eks.Cluster:
        """auto: the nodes' role, in Auto Mode."""
        new, site = self._new, self._site
        # EKS would make the group itself, and keep it for ever.
        logs = aws.cloudwatch.LogGroup(
            "eks", name=f"/aws/eks/{self._cluster_name}/cluster", retention_in_days=log_retention_days, opts=self._child
        )
        key = aws.kms.Key(
            "eks",
            description=f"Secrets of the cluster {self._cluster_name}",
            enable_key_rotation=True,
            deletion_window_in_days=KEY_DAYS,
            opts=self._child,
        )
        trust = assumed_by_cluster(site, auto=bool(auto))
        role = Role("eks-cluster", site, trust, [], managed=AUTO_ROLE if auto else [ROLE], opts=self._child)
        features: Mapping[str, Any] = {}
        if auto:
            features = {
                "compute_config": {
                    "enabled": True,
                    "node_pools": ["system"],  # for add-ons; those for jobs are the stack's own
                    "node_role_arn": auto.arn,
                },
                "kubernetes_network_config": {"elastic_load_balancing": {"enabled": True}},
                "storage_config": {"block_storage": {"enabled": True}},
            }
        return aws.eks.Cluster(
            name,
            name=self._cluster_name,
            version=new.version,
            role_arn=role.arn,
            vpc_config={
                "subnet_ids": self._network.subnet_ids,
                "endpoint_private_access": new.endpoint.private,
                "endpoint_public_access": bool(new.endpoint.public),
                "public_access_cidrs": list(new.endpoint.public) or None,
            },
            enabled_cluster_log_types=list(LOGS),
            encryption_config={"resources": ["secrets"], "provider": {"key_arn": key.arn}},
            access_config={"authentication_mode": "API", "bootstrap_cluster_creator_admin_permissions": True},
            # After a version's standard support, upgraded; extended support would cost six times as much.
            upgrade_policy={"support_type": "STANDARD"},
            bootstrap_self_managed_addons=False,
            deletion_protection=protect,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[logs, role, self._network]),
            **features,
        )

    def _admins(self, control: aws.eks.Cluster) -> list[pulumi.Resource]:
        made: list[pulumi.Resource] = []
        for arn in self._new.admins:
            name = re.sub("[:/]", "-", arn.partition(":iam::")[2])  # two may have one last name
            entry = aws.eks.AccessEntry(name, cluster_name=control.name, principal_arn=arn, opts=self._child)
            made.append(
                aws.eks.AccessPolicyAssociation(
                    name,
                    cluster_name=control.name,
                    principal_arn=entry.principal_arn,
                    policy_arn=f"arn:{self._site.partition}:eks::aws:cluster-access-policy/{ADMIN}",
                    access_scope={"type": "cluster"},
                    opts=self._child,
                )
            )
        return made

    def _before_nodes(self, control: aws.eks.Cluster) -> list[pulumi.Resource]:
        """Without them no node becomes ready."""
        trust = assumed_by_pods(self._site, self._cluster_name, "kube-system", "aws-node")
        network = Role("eks-cni", self._site, trust, [], managed=["AmazonEKS_CNI_Policy"], opts=self._child)
        cni = self._addon(
            control,
            "vpc-cni",
            {"enableNetworkPolicy": "true"},  # else a network policy is only a text
            associations=[{"service_account": "aws-node", "role_arn": network.arn}],
        )
        return [cni, self._addon(control, "kube-proxy"), self._addon(control, "eks-pod-identity-agent")]

    def _addon(
        self,
        control: aws.eks.Cluster,
        name: str,
        values: Mapping[str, Any] | None = None,
        *,
        associations: Sequence[Any] = (),
        after: Sequence[pulumi.Resource] = (),
    ) -> aws.eks.Addon:
        """In the version that EKS has as the default for the cluster's."""
        return aws.eks.Addon(
            name,
            addon_name=name,
            cluster_name=control.name,
            configuration_values=json.dumps(values, sort_keys=True) if values else None,
            pod_identity_associations=list(associations) or None,
            resolve_conflicts_on_create="OVERWRITE",
            resolve_conflicts_on_update="OVERWRITE",
            opts=pulumi.ResourceOptions(parent=self, depends_on=list(after)),
        )

    def _issuer(self, control: aws.eks.Cluster) -> tuple[pulumi.Output[str], pulumi.Output[str]]:
        """Of the tokens of its service accounts, and as whom IAM knows it."""
        issuer = control.identities.apply(_issuer)
        known = aws.iam.OpenIdConnectProvider(
            "eks", url=issuer, client_id_lists=["sts.amazonaws.com"], opts=self._child
        )
        return issuer, known.arn


def _issuer(identities: Sequence[Any]) -> str:
    """Of a cluster that is there: exactly one."""
    return identities[0].oidcs[0].issuer
