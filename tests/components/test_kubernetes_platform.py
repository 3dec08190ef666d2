"""A worker in Kubernetes and a cluster in the stack: what the platform makes of them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import grpc
import pytest
from component_support import PROJECT, REGION, Declared, declared, policy

from components.platform import Platform
from components.settings import parse_settings
from components.stackfile import NAMESPACE, engine_config
from policies.settings import load
from sandbox.analyzer import analyze
from sandbox.invented import Invented
from sandbox.program import ProgramError

CLUSTER = "aws:eks/cluster:Cluster"
GROUP = "aws:eks/nodeGroup:NodeGroup"
JOB, CRON_JOB = "kubernetes:batch/v1:Job", "kubernetes:batch/v1:CronJob"
SECRET = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:warehouse-AbCdEf"
MANIFEST = """\
description: Sources.
trigger:
  kubernetes:
    schedule: 0 2 * * *
    timezone: Europe/Berlin
    parallelism: 2
    priority_class: batch-low
    sources: [{name: orders, prefix: a/}, {name: people, prefix: b/}, {name: visits, prefix: c/}]
    input: {day: today}
resources: {vcpu: 0.5, memory: 1 GB, timeout: 10 min, scratch: 20 GB, architecture: arm64}
grants: [{read: uploads/sources}]
secrets: [WAREHOUSE_URL]
environment: {LEVEL: "3"}
input: {type: object}
"""
EXISTING = {"cluster": {"existing": "data-platform"}}
Make = Callable[..., Declared]


@pytest.fixture
def make(project: Path) -> Make:
    """kubernetes: what the stack says. preview: before anything exists."""

    def make(
        kubernetes: Mapping[str, Any] = EXISTING,
        *,
        manifest: str = MANIFEST,
        override: Mapping[str, Any] | None = None,
        preview: bool = False,
        **more: Any,
    ) -> Declared:
        folder = project / "workers/etl_probe"
        folder.mkdir(exist_ok=True)
        (folder / "handler.py").write_text("def handle(input, context):\n    return {}\n")
        (folder / "worker.yaml").write_text(manifest)
        said = {"kubernetes": kubernetes, "workers": {"etl_probe": override or {}}, "workflows": {}, **more}
        config = engine_config(project, "dev") | {
            f"{NAMESPACE}:{key}": json.dumps(value) for key, value in said.items()
        }
        return declared(lambda: Platform(parse_settings(config, "dev", project), project), preview=preview)

    return make


def object_of(found: Declared, kind: str) -> dict[str, Any]:
    return found.inputs(f"kubernetes:{kind}")


def pod(found: Declared, job: str = CRON_JOB) -> dict[str, Any]:
    spec = found.inputs(job)["spec"]
    return (spec["jobTemplate"]["spec"] if job == CRON_JOB else spec)["template"]


def environment(found: Declared, job: str = CRON_JOB) -> dict[str, Any]:
    return {
        one["name"]: one.get("value", one.get("valueFrom")) for one in pod(found, job)["spec"]["containers"][0]["env"]
    }


def trust(found: Declared, role: str) -> dict[str, Any]:
    [statement] = policy(found.inputs("aws:iam/role:Role", role)["assumeRolePolicy"])
    return statement


def test_of_an_existing_cluster_nothing_but_workloads_is_made(make: Make) -> None:
    found = make()
    assert found.all("aws:eks/*") == [] and found.all("aws:kms/*") == []
    assert sorted(one.type for one in found.all("kubernetes:*")) == [
        "kubernetes:batch/v1:CronJob",
        "kubernetes:core/v1:ConfigMap",
        "kubernetes:core/v1:Namespace",
        "kubernetes:core/v1:ResourceQuota",
        "kubernetes:core/v1:ServiceAccount",
        "kubernetes:networking.k8s.io/v1:NetworkPolicy",
        "kubernetes:networking.k8s.io/v1:NetworkPolicy",
    ]


def test_the_kubeconfig_makes_its_tokens_and_holds_none(make: Make) -> None:
    provider = make().inputs("pulumi:providers:kubernetes")
    config = json.loads(provider["kubeconfig"])
    [user] = config["users"]
    assert user["user"]["exec"]["args"][2:4] == ["eks", "get-token"] and list(user["user"]) == ["exec"]
    assert config["clusters"][0]["cluster"]["server"].startswith("https://")
    assert provider["upsertExistingObjects"] == "false"  # a namespace of somebody else's is refused


def test_the_namespace_is_restricted_has_a_quota_and_is_closed(make: Make) -> None:
    found = make({**EXISTING, "namespace": "batch", "quota": {"vcpu": 8, "memory": "32 GB", "pods": 9}})
    namespace = object_of(found, "core/v1:Namespace")["metadata"]
    assert namespace["name"] == "batch"
    assert namespace["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    assert object_of(found, "core/v1:ResourceQuota")["spec"]["hard"] == {
        "requests.cpu": "8", "limits.cpu": "8", "requests.memory": "32768Mi", "limits.memory": "32768Mi", "pods": "9",
    }  # fmt: skip
    deny = found.inputs("kubernetes:networking.k8s.io/v1:NetworkPolicy", "default-deny-*")
    assert deny["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    assert {
        one.inputs["metadata"]["namespace"] for one in found.all("kubernetes:*") if "Namespace" not in one.type
    } == {"batch"}


def test_pods_reach_names_aws_and_the_ports_that_the_stack_says_but_not_the_nodes_role(make: Make) -> None:
    found = make({**EXISTING, "egressPorts": [5432]})
    names, rule = found.inputs("kubernetes:networking.k8s.io/v1:NetworkPolicy", "egress-*")["spec"]["egress"]
    assert names["to"] == [{"namespaceSelector": {}}]  # where pods are no addresses to the network
    assert {one["port"] for one in names["ports"]} == {53}
    assert rule["to"] == [{"ipBlock": {"cidr": "0.0.0.0/0", "except": ["169.254.169.254/32"]}}]
    assert [(one["protocol"], one["port"]) for one in rule["ports"]] == [
        ("UDP", 53), ("TCP", 53), ("TCP", 443), ("TCP", 5432),
    ]  # fmt: skip


def test_the_service_accounts_tokens_and_no_others_get_the_role(make: Make) -> None:
    found = make()
    statement = trust(found, "etl_probe-pod")
    assert statement["Action"] == ["sts:AssumeRoleWithWebIdentity"]
    [(operator, conditions)] = statement["Condition"].items()
    assert operator == "StringEquals"
    subject, audience = (
        next(value for key, value in conditions.items() if key.endswith(end)) for end in (":sub", ":aud")
    )
    assert subject == "system:serviceaccount:serverless-batch-dev:etl-probe"
    assert audience == "sts.amazonaws.com"
    account = object_of(found, "core/v1:ServiceAccount")
    arn = found.one("aws:iam/role:Role", "etl_probe-pod").outputs["arn"]
    assert account["metadata"]["annotations"] == {"eks.amazonaws.com/role-arn": arn}
    assert account["automountServiceAccountToken"] is False


def test_with_pod_identity_one_account_of_one_cluster_gets_the_role(make: Make) -> None:
    found = make({**EXISTING, "identity": "pod-identity"})
    statement = trust(found, "etl_probe-pod")
    assert statement["Principal"] == {"Service": "pods.eks.amazonaws.com"}
    assert statement["Condition"]["ArnEquals"]["aws:SourceArn"].endswith(":cluster/data-platform")
    assert statement["Condition"]["StringEquals"]["aws:RequestTag/kubernetes-service-account"] == "etl-probe"
    association = found.inputs("aws:eks/podIdentityAssociation:PodIdentityAssociation")
    assert (association["namespace"], association["serviceAccount"]) == ("serverless-batch-dev", "etl-probe")
    assert "annotations" not in object_of(found, "core/v1:ServiceAccount")["metadata"]
    agent = found.inputs("kubernetes:networking.k8s.io/v1:NetworkPolicy", "egress-*")["spec"]["egress"][-1]
    assert agent["to"] == [{"ipBlock": {"cidr": "169.254.170.23/32"}}]


def test_the_manifests_grants_are_the_roles(make: Make) -> None:
    found = make()
    uploads, results = (found.one("aws:s3/bucket:Bucket", name).outputs["arn"] for name in ("uploads", "results"))
    statements = [(s["Action"], s["Resource"]) for s in found.statements("etl_probe-pod")]
    assert (["s3:GetObject"], [f"{uploads}/sources/*"]) in statements
    assert (["s3:PutObject"], [f"{results}/etl_probe/*"]) in statements


def test_a_schedule_makes_a_cron_job(make: Make) -> None:
    spec = make().inputs(CRON_JOB)["spec"]
    template = spec.pop("jobTemplate")["spec"]
    assert spec == {
        "schedule": "0 2 * * *", "timeZone": "Europe/Berlin", "concurrencyPolicy": "Forbid",
        "startingDeadlineSeconds": 300, "successfulJobsHistoryLimit": 3, "failedJobsHistoryLimit": 3, "suspend": False,
    }  # fmt: skip
    template.pop("template")
    assert template == {
        "completions": 3, "parallelism": 2, "completionMode": "Indexed", "backoffLimitPerIndex": 3,
        "activeDeadlineSeconds": 900 + 2 * (5 * 900 + 70), "ttlSecondsAfterFinished": 86_400,
        "podFailurePolicy": {
            "rules": [
                {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
                {
                    "action": "FailIndex",
                    "onExitCodes": {"containerName": "worker", "operator": "In", "values": [64]},
                },
            ]
        },
    }  # fmt: skip


PLAIN = MANIFEST.replace("    schedule: 0 2 * * *\n    timezone: Europe/Berlin\n", "")


def test_without_a_schedule_it_is_a_job_that_a_deployment_does_not_wait_for(make: Make) -> None:
    found = make(manifest=PLAIN)
    job = found.one(JOB)
    assert job.inputs["metadata"]["annotations"] == {"pulumi.com/skipAwait": "true"}
    assert (job.inputs["metadata"]["name"], job.inputs["metadata"]["namespace"]) == (
        "etl-probe",
        "serverless-batch-dev",
    )
    assert job.inputs["spec"]["suspend"] is False and "ttlSecondsAfterFinished" not in job.inputs["spec"]
    assert job.request.deleteBeforeReplace


def test_a_job_without_indexes_fails_as_a_whole(make: Make) -> None:
    manifest = "\n".join(line for line in PLAIN.splitlines() if not line.startswith(("    sources", "    parallelism")))
    found = make(manifest=manifest)
    spec = found.inputs(JOB)["spec"]
    assert spec["backoffLimit"] == 3 and "backoffLimitPerIndex" not in spec and "completionMode" not in spec
    assert [rule["action"] for rule in spec["podFailurePolicy"]["rules"]] == ["Ignore", "FailJob"]
    assert found.all("kubernetes:core/v1:ConfigMap") == []
    assert "SOURCES_FILE" not in environment(found, JOB) and "INDEX_FAILURES" not in environment(found, JOB)


def test_other_sources_make_another_pod_so_that_a_job_runs_again(make: Make) -> None:
    found = make(manifest=PLAIN)
    other = make(manifest=PLAIN.replace("prefix: c/", "prefix: d/"))
    assert pod(found, JOB)["metadata"]["annotations"] != pod(other, JOB)["metadata"]["annotations"]


def test_a_pod_has_no_rights_and_as_much_as_it_asked_for(make: Make) -> None:
    spec = pod(make())["spec"]
    assert spec["securityContext"]["runAsNonRoot"] and spec["automountServiceAccountToken"] is False
    assert (spec["restartPolicy"], spec["activeDeadlineSeconds"]) == ("Never", 900)
    assert spec["priorityClassName"] == "batch-low"
    assert spec["nodeSelector"]["kubernetes.io/arch"] == "arm64" and "workload-type" not in spec["nodeSelector"]
    assert spec["topologySpreadConstraints"][0]["topologyKey"] == "topology.kubernetes.io/zone"
    [container] = spec["containers"]
    size = {"cpu": "500m", "memory": "1024Mi", "ephemeral-storage": "21Gi"}
    assert container["resources"] == {"requests": size, "limits": size}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
    }  # fmt: skip
    assert spec["volumes"][0] == {"name": "scratch", "emptyDir": {"sizeLimit": "20Gi"}}
    assert container["volumeMounts"][0] == {"name": "scratch", "mountPath": "/tmp"}


def test_the_sources_are_a_file(make: Make) -> None:
    found = make()
    [text] = object_of(found, "core/v1:ConfigMap")["data"].values()
    assert [source["name"] for source in json.loads(text)] == ["orders", "people", "visits"]
    given = environment(found)
    assert given["SOURCES_FILE"] == "/etc/worker/sources.json"
    [container] = pod(found)["spec"]["containers"]
    assert {"name": "sources", "mountPath": "/etc/worker", "readOnly": True} in container["volumeMounts"]


def test_the_container_is_told_what_it_is_for(make: Make) -> None:
    given = environment(make())
    assert json.loads(given["INPUT"]) == {"day": "today"}
    assert {name: given[name] for name in ("WORKER", "KUBERNETES", "SIZE", "MAX_ATTEMPTS", "TIMEOUT_SECONDS")} == {
        "WORKER": "etl_probe", "KUBERNETES": "1", "SIZE": "3", "MAX_ATTEMPTS": "4", "TIMEOUT_SECONDS": "600",
    }  # fmt: skip
    assert (given["LEVEL"], given["ARCHITECTURE"], given["CRON_JOB"]) == ("3", "arm64", "etl-probe")
    assert given["RUN"] == {"fieldRef": {"fieldPath": "metadata.labels['batch.kubernetes.io/job-name']"}}
    assert "JOB_COMPLETION_INDEX" not in given  # Kubernetes' own


def test_credentials_come_through_the_csi_driver_past_the_state(make: Make) -> None:
    found = make(override={"secrets": {"WAREHOUSE_URL": SECRET}})
    provider = object_of(found, "secrets-store.csi.x-k8s.io/v1:SecretProviderClass")["spec"]
    assert json.loads(provider["parameters"]["objects"]) == [{"objectName": SECRET, "objectAlias": "WAREHOUSE_URL"}]
    assert environment(found)["WAREHOUSE_URL"] == {"secretKeyRef": {"name": "etl-probe", "key": "WAREHOUSE_URL"}}
    [mounted] = [volume for volume in pod(found)["spec"]["volumes"] if volume["name"] == "secrets"]
    assert mounted["csi"]["volumeAttributes"] == {"secretProviderClass": "etl-probe"}
    actions = ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"]
    assert [s["Resource"] for s in found.statements("etl_probe-pod") if s["Action"] == actions] == [[SECRET]]
    assert found.all("kubernetes:core/v1:Secret") == []


def test_or_through_external_secrets(make: Make) -> None:
    found = make({**EXISTING, "secrets": "external-secrets"}, override={"secrets": {"WAREHOUSE_URL": SECRET}})
    external = object_of(found, "external-secrets.io/v1:ExternalSecret")["spec"]
    assert external["data"] == [{"secretKey": "WAREHOUSE_URL", "remoteRef": {"key": SECRET}}]
    store = object_of(found, "external-secrets.io/v1:SecretStore")["spec"]["provider"]["aws"]
    assert store["auth"] == {"jwt": {"serviceAccountRef": {"name": "etl-probe"}}}
    assert [volume["name"] for volume in pod(found)["spec"]["volumes"]] == ["scratch", "sources"]


def test_a_queue_of_kueue_lets_jobs_go_and_nobody_else(make: Make) -> None:
    found = make({**EXISTING, "kueue": "batch-queue"}, manifest=PLAIN)
    job = found.inputs(JOB)
    assert job["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "batch-queue"
    assert "suspend" not in job["spec"]
    template = make({**EXISTING, "kueue": "batch-queue"}).inputs(CRON_JOB)["spec"]["jobTemplate"]
    assert template["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "batch-queue"


def test_a_stack_may_suspend_it(make: Make) -> None:
    assert make(override={"enabled": False}).inputs(CRON_JOB)["spec"]["suspend"] is True
    assert make(override={"enabled": False}, manifest=PLAIN).inputs(JOB)["spec"]["suspend"] is True


def test_a_job_comes_after_what_it_needs(make: Make) -> None:
    found = make(override={"secrets": {"WAREHOUSE_URL": SECRET}})
    before = {kind for kind, _ in found.depends_on(found.one(CRON_JOB))}
    assert {
        "kubernetes:core/v1:Namespace", "kubernetes:core/v1:ConfigMap", "kubernetes:core/v1:ServiceAccount",
        "kubernetes:core/v1:ResourceQuota", "kubernetes:networking.k8s.io/v1:NetworkPolicy",
        "kubernetes:secrets-store.csi.x-k8s.io/v1:SecretProviderClass", "awsx:ecr:Image", "aws:iam/role:Role",
    } <= before  # fmt: skip


def test_the_pipeline_ships_none_of_them(make: Make) -> None:
    found = make()
    assert found.all("serverless-batch:image_pipeline:ImagePipeline") == []
    assert found.all("aws:ssm/parameter:Parameter") == []


def test_at_preview_a_pods_whole_template_is_known(make: Make) -> None:
    assert environment(make(preview=True)) == environment(make())


NEW: dict[str, Any] = {"instanceTypes": ["m7g.xlarge", "m6g.xlarge", "m8g.xlarge"], "maxNodes": 7}


def new(**more: Any) -> dict[str, Any]:
    return {"cluster": {"new": NEW | more}}


def test_a_new_cluster_is_closed_logged_and_encrypted(make: Make) -> None:
    found = make(new(endpoint={"public": ["203.0.113.0/24"]}, version="1.34"), logs={"retentionDays": 14})
    cluster = found.inputs(CLUSTER)
    assert (cluster["name"], cluster["version"]) == ("serverless-batch-dev-eks", "1.34")
    access = cluster["vpcConfig"]
    assert (access["endpointPrivateAccess"], access["endpointPublicAccess"]) == (True, True)
    assert access["publicAccessCidrs"] == ["203.0.113.0/24"]
    assert len(cluster["enabledClusterLogTypes"]) == 5
    logs = found.inputs("aws:cloudwatch/logGroup:LogGroup", "eks")
    assert (logs["name"], logs["retentionInDays"]) == ("/aws/eks/serverless-batch-dev-eks/cluster", 14)
    key = found.one("aws:kms/key:Key")
    assert key.inputs["enableKeyRotation"]
    assert cluster["encryptionConfig"] == {"resources": ["secrets"], "provider": {"keyArn": key.outputs["arn"]}}
    assert cluster["accessConfig"]["authenticationMode"] == "API"
    before = found.depends_on(found.one(CLUSTER))
    assert {("aws:cloudwatch/logGroup:LogGroup", "eks"), ("aws:iam/rolePolicyAttachment:RolePolicyAttachment",
            "eks-cluster-AmazonEKSClusterPolicy")} <= before  # fmt: skip


def test_an_endpoint_that_is_private_has_no_public_addresses(make: Make) -> None:
    access = make(new()).inputs(CLUSTER)["vpcConfig"]
    assert (access["endpointPublicAccess"], access.get("publicAccessCidrs")) == (False, None)


def test_the_nodes_of_jobs_are_on_spot_and_none_while_no_job_runs(make: Make) -> None:
    found = make(new())
    group = found.one(GROUP, "batch")
    assert group.inputs["capacityType"] == "SPOT" and len(group.inputs["instanceTypes"]) == 3
    assert group.inputs["scalingConfig"] == {"minSize": 0, "desiredSize": 0, "maxSize": 7}
    assert group.inputs["labels"] == {"workload-type": "batch"}
    assert group.inputs["taints"] == [{"key": "workload-type", "value": "batch", "effect": "NO_SCHEDULE"}]
    assert list(group.request.ignoreChanges) == ["scalingConfig.desiredSize"]
    [disk] = found.inputs("aws:ec2/launchTemplate:LaunchTemplate", "eks-batch")["blockDeviceMappings"]
    assert (disk["ebs"]["volumeSize"], disk["ebs"]["encrypted"]) == (170, "true")
    spec = pod(found)["spec"]
    assert spec["nodeSelector"]["workload-type"] == "batch"
    assert spec["tolerations"] == [
        {"key": "workload-type", "operator": "Equal", "value": "batch", "effect": "NoSchedule"}
    ]


def test_something_makes_nodes_when_a_job_asks_for_them(make: Make) -> None:
    found = make(new())
    release = found.inputs("kubernetes:helm.sh/v3:Release")
    assert release["values"]["autoDiscovery"] == {"clusterName": "serverless-batch-dev-eks"}
    assert trust(found, "eks-autoscaler")["Condition"]["StringEquals"]["aws:RequestTag/kubernetes-service-account"] == (
        "cluster-autoscaler"
    )
    [change] = [s for s in found.statements("eks-autoscaler") if "autoscaling:SetDesiredCapacity" in s["Action"]]
    assert change["Condition"] == {
        "StringEquals": {"aws:ResourceTag/k8s.io/cluster-autoscaler/serverless-batch-dev-eks": "owned"}
    }


def test_the_addons_are_those_that_jobs_need(make: Make) -> None:
    found = make(new())
    assert found.names("aws:eks/addon:Addon") == ["coredns", "eks-pod-identity-agent", "kube-proxy", "vpc-cni"]
    cni = found.inputs("aws:eks/addon:Addon", "vpc-cni")
    assert json.loads(cni["configurationValues"]) == {"enableNetworkPolicy": "true"}
    with_secrets = make(new(), override={"secrets": {"WAREHOUSE_URL": SECRET}})
    driver = with_secrets.inputs("aws:eks/addon:Addon", "aws-secrets-store-csi-driver-provider")
    assert json.loads(driver["configurationValues"])["secrets-store-csi-driver"]["syncSecret"] == {"enabled": True}


def test_admins_have_access_entries(make: Make) -> None:
    arns = ["arn:aws:iam::123456789012:role/platform/admin", "arn:aws:iam::123456789012:user/admin"]
    found = make(new(admins=arns))
    assert {entry.inputs["principalArn"] for entry in found.all("aws:eks/accessEntry:AccessEntry")} == set(arns)
    policy = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
    associations = found.all("aws:eks/accessPolicyAssociation:AccessPolicyAssociation")
    assert {(one.inputs["principalArn"], one.inputs["policyArn"]) for one in associations} == {
        (arn, policy) for arn in arns
    }


def test_in_auto_mode_aws_makes_the_nodes(make: Make) -> None:
    found = make(new(compute="auto"))
    cluster = found.inputs(CLUSTER)
    assert cluster["computeConfig"]["enabled"] and cluster["computeConfig"]["nodePools"] == ["system"]
    assert cluster["storageConfig"]["blockStorage"]["enabled"]
    assert cluster["kubernetesNetworkConfig"]["elasticLoadBalancing"]["enabled"]
    assert found.all(GROUP) == [] and found.all("kubernetes:helm.sh/v3:Release") == []
    pool = object_of(found, "karpenter.sh/v1:NodePool")["spec"]
    requirements = {one["key"]: one["values"] for one in pool["template"]["spec"]["requirements"]}
    assert requirements["karpenter.sh/capacity-type"] == ["spot"]
    assert requirements["node.kubernetes.io/instance-type"] == NEW["instanceTypes"]
    assert pool["limits"] == {"cpu": "28"}
    assert object_of(found, "eks.amazonaws.com/v1:NodeClass")["spec"]["ephemeralStorage"] == {"size": "170Gi"}
    trusted = trust(found, "eks-cluster")["Action"]
    assert trusted == ["sts:AssumeRole", "sts:TagSession"]


def test_a_new_cluster_with_irsa_has_its_provider_in_iam(make: Make) -> None:
    found = make({**new(), "identity": "irsa"})
    provider = found.one("aws:iam/openIdConnectProvider:OpenIdConnectProvider")
    assert provider.inputs["clientIdLists"] == ["sts.amazonaws.com"]
    statement = trust(found, "etl_probe-pod")
    assert statement["Principal"] == {"Federated": provider.outputs["arn"]}
    host = provider.inputs["url"].removeprefix("https://")
    assert statement["Condition"]["StringEquals"] == {
        f"{host}:aud": "sts.amazonaws.com",
        f"{host}:sub": "system:serviceaccount:serverless-batch-dev:etl-probe",
    }


def test_a_stack_without_such_workers_declares_nothing_of_it(make: Make) -> None:
    found = make(new(), workers={"image_alt_generator": {}})
    assert found.all("kubernetes:*") == [] and found.all("aws:eks/*") == []
    assert found.all("pulumi:providers:kubernetes") == []


class Refusal(grpc.RpcError):
    """As the engine tells what a provider said of a data source."""

    def __init__(self, text: str):
        self._text = text

    def code(self) -> grpc.StatusCode:
        return grpc.StatusCode.UNKNOWN

    def details(self) -> str:
        return self._text


class Without(Invented):
    """An account that lacks what a data source asks for, told as the AWS provider tells it."""

    def __init__(self, token: str, error: str):
        super().__init__(REGION)
        self._token, self._error = token, error

    def invoke(self, token: str, args: dict[str, Any]) -> dict[str, Any]:
        if token == self._token:
            raise Refusal(self._error)
        return super().invoke(token, args)


@pytest.mark.parametrize(
    ("token", "error", "said"),
    [
        ("aws:eks/getCluster:getCluster", "reading EKS Cluster (data-platform): couldn't find resource",
         "There is no EKS cluster 'data-platform' in eu-central-1. Name one of those that `aws eks list-clusters"),
        ("aws:iam/getOpenIdConnectProvider:getOpenIdConnectProvider",
         'finding IAM OIDC Provider by url (https://oidc…): not found', "has no OIDC provider in IAM, which identity: "
         "irsa needs"),
    ],
)  # fmt: skip
def test_what_is_not_there_is_told_before_anything_is_made(
    make: Make, monkeypatch: pytest.MonkeyPatch, token: str, error: str, said: str
) -> None:
    monkeypatch.setattr("component_support.Invented", lambda _region: Without(token, error))
    with pytest.raises(ProgramError, match=re.escape(said)):
        make(preview=True)


def test_another_error_of_aws_keeps_its_words(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    denied = Without("aws:eks/getCluster:getCluster", "AccessDeniedException: not authorized")
    monkeypatch.setattr("component_support.Invented", lambda _region: denied)
    with pytest.raises(Exception, match="AccessDeniedException"):
        make()


def test_what_the_clusters_version_would_refuse_is_told_before_anything_is_made(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Old(Invented):
        def invoke(self, token: str, args: dict[str, Any]) -> dict[str, Any]:
            return super().invoke(token, args) | ({"version": "1.26"} if "getCluster" in token else {})

    monkeypatch.setattr("component_support.Invented", Old)
    with pytest.raises(ProgramError, match=r"Kubernetes 1\.26 would refuse CronJob 'etl-probe': .*podFailurePolicy"):
        make()


@pytest.mark.parametrize("preview", [True, False])
@pytest.mark.parametrize("compute", ["existing", "managed", "auto"])
def test_every_policy_passes_on_an_existing_and_on_a_new_cluster(make: Make, compute: str, preview: bool) -> None:
    kubernetes = EXISTING if compute == "existing" else new(compute=compute)
    found = make(kubernetes, override={"secrets": {"WAREHOUSE_URL": SECRET}}, preview=preview)
    violations = analyze(found.run.resources, load("dev"))
    assert [(violation.policy, violation.message) for violation in violations] == []


def test_a_policy_sees_what_is_in_a_clusters_objects(make: Make) -> None:
    found = make(manifest=MANIFEST.replace('LEVEL: "3"', "DB_PASSWORD: hush"))
    [violation] = analyze(found.run.resources, load("dev"))
    assert (violation.policy, violation.level) == ("kubernetes-no-plain-secret", "mandatory")


def test_most_stacks_pay_nothing_for_it() -> None:
    """Large packages are imported where a stack has such workers, and only there."""
    code = "import sys, components.platform; print({'pulumi_kubernetes', 'kubernetes_validate'} & set(sys.modules))"
    said = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert said.stdout == "set()\n"
