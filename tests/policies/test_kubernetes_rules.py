"""Rules about what runs in Kubernetes, and on which nodes."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from policy_cases import findings, left_open, make, passes, policy, refused

from policies.model import UNKNOWN, Resource

JOB, CRON_JOB = "kubernetes:batch/v1:Job", "kubernetes:batch/v1:CronJob"
POD, DEPLOYMENT = "kubernetes:core/v1:Pod", "kubernetes:apps/v1:Deployment"
GROUP, POOL = "aws:eks/nodeGroup:NodeGroup", "kubernetes:karpenter.sh/v1:NodePool"
ROLE = "aws:iam/role:Role"
CONTAINER = {
    "name": "worker",
    "env": [{"name": "LEVEL", "value": "3"}, {"name": "URL", "valueFrom": {"secretKeyRef": {"name": "a", "key": "b"}}}],
    "resources": {"requests": {"cpu": "1", "memory": "2Gi"}, "limits": {"memory": "2Gi"}},
    "securityContext": {
        "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
    },
}  # fmt: skip
SPEC = {"securityContext": {"runAsNonRoot": True}, "containers": [CONTAINER]}
BOUNDS = {"activeDeadlineSeconds": 3600, "backoffLimit": 3}
RULES = ("kubernetes-restricted", "kubernetes-limits", "kubernetes-no-plain-secret")


def job(pod: Any = SPEC, **more: Any) -> Resource:
    return make(JOB, spec=BOUNDS | {"template": {"spec": pod}} | more)


def cron_job(pod: Any = SPEC, **more: Any) -> Resource:
    spec = BOUNDS | {"ttlSecondsAfterFinished": 60, "template": {"spec": pod}} | more
    return make(CRON_JOB, spec={"jobTemplate": {"spec": spec}})


def with_(path: str, value: Any) -> dict[str, Any]:
    """SPEC with another value at a path; 0 is the first container."""
    spec: Any = copy.deepcopy(SPEC)
    *way, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    at = spec
    for part in way:
        at = at[part] if isinstance(part, int) else at.setdefault(part, {})
    at[last] = value
    return spec


@pytest.mark.parametrize("rule", RULES)
def test_a_pod_that_is_as_it_should_be_passes_wherever_it_stands(rule: str) -> None:
    passes(rule, job(), cron_job(), make(POD, spec=SPEC), make(DEPLOYMENT, spec={"template": {"spec": SPEC}}))


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("hostNetwork", True, "has hostNetwork"),
        ("hostPID", True, "has hostPID"),
        ("volumes", [{"name": "a", "hostPath": {"path": "/"}}], "mounts a folder of the node"),
        ("containers.0.securityContext.privileged", True, "has privileged"),
        ("containers.0.securityContext.allowPrivilegeEscalation", None, "lets its container 'worker' gain rights"),
        ("containers.0.securityContext.allowPrivilegeEscalation", True, "lets its container 'worker' gain rights"),
        ("containers.0.securityContext.readOnlyRootFilesystem", False, "change its own files"),
        ("containers.0.securityContext.capabilities", {"drop": ["NET_RAW"]}, "leaves its container 'worker' capab"),
        ("securityContext", {}, "may run its container 'worker' as root"),
        ("securityContext", {"runAsNonRoot": True, "runAsUser": 0}, "may run its container 'worker' as root"),
        ("containers.0.securityContext.runAsNonRoot", False, "may run its container 'worker' as root"),
        ("containers.0.securityContext.runAsUser", 0, "may run its container 'worker' as root"),
        ("initContainers", [{"name": "first", "securityContext": {"runAsUser": 0, **CONTAINER["securityContext"]}}],
         "may run its container 'first' as root"),
    ],
)  # fmt: skip
def test_rights_that_a_pod_does_not_need_are_refused(path: str, value: Any, said: str) -> None:
    assert said in refused("kubernetes-restricted", job(with_(path, value)))
    assert said in refused("kubernetes-restricted", cron_job(with_(path, value)))


@pytest.mark.parametrize("path", ["hostIPC", "containers.0.securityContext.privileged", "securityContext.runAsNonRoot"])
def test_rights_that_are_not_known_yet_are_judged_at_the_update(path: str) -> None:
    left_open("kubernetes-restricted", job(with_(path, UNKNOWN)))
    left_open("kubernetes-restricted", job(UNKNOWN))


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("containers.0.resources", None, "does not say requests.cpu, requests.memory, limits.memory of its container"),
        ("containers.0.resources.limits", {}, "does not say limits.memory"),
        ("containers.0.resources.limits.memory", "4Gi", "take more memory than it asks for"),
    ],
)
def test_a_container_without_limits_is_refused(path: str, value: Any, said: str) -> None:
    assert said in refused("kubernetes-limits", job(with_(path, value)))


def test_limits_that_are_not_known_yet_are_judged_at_the_update() -> None:
    left_open("kubernetes-limits", job(with_("containers.0.resources", UNKNOWN)))


def test_a_job_that_ends_passes() -> None:
    passes("kubernetes-job-ends", job(), cron_job(), job(backoffLimit=None, backoffLimitPerIndex=0))


@pytest.mark.parametrize(
    ("resource", "said"),
    [
        (job(activeDeadlineSeconds=None), "has no activeDeadlineSeconds"),
        (job(activeDeadlineSeconds=1_209_601), "at most 1.2096e+06 may be"),
        (job(activeDeadlineSeconds="soon"), "that is no number"),
        (job(backoffLimit=None), "does not say how often it is tried"),
        (cron_job(activeDeadlineSeconds=None), "has no activeDeadlineSeconds"),
        (cron_job(backoffLimit=None), "does not say how often it is tried"),
        (cron_job(ttlSecondsAfterFinished=None), "has no ttlSecondsAfterFinished"),
    ],
)
def test_a_job_that_may_stay_for_ever_is_refused(resource: Resource, said: str) -> None:
    assert said in refused("kubernetes-job-ends", resource)


def test_bounds_that_are_not_known_yet_are_judged_at_the_update() -> None:
    left_open("kubernetes-job-ends", job(activeDeadlineSeconds=UNKNOWN))
    left_open("kubernetes-job-ends", job(backoffLimit=UNKNOWN))


@pytest.mark.parametrize(
    "variable",
    [
        {"name": "DATABASE_PASSWORD", "value": "hush"},
        {"name": "API_KEY", "value": "hush"},
        {"name": "API_KEY", "value": UNKNOWN},
        {"name": "WAREHOUSE", "value": "postgresql://me:hush@db/x"},
        {"name": "ID", "value": "AKIAABCDEFGHIJKLMNOP"},
    ],
)
def test_a_secret_in_a_variable_is_refused_and_not_repeated(variable: dict[str, Any]) -> None:
    message = refused("kubernetes-no-plain-secret", job(with_("containers.0.env", [variable])))
    assert f"has a secret in plain text: '{variable['name']}'" in message
    assert "hush" not in message


@pytest.mark.parametrize("name", ["SECRET_ARN", "TOKEN_FILE", "LEVEL"])
def test_where_a_secret_is_may_be_said(name: str) -> None:
    passes("kubernetes-no-plain-secret", job(with_("containers.0.env", [{"name": name, "value": "x"}])))


def test_a_variable_that_is_not_known_yet_is_judged_at_the_update() -> None:
    left_open("kubernetes-no-plain-secret", job(with_("containers.0.env", [{"name": "LEVEL", "value": UNKNOWN}])))


def test_what_a_stack_writes_into_the_cluster_holds_no_secret() -> None:
    assert "in the stack's state" in refused(
        "kubernetes-no-plain-secret", make("kubernetes:core/v1:Secret", stringData={"a": "b"})
    )
    sources = make("kubernetes:core/v1:ConfigMap", data={"sources.json": '[{"url": "mysql://me:hush@db/x"}]'})
    assert "holds what looks like a secret" in refused("kubernetes-no-plain-secret", sources)
    passes("kubernetes-no-plain-secret", make("kubernetes:core/v1:ConfigMap", data={"sources.json": "[]"}))


def group(**more: Any) -> Resource:
    good = {
        "labels": {"workload-type": "batch"},
        "capacityType": "SPOT",
        "instanceTypes": ["m7g.large", "m6g.large", "m8g.large"],
        "scalingConfig": {"minSize": 0, "maxSize": 9},
    }
    return make(GROUP, **(good | more))


def pool(*requirements: Any, label: Any = "batch") -> Resource:
    template = {"metadata": {"labels": {"workload-type": label}}, "spec": {"requirements": list(requirements)}}
    return make(POOL, spec={"template": template})


def requirement(key: str, *values: Any) -> dict[str, Any]:
    return {"key": key, "operator": "In", "values": list(values)}


SPOT = requirement("karpenter.sh/capacity-type", "spot")
TYPES = "node.kubernetes.io/instance-type"


def test_nodes_for_jobs_on_spot_pass_and_those_for_others_are_left_alone() -> None:
    passes("spot-node-group", group(), pool(SPOT), pool(SPOT, requirement(TYPES, "a", "b", "c")))
    passes("spot-node-group", group(labels={"workload-type": "system"}, capacityType="ON_DEMAND"))
    passes("spot-node-group", pool(label="web"))


@pytest.mark.parametrize(
    ("resource", "said"),
    [
        (group(capacityType="ON_DEMAND"), "has nodes on demand for jobs"),
        (group(capacityType=None), "has nodes on demand for jobs"),
        (group(instanceTypes=["m7g.large", "m6g.large"]), "names fewer than 3 instance types"),
        (group(scalingConfig={"minSize": 2}), "keeps 2 nodes while no job runs"),
        (pool(), "has nodes on demand for jobs"),
        (pool(requirement("karpenter.sh/capacity-type", "spot", "on-demand")), "has nodes on demand for jobs"),
        (pool(SPOT, requirement(TYPES, "a")), "names fewer than 3 instance types"),
    ],
)
def test_nodes_for_jobs_that_cost_more_than_they_must_are_refused(resource: Resource, said: str) -> None:
    assert said in refused("spot-node-group", resource)


@pytest.mark.parametrize(
    "resource",
    [
        group(labels=UNKNOWN), group(capacityType=UNKNOWN), group(instanceTypes=UNKNOWN), group(scalingConfig=UNKNOWN),
        pool(UNKNOWN),
    ],
)  # fmt: skip
def test_nodes_that_are_not_known_yet_are_judged_at_the_update(resource: Resource) -> None:
    left_open("spot-node-group", resource)


def role(condition: Any) -> Resource:
    statement = {
        "Effect": "Allow",
        "Principal": {"Federated": "arn:aws:iam::1:oidc-provider/x"},
        "Action": ["sts:AssumeRoleWithWebIdentity"],
        **({"Condition": condition} if condition else {}),
    }
    return make(ROLE, assumeRolePolicy=policy(statement))


SUBJECT, AUDIENCE = {"x:sub": "system:serviceaccount:batch:etl"}, {"x:aud": "sts.amazonaws.com"}


def test_a_role_for_one_service_account_passes() -> None:
    passes("iam-web-identity-scoped", role({"StringEquals": SUBJECT | AUDIENCE}))
    service = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    passes("iam-web-identity-scoped", make(ROLE, assumeRolePolicy=policy(service)))


@pytest.mark.parametrize(
    ("condition", "missing"),
    [
        ({"StringEquals": SUBJECT}, "token of any audience"),
        ({"StringEquals": AUDIENCE}, "token of any subject"),
        ({"StringEquals": AUDIENCE, "StringLike": {"x:sub": "system:serviceaccount:*:etl"}}, "token of any subject"),
        ({"StringNotEquals": SUBJECT, "StringEquals": AUDIENCE}, "token of any subject"),
    ],
)
def test_a_role_for_more_than_one_account_is_refused(condition: Any, missing: str) -> None:
    assert missing in refused("iam-web-identity-scoped", role(condition))


def test_a_role_without_any_condition_lacks_both() -> None:
    assert len(findings("iam-web-identity-scoped", role(None))) == 2
