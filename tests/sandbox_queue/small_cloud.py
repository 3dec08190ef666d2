"""A cloud with the resources of a queue worker in the smallest, created without a program."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pulumi

from sandbox.cloud import Cloud
from sandbox.compute.services import Kept, Service
from tests.waiting import until

REGION = "eu-central-1"

# A task that waits to be stopped; what its input file says, it does first.
TASK = """
import os, pathlib, signal, sys, threading, urllib.request
stop = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stop.set())
order = pathlib.Path(os.environ["ORDER"])
text = order.read_text() if order.exists() else ""
if text == "fail":
    sys.exit(1)
if text == "protect":
    request = urllib.request.Request(
        os.environ["ECS_AGENT_URI"] + "/task-protection/v1/state", b'{"ProtectionEnabled": true}',
        {"Content-Type": "application/json"}, method="PUT")
    urllib.request.urlopen(request).read()
print("ready", flush=True)
stop.wait()
print("stopped", flush=True)
"""
BOTH = ({"capacityProvider": "FARGATE", "weight": 0, "base": 1}, {"capacityProvider": "FARGATE_SPOT", "weight": 1})
SPOT = ({"capacityProvider": "FARGATE_SPOT", "weight": 1},)


class Small:
    """order: what each task does first, `protect` or `fail`."""

    def __init__(self, folder: Path):
        self._project = folder / "project"
        worker = self._project / "workers" / "probe"
        worker.mkdir(parents=True)
        (self._project / "workers" / "__init__.py").touch()
        (worker / "task.py").write_text(TASK)
        self.order = folder / "order"
        self.cloud = Cloud(REGION, self._project, folder / "cloud")
        self.compute = self.cloud.compute
        self.clock = self.compute.clock
        self.clock.factor = 0
        self._create("aws:ecs/cluster:Cluster", name="c")
        vpc = self._create(
            "awsx:ec2:Vpc", name="v", cidrBlock="10.0.0.0/16", enableDnsHostnames=True, numberOfAvailabilityZones=1,
            subnetSpecs=[{"type": "Public"}],
        )  # fmt: skip
        group = self._create("aws:ec2/securityGroup:SecurityGroup", name="g", description="g", vpcId=vpc["vpcId"])["id"]
        self._network = {"subnets": vpc["publicSubnetIds"], "securityGroups": [group], "assignPublicIp": True}

    def _create(self, type_: str, **inputs: Any) -> dict[str, Any]:
        """Outputs of a new resource, its id among them."""
        id_, outputs = self.cloud.create(type_, inputs.get("name", "thing"), inputs)
        return {"id": id_, **outputs}

    def define(self, **container_changes: Any) -> str:
        """ARN of a new revision of the task definition."""
        container = {
            "name": "worker",
            "image": "x",
            "cpu": 256,
            "memory": 512,
            "command": [sys.executable, "workers/probe/task.py"],
            "environment": [{"name": "WORKER", "value": "probe"}, {"name": "ORDER", "value": str(self.order)}],
            **container_changes,
        }
        return self._create(
            "aws:ecs/taskDefinition:TaskDefinition", family="probe", cpu="256", memory="512", networkMode="awsvpc",
            requiresCompatibilities=["FARGATE"], executionRoleArn="arn:aws:iam::123456789012:role/r",
            taskRoleArn="arn:aws:iam::123456789012:role/r", containerDefinitions=json.dumps([container]),
        )["arn"]  # fmt: skip

    def serve(self, name: str, desired: int, strategy: Any = BOTH) -> Service:
        self._create(
            "aws:ecs/service:Service", name=name, cluster="c", taskDefinition=self.define(), desiredCount=desired,
            capacityProviderStrategies=strategy, networkConfiguration=self._network,
            deploymentCircuitBreaker={"enable": True, "rollback": True},
        )  # fmt: skip
        return self.compute.services.get(name)

    def update(self, name: str, **changes: Any) -> None:
        self.cloud.client("ecs").update_service(cluster="c", service=name, **changes)

    def described(self, name: str) -> dict[str, Any]:
        return self.cloud.client("ecs").describe_services(cluster="c", services=[name])["services"][0]

    def counts(self, name: str) -> tuple[int, int, int]:
        """desired, running, pending."""
        said = self.described(name)
        return said["desiredCount"], said["runningCount"], said["pendingCount"]

    def running(self, name: str, count: int) -> list[Kept]:
        """The service's tasks, once so many run."""
        until(lambda: self.counts(name)[1] == count)
        return [kept for kept in self.compute.services.get(name).tasks if kept.running]

    def log(self) -> list[str]:
        """What the tasks have said."""
        file = self.cloud.folder / "logs" / "probe.log"
        return file.read_text().split() if file.exists() else []

    def ready(self, count: int) -> None:
        """Wait until so many tasks have said so; until then a SIGTERM would end them without a word."""
        until(lambda: self.log().count("ready") >= count)

    def queue(self, name: str, **inputs: Any) -> str:
        return self._create("aws:sqs/queue:Queue", name=name, **inputs)["url"]

    def depth(self, name: str) -> int:
        return sum(self.compute.queues.backlog(name))

    def function(self, name: str, code: str, **inputs: Any) -> str:
        """ARN of a function whose `handler.py` is the code."""
        archive = pulumi.AssetArchive({"handler.py": pulumi.StringAsset(code)})
        return self._create(
            "aws:lambda/function:Function", name=name, code=archive, handler="handler.handler", timeout=10,
            memorySize=128, **inputs,
        )["arn"]  # fmt: skip

    def alarm(self, name: str, **inputs: Any) -> None:
        common = {"comparisonOperator": "GreaterThanThreshold", "threshold": 0, "evaluationPeriods": 1}
        self._create("aws:cloudwatch/metricAlarm:MetricAlarm", name=name, **(common | inputs))

    def create(self, type_: str, name: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
        return self.cloud.create(type_, name, dict(inputs))[1]
