"""How services scale."""

from __future__ import annotations

from typing import Any

from sandbox.cloud import Cloud, creates


@creates("aws:appautoscaling/target:Target")
def target(cloud: Cloud, name: str, inputs: dict[str, Any]) -> dict[str, Any]:
    cloud.compute.scaling.add_target(inputs)
    cloud.client("application-autoscaling").register_scalable_target(
        ServiceNamespace=inputs["serviceNamespace"],
        ResourceId=inputs["resourceId"],
        ScalableDimension=inputs["scalableDimension"],
        MinCapacity=int(inputs["minCapacity"]),
        MaxCapacity=int(inputs["maxCapacity"]),
    )
    return {"id": inputs["resourceId"]}


@creates("aws:appautoscaling/policy:Policy")
def policy(cloud: Cloud, name: str, inputs: dict[str, Any]) -> dict[str, Any]:
    """Not in moto, which would invent alarms for it."""
    cloud.compute.scaling.add_policy(name, inputs)
    return {}
