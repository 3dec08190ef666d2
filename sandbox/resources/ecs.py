"""Clusters and task definitions."""

from __future__ import annotations

import json
from typing import Any

from sandbox.cloud import Cloud, creates


@creates("aws:ecs/cluster:Cluster")
def cluster(cloud: Cloud, name: str, inputs: dict[str, Any]) -> dict[str, Any]:
    return {"id": cloud.client("ecs").create_cluster(clusterName=name)["cluster"]["clusterArn"]}


@creates("aws:ecs/clusterCapacityProviders:ClusterCapacityProviders")
def cluster_capacity_providers(cloud: Cloud, name: str, inputs: dict[str, Any]) -> dict[str, Any]:
    strategy = [
        {"capacityProvider": item["capacityProvider"], "weight": int(item["weight"]), "base": int(item["base"])}
        for item in inputs["defaultCapacityProviderStrategies"]
    ]
    cloud.client("ecs").put_cluster_capacity_providers(
        cluster=inputs["clusterName"],
        capacityProviders=inputs["capacityProviders"],
        defaultCapacityProviderStrategy=strategy,
    )
    return {"id": inputs["clusterName"]}


@creates("aws:ecs/taskDefinition:TaskDefinition")
def task_definition(cloud: Cloud, name: str, inputs: dict[str, Any]) -> dict[str, Any]:
    answer = cloud.client("ecs").register_task_definition(
        family=inputs["family"],
        cpu=inputs["cpu"],
        memory=inputs["memory"],
        networkMode=inputs["networkMode"],
        requiresCompatibilities=inputs["requiresCompatibilities"],
        executionRoleArn=inputs["executionRoleArn"],
        taskRoleArn=inputs["taskRoleArn"],
        containerDefinitions=json.loads(inputs["containerDefinitions"]),
        volumes=inputs.get("volumes", []),
    )["taskDefinition"]
    return {"arn": answer["taskDefinitionArn"], "revision": answer["revision"]}
