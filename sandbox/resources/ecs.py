"""Clusters, task definitions and services."""

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


@creates("aws:ecs/service:Service")
def service(cloud: Cloud, name: str, inputs: dict[str, Any]) -> dict[str, Any]:
    network = inputs["networkConfiguration"]
    breaker = inputs.get("deploymentCircuitBreaker") or {}
    request: dict[str, Any] = {
        "cluster": inputs["cluster"],
        "serviceName": name,
        "taskDefinition": inputs["taskDefinition"],
        "desiredCount": int(inputs.get("desiredCount") or 0),
        "networkConfiguration": {
            "awsvpcConfiguration": {
                "subnets": network["subnets"],
                "securityGroups": network["securityGroups"],
                "assignPublicIp": "ENABLED" if network.get("assignPublicIp") else "DISABLED",
            }
        },
        "deploymentConfiguration": {
            "deploymentCircuitBreaker": {
                "enable": bool(breaker.get("enable")),
                "rollback": bool(breaker.get("rollback")),
            }
        },
    }
    if strategies := inputs.get("capacityProviderStrategies"):
        request["capacityProviderStrategy"] = [
            {
                "capacityProvider": item["capacityProvider"],
                "weight": int(item.get("weight") or 0),
                "base": int(item.get("base") or 0),
            }
            for item in strategies
        ]
    else:
        request["launchType"] = inputs.get("launchType", "FARGATE")
    return {"id": cloud.client("ecs").create_service(**request)["service"]["serviceArn"]}
