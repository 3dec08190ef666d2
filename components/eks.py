"""An EKS cluster as its workloads see it, and one that is there already."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from components.kubernetes_settings import Kubernetes
from components.permissions import Statement, assumed_by_pods, assumed_by_service_account
from components.site import Site

# What the provider says of a thing that is not there, whichever way it finds out.
_ABSENT = ("couldn't find resource", "ResourceNotFoundException", "): not found", "): empty result")


@dataclass(frozen=True, kw_only=True)
class EksCluster:
    """
    version: of Kubernetes, `1.35`. provider: makes objects in it.
    trust: namespace and service account → who assumes a role for its pods.
    pod_identity: that is EKS Pod Identity, which must be told; else the account's annotation says the role.
    own_nodes: it has nodes for batch alone. after: what must be there before the first object.
    """

    name: str
    version: str
    provider: pulumi.ProviderResource
    trust: Callable[[str, str], list[Statement]]
    pod_identity: bool
    own_nodes: bool
    after: Sequence[pulumi.Resource] = ()


class KubernetesObject(pulumi.CustomResource):
    """An object as it is written, whatever its kind.

    The package's class of each kind would type the same map, which is checked against the cluster's schemas anyway,
    and takes two seconds to import.
    """

    def __init__(self, name: str, body: Mapping[str, Any], opts: pulumi.ResourceOptions):
        from pulumi_kubernetes import _utilities

        version = body["apiVersion"] if "/" in body["apiVersion"] else f"core/{body['apiVersion']}"
        super().__init__(
            f"kubernetes:{version}:{body['kind']}",
            name,
            dict(body),
            pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(version=_utilities.get_version())),
        )


def object_provider(
    name: str,
    site: Site,
    cluster: str,
    endpoint: pulumi.Input[str],
    authority: pulumi.Input[str],
    opts: pulumi.ResourceOptions,
) -> pulumi.ProviderResource:
    """Makes objects in a cluster, as whoever runs Pulumi. authority: of the endpoint's certificate, in base64.

    The kubeconfig holds no credentials: `aws eks get-token` makes them each time.
    """
    from pulumi_kubernetes import Provider  # a large package, of which most stacks need nothing

    return Provider(
        name,
        kubeconfig=pulumi.Output.all(endpoint, authority).apply(
            lambda known: _kubeconfig(site, cluster, known[0], known[1])
        ),
        cluster_identifier=site.arn("eks", f"cluster/{cluster}"),  # only another cluster makes all objects anew
        upsert_existing_objects=False,  # a namespace that somebody else made is refused, at preview already
        enable_config_map_mutable=True,  # else there would be a moment without one
        opts=opts,
    )


def _kubeconfig(site: Site, cluster: str, endpoint: str, authority: str) -> str:
    arguments = ["--region", site.region, "eks", "get-token", "--cluster-name", cluster, "--output", "json"]
    known = {"server": endpoint, "certificate-authority-data": authority}
    command = {
        "apiVersion": "client.authentication.k8s.io/v1beta1",
        "command": "aws",
        "args": arguments,
        "interactiveMode": "Never",
    }
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": cluster, "cluster": known}],
        "users": [{"name": "aws", "user": {"exec": command}}],
        "contexts": [{"name": cluster, "context": {"cluster": cluster, "user": "aws"}}],
        "current-context": cluster,
    }
    return json.dumps(config, sort_keys=True)


def trust_in(
    site: Site, cluster: str, issuer: pulumi.Input[str] | None, provider_arn: pulumi.Input[str] | None
) -> Callable[[str, str], list[Statement]]:
    """Who assumes a role for the pods of a service account. issuer, provider_arn: with both, by the account's tokens;
    else by EKS Pod Identity."""
    if issuer is None or provider_arn is None:
        return lambda namespace, account: assumed_by_pods(site, cluster, namespace, account)
    return lambda namespace, account: assumed_by_service_account(issuer, provider_arn, namespace, account)


def existing_cluster(
    name: str, site: Site, kubernetes: Kubernetes, provider: aws.Provider, opts: pulumi.ResourceOptions
) -> EksCluster:
    """A cluster by its name, of which nothing is made or changed. Raises pulumi.RunError in words if it is not there.

    provider: that asks AWS.
    """
    asked = pulumi.InvokeOptions(provider=provider)
    found = _asked(
        lambda: aws.eks.get_cluster(name=name, opts=asked),
        f"There is no EKS cluster '{name}' in {site.region}. Name one of those that `aws eks list-clusters --region "
        f"{site.region}` lists under serverless-batch:kubernetes, cluster.existing, or make one with cluster.new.",
    )
    issuer, provider_arn = None, None
    if kubernetes.identity == "irsa":
        issuer = found.identities[0].oidcs[0].issuer
        provider_arn = _asked(
            lambda: aws.iam.get_open_id_connect_provider(url=issuer, opts=asked),
            f"The EKS cluster '{name}' has no OIDC provider in IAM, which identity: irsa needs. Make one for {issuer}, "
            "or write identity: pod-identity, which needs the add-on eks-pod-identity-agent.",
        ).arn
    return EksCluster(
        name=name,
        version=found.version,
        provider=object_provider(name, site, name, found.endpoint, found.certificate_authorities[0].data, opts),
        trust=trust_in(site, name, issuer, provider_arn),
        pod_identity=kubernetes.identity == "pod-identity",
        own_nodes=False,
    )


def _asked(ask: Callable[[], Any], absent: str) -> Any:
    """The answer of a data source. absent: what to say if there is none."""
    try:
        return ask()
    except Exception as error:
        if any(text in str(error) for text in _ABSENT):
            raise pulumi.RunError(absent) from None
        raise
