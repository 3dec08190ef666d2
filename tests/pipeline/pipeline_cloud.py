"""A stack as `pulumi up` leaves it, in moto; and a `docker` that writes down what it is asked for."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import boto3

from pipeline.stack import Stack

ACCOUNT = "123456789012"
REGISTRY = f"{ACCOUNT}.dkr.ecr.eu-central-1.amazonaws.com"
WORKERS = ("report", "resize")
STACK = Stack("serverless-batch-dev", "/serverless-batch/dev/images", dict.fromkeys(WORKERS, "arm64"))
LINES = "lines"  # a worker of Batch jobs, on Fargate and on instances
DEFINITIONS = ("serverless-batch-dev-lines", "serverless-batch-dev-lines_ec2")
BATCH = replace(STACK, architectures={LINES: "arm64"}, job_definitions={LINES: DEFINITIONS})
SERVICE = "resize"  # the worker whose tasks belong to a service
CLUSTER = "serverless-batch-dev-tasks"
UPLOADS = "serverless-batch-dev-uploads"


def image(worker: str, digit: str) -> str:
    return f"{REGISTRY}/{STACK.family(worker)}@sha256:{digit * 64}"


def job_definition(name: str, image: str) -> dict[str, Any]:
    """As `pulumi up` registers it."""
    on_instances = name.endswith("_ec2")
    variables = {"WORKER": LINES, "TIMEOUT_SECONDS": "600", "VCPU": "0.5", "MEMORY_GB": "1"}
    container: dict[str, Any] = {
        "image": image,
        "command": ["python", "-m", "workers.runtime"],
        "jobRoleArn": "arn:aws:iam::123456789012:role/job",
        "executionRoleArn": "arn:aws:iam::123456789012:role/execution",
        "environment": [{"name": key, "value": value} for key, value in variables.items()],
        "secrets": [{"name": "KEY", "valueFrom": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:key"}],
        "resourceRequirements": [
            {"type": "MEMORY", "value": "1024"},
            {"type": "VCPU", "value": "1" if on_instances else "0.5"},
        ],
        "readonlyRootFilesystem": True,
        "user": "10001:10001",
        "linuxParameters": {"initProcessEnabled": True},
        "mountPoints": [{"sourceVolume": "scratch", "containerPath": "/tmp"}],
        "volumes": [{"name": "scratch", "host": {}}],
        "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "/batch/lines"}},
    }
    if not on_instances:
        container["ephemeralStorage"] = {"sizeInGiB": 50}
        container["networkConfiguration"] = {"assignPublicIp": "ENABLED"}
        container["runtimePlatform"] = {"operatingSystemFamily": "LINUX", "cpuArchitecture": "ARM64"}
    return {
        "jobDefinitionName": name,
        "type": "container",
        "platformCapabilities": ["EC2" if on_instances else "FARGATE"],
        "parameters": {"of": "the definition"},
        "containerProperties": container,
        "retryStrategy": {"attempts": 3, "evaluateOnExit": [{"onExitCode": "64", "action": "exit"}]},
        "timeout": {"attemptDurationSeconds": 660},
        "propagateTags": True,
        "tags": {"worker": LINES, "cost-center": "batch"},
    }


class Client:
    """A client with some methods replaced."""

    def __init__(self, real: Any, **replaced: Any):
        self._real, self._replaced = real, replaced

    def __getattr__(self, name: str) -> Any:
        return self._replaced.get(name) or getattr(self._real, name)


class Docker:
    """What was asked of the `docker` on PATH: each call's arguments, and what came on stdin."""

    def __init__(self, folder: Path):
        self._log = folder / "docker.jsonl"
        self.fails_on = folder / "fails"  # a call with this file's text among its arguments fails
        program = folder / "docker"
        program.write_text(
            "#!/usr/bin/env python3\nimport json, pathlib, sys\n"
            "stdin = sys.stdin.read() if '--password-stdin' in sys.argv else ''\n"
            f"with open({str(self._log)!r}, 'a') as log:\n"
            "    print(json.dumps([sys.argv[1:], stdin]), file=log)\n"
            f"fails = pathlib.Path({str(self.fails_on)!r})\n"
            "sys.exit(17 if fails.exists() and fails.read_text() in ' '.join(sys.argv) else 0)\n"
        )
        program.chmod(0o755)

    @property
    def calls(self) -> list[list[str]]:
        return [arguments for arguments, _ in self._read()]

    @property
    def stdin(self) -> list[str]:
        return [text for _, text in self._read() if text]

    def _read(self) -> list[Any]:
        return [json.loads(line) for line in self._log.read_text().splitlines()] if self._log.exists() else []


@cache
def client(service: str) -> Any:
    return boto3.client(service)


@cache
def network() -> dict[str, Any]:
    """An awsvpc configuration."""
    ec2 = client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    group = ec2.create_security_group(GroupName="t", Description="t", VpcId=vpc)["GroupId"]
    return {"awsvpcConfiguration": {"subnets": [subnet], "securityGroups": [group], "assignPublicIp": "ENABLED"}}


class Cloud:
    """Workers with their released images: `report` is started by a launcher, `resize` a service of no task, and of
    `lines` AWS Batch has two job definitions."""

    def __init__(self) -> None:
        self.ecr, self.ecs, self.ssm, self.s3, self.batch = map(client, ("ecr", "ecs", "ssm", "s3", "batch"))
        self.network = network()
        self.s3.create_bucket(Bucket=UPLOADS, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        self.ecs.create_cluster(clusterName=CLUSTER, capacityProviders=["FARGATE", "FARGATE_SPOT"])
        for worker in WORKERS:
            self.ecr.create_repository(repositoryName=STACK.family(worker), imageTagMutability="IMMUTABLE")
            self.ssm.put_parameter(Name=STACK.parameter(worker), Value=image(worker, "0"), Type="String")
            self.define(worker, image(worker, "0"))
        self.define_jobs(image(LINES, "0"))
        self.ecs.create_service(
            cluster=CLUSTER,
            serviceName=STACK.family(SERVICE),
            taskDefinition=STACK.family(SERVICE),
            desiredCount=0,
            networkConfiguration=self.network,
        )

    def define(self, worker: str, image: str) -> None:
        self.ecs.register_task_definition(
            family=STACK.family(worker),
            requiresCompatibilities=["FARGATE"],
            networkMode="awsvpc",
            cpu="256",
            memory="512",
            executionRoleArn="arn:aws:iam::123456789012:role/execution",
            taskRoleArn="arn:aws:iam::123456789012:role/task",
            containerDefinitions=[
                {
                    "name": "worker",
                    "image": image,
                    "cpu": 256,
                    "memory": 512,
                    "command": ["python", "-m", "workers.runtime"],
                    "environment": [
                        {"name": "WORKER", "value": worker},
                        {"name": "TIMEOUT_SECONDS", "value": "600"},
                    ],
                    "readonlyRootFilesystem": True,
                    "stopTimeout": 120,
                }
            ],
            volumes=[{"name": "scratch"}],
            tags=[{"key": "cost-center", "value": "batch"}],
        )

    def define_jobs(self, image: str) -> None:
        self.ssm.put_parameter(Name=BATCH.parameter(LINES), Value=image, Type="String")
        for name in DEFINITIONS:
            self.batch.register_job_definition(**job_definition(name, image))

    def job(self, name: str) -> dict[str, Any]:
        """The revision that SubmitJob takes when it is told none."""
        found = self.batch.describe_job_definitions(jobDefinitionName=name, status="ACTIVE")["jobDefinitions"]
        return max(found, key=lambda one: one["revision"])

    def jobs_run(self) -> list[str]:
        """The images of the next jobs, on Fargate and on instances."""
        return [self.job(name)["containerProperties"]["image"] for name in DEFINITIONS]

    def newest(self, family: str) -> dict[str, Any]:
        """The revision that RunTask takes when it is told no revision."""
        return self.ecs.describe_task_definition(taskDefinition=family)["taskDefinition"]

    def runs(self, worker: str) -> str:
        """The image of the next task."""
        return self.newest(STACK.family(worker))["containerDefinitions"][0]["image"]

    def revisions(self, worker: str) -> int:
        return len(self.ecs.list_task_definitions(familyPrefix=STACK.family(worker))["taskDefinitionArns"])

    def released(self, worker: str) -> str:
        stack = BATCH if worker == LINES else STACK
        return self.ssm.get_parameter(Name=stack.parameter(worker))["Parameter"]["Value"]

    def service(self) -> str:
        """The image that the service runs."""
        [found] = self.ecs.describe_services(cluster=CLUSTER, services=[STACK.family(SERVICE)])["services"]
        return self.newest(found["taskDefinition"])["containerDefinitions"][0]["image"]
