"""Batch: the sandbox keeps queues and jobs itself; moto is not asked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sandbox.cloud import Cloud, creates
from sandbox.program import whole_numbers

# Plural in Pulumi, singular in the API.
SINGULAR = {"evaluateOnExits": "evaluateOnExit", "shareDistributions": "shareDistribution"}


@creates("aws:batch/computeEnvironment:ComputeEnvironment")
def compute_environment(cloud: Cloud, name: str, inputs: dict[str, Any]) -> dict[str, Any]:
    """Raises NotImplementedError for an environment that Batch does not manage."""
    resources = inputs.get("computeResources")
    if inputs.get("type", "MANAGED").upper() != "MANAGED" or not resources:
        raise NotImplementedError(f"compute environment {name}: only managed ones")
    resources = {"maxvCpus" if key == "maxVcpus" else key: value for key, value in resources.items()}
    environment = cloud.compute.batch.declared.add_environment(
        name, whole_numbers(resources), state=inputs.get("state")
    )
    return {"arn": environment.arn, "name": name}


@creates("aws:batch/schedulingPolicy:SchedulingPolicy")
def scheduling_policy(cloud: Cloud, name: str, inputs: dict[str, Any]) -> dict[str, Any]:
    policy = cloud.compute.batch.declared.add_policy(name, whole_numbers(_api(inputs.get("fairSharePolicy") or {})))
    return {"id": policy.arn, "arn": policy.arn}


@creates("aws:batch/jobQueue:JobQueue")
def job_queue(cloud: Cloud, name: str, inputs: dict[str, Any]) -> dict[str, Any]:
    order = sorted(inputs["computeEnvironmentOrders"], key=lambda item: item["order"])
    queue = cloud.compute.batch.declared.add_queue(
        name,
        int(inputs["priority"]),
        [item["computeEnvironment"] for item in order],
        inputs.get("schedulingPolicyArn"),
        inputs.get("state", "ENABLED"),
    )
    return {"id": queue.arn, "arn": queue.arn}


@creates("aws:batch/jobDefinition:JobDefinition")
def job_definition(cloud: Cloud, name: str, inputs: dict[str, Any]) -> dict[str, Any]:
    """Raises NotImplementedError for what is no job of one container."""
    if not inputs.get("containerProperties"):
        raise NotImplementedError(f"job definition {name}: only containerProperties")
    description: dict[str, Any] = {
        "containerProperties": json.loads(inputs["containerProperties"]),
        "platformCapabilities": inputs.get("platformCapabilities") or ["EC2"],
        "propagateTags": bool(inputs.get("propagateTags")),
        "tags": inputs.get("tags") or {},
        "parameters": inputs.get("parameters") or {},
    }
    for key in ("retryStrategy", "timeout", "schedulingPriority"):
        if inputs.get(key):
            description[key] = whole_numbers(_api(inputs[key]))
    definition = cloud.compute.batch.declared.add_definition(name, description)
    prefix = definition.arn.rsplit(":", 1)[0]
    return {"id": definition.arn, "arn": definition.arn, "arnPrefix": prefix, "revision": definition.revision}


def _api(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {SINGULAR.get(key, key): _api(item) for key, item in value.items()}
    return [_api(item) for item in value] if isinstance(value, list) else value
