"""A pod as a process: what it sees, what it may use, and how it ends."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from batch_cloud import until
from kubernetes_cloud import KubernetesCloud

from sandbox.program import ProgramError


def seen(cloud: KubernetesCloud) -> dict[str, Any]:
    """By the pod, which has ended."""
    assert cloud.ended()["exitCode"] == 0
    [notes] = cloud.notes.iterdir()
    return json.loads(notes.read_text())


def test_it_sees_its_variables_its_files_and_the_cloud(cloud: KubernetesCloud) -> None:
    cloud.create("ConfigMap", "etl", data={"sources.json": "[1, 2]", "COLOUR": "blue"})
    cloud.create("Secret", "access", data={"TOKEN": base64.b64encode(b"t0k3n").decode()}, stringData={"user": "me"})
    fields = {"JOB": "metadata.labels['batch.kubernetes.io/job-name']", "NONE": "metadata.annotations['none']"}
    env: list[dict[str, Any]] = [
        {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}} for name, path in fields.items()
    ]
    env += [
        {"name": "USER_NAME", "valueFrom": {"secretKeyRef": {"name": "access", "key": "user"}}},
        {"name": "SHADE", "valueFrom": {"configMapKeyRef": {"name": "etl", "key": "COLOUR"}}},
    ]
    container = {
        "env": env,
        "envFrom": [{"configMapRef": {"name": "etl"}}, {"secretRef": {"name": "access"}}],
        "args": ["--all"],
        "volumeMounts": [
            {"name": "sources", "mountPath": "/etc/worker"},
            {"name": "scratch", "mountPath": "/tmp"},
            {"name": "secrets", "mountPath": "/etc/worker/secrets"},
        ],
    }
    volumes = [
        {"name": "sources", "configMap": {"name": "etl"}},
        {"name": "scratch", "emptyDir": {"sizeLimit": "1Gi"}},
        {"name": "secrets", "secret": {"secretName": "access", "items": [{"key": "TOKEN", "path": "token.txt"}]}},
    ]
    paths = {"FILE": "/etc/worker/sources.json", "SECRET_FILE": "/etc/worker/secrets/token.txt", "ELSE": "/etc/workers"}
    cloud.job(paths | {"SPOOL": "/tmp/spool"}, container=container, volumes=volumes)
    found = seen(cloud)
    environment = found["environment"]
    assert (found["FILE"], found["SECRET_FILE"], found["arguments"]) == ("[1, 2]", "t0k3n", ["--all"])
    expected = {"JOB": "etl", "NONE": "", "USER_NAME": "me", "SHADE": "blue", "COLOUR": "blue", "TOKEN": "t0k3n"}
    assert {name: environment[name] for name in expected} == expected
    assert environment["ELSE"] == "/etc/workers"
    assert environment["SPOOL"] == f"{environment['TMPDIR']}/spool"
    assert environment["AWS_ENDPOINT_URL"] == cloud.cloud.endpoint
    assert environment["POD_NAME"].startswith("etl-")
    log = (cloud.cloud.folder / "logs" / "probe.log").read_text()
    assert f"began {environment['POD_NAME']}" in log


@pytest.mark.parametrize("way", ["csi", "external-secrets"])
def test_secrets_come_from_secrets_manager(cloud: KubernetesCloud, way: str) -> None:
    manager = cloud.cloud.client("secretsmanager")
    arn = manager.create_secret(Name="warehouse", SecretString="postgresql://w")["ARN"]
    container: dict[str, Any] = {
        "env": [{"name": "WAREHOUSE", "valueFrom": {"secretKeyRef": {"name": "etl", "key": "WAREHOUSE"}}}]
    }
    if way == "csi":
        cloud.create(
            "SecretProviderClass",
            "etl",
            api="secrets-store.csi.x-k8s.io/v1",
            spec={
                "provider": "aws",
                "parameters": {"objects": json.dumps([{"objectName": arn, "objectAlias": "WAREHOUSE"}])},
                "secretObjects": [{"secretName": "etl", "data": [{"objectName": "WAREHOUSE", "key": "WAREHOUSE"}]}],
            },
        )
        mounted = {"driver": "secrets-store.csi.k8s.io", "volumeAttributes": {"secretProviderClass": "etl"}}
        container["volumeMounts"] = [{"name": "secrets", "mountPath": "/etc/secrets"}]
        volumes = [{"name": "secrets", "csi": mounted}]
        cloud.job({"SECRET_FILE": "/etc/secrets/WAREHOUSE"}, container=container, volumes=volumes)
        assert seen(cloud)["SECRET_FILE"] == "postgresql://w"
    else:
        data = [{"secretKey": "WAREHOUSE", "remoteRef": {"key": arn}}]
        spec = {"target": {"name": "etl"}, "data": data}
        cloud.create("ExternalSecret", "other", api="external-secrets.io/v1", spec=spec)
        cloud.job(container=container)
    assert seen(cloud)["environment"]["WAREHOUSE"] == "postgresql://w"


def test_its_exit_code_is_the_commands_and_its_scratch_goes_with_it(cloud: KubernetesCloud) -> None:
    cloud.job({"EXIT": 64})
    ended = cloud.ended()
    assert (ended["exitCode"], ended["reason"]) == (64, "Error")
    assert not list((cloud.cloud.folder / "scratch").iterdir())
    assert cloud.kubernetes.job("default", "etl")["status"]["failed"] == 1


def test_over_its_memory_limit_it_is_killed(cloud: KubernetesCloud) -> None:
    cloud.job({"HOLD": 300}, container={"resources": {"limits": {"memory": "128Mi"}}})
    ended = cloud.ended()
    assert (ended["exitCode"], ended["reason"]) == (137, "OOMKilled")


def test_it_is_told_to_stop_when_its_node_is_taken_back(cloud: KubernetesCloud) -> None:
    gate = cloud.gate()
    cloud.job({"WAIT": gate.path})
    gate.wait_for_job()
    until(lambda: cloud.pod()["status"]["phase"] == "Running")
    cloud.kubernetes.evict("etl")
    assert cloud.ended()["exitCode"] == 143
    gate.open()


def test_it_is_killed_when_its_grace_is_over(cloud: KubernetesCloud) -> None:
    gate = cloud.gate()
    cloud.job({"WAIT": gate.path, "STUBBORN": 1}, terminationGracePeriodSeconds=0.2)
    gate.wait_for_job()
    until(lambda: cloud.pod()["status"]["phase"] == "Running")
    cloud.kubernetes.evict("etl")
    assert cloud.ended()["exitCode"] == 137
    gate.open()


def test_a_pods_own_deadline_ends_it(cloud: KubernetesCloud) -> None:
    gate = cloud.gate()
    cloud.job({"WAIT": gate.path}, activeDeadlineSeconds=0.5)
    ended = cloud.ended()
    assert (ended["exitCode"], ended["reason"]) == (143, "DeadlineExceeded")


def test_what_cannot_be_started_is_said(cloud: KubernetesCloud) -> None:
    cloud.job(container={"command": ["no-such-command"]})
    ended = cloud.ended()
    assert (ended["exitCode"], ended["reason"]) == (128, "StartError")
    assert "no-such-command" in ended["message"]


def test_what_the_api_server_refuses_is_told_to_people(cloud: KubernetesCloud) -> None:
    with pytest.raises(ProgramError, match='ConfigMap etl: namespaces "batch" not found'):
        cloud.create("ConfigMap", "etl", metadata={"namespace": "batch"})


def test_when_the_cloud_closes_no_pod_is_left(cloud: KubernetesCloud) -> None:
    gate = cloud.gate()
    cloud.job({"WAIT": gate.path, "STUBBORN": 1})
    gate.wait_for_job()
    gate.open()  # a pipe that is opened for nobody fails, and here nobody may be left
    cloud.cloud.compute.kubernetes.close()
    assert not gate.reached()
