"""REST APIs, their stages, keys and usage plans."""

from __future__ import annotations

import secrets
from typing import Any

from sandbox.cloud import Cloud, creates


@creates("aws:apigateway/restApi:RestApi")
def rest_api(cloud: Cloud, name: str, inputs: dict[str, Any]) -> dict[str, Any]:
    cloud.compute.gateway.add_api(name, inputs)
    return {}


@creates("aws:apigateway/stage:Stage")
def stage(cloud: Cloud, name: str, inputs: dict[str, Any]) -> dict[str, Any]:
    return {"invokeUrl": cloud.compute.gateway.add_stage(inputs)}


@creates("aws:apigateway/apiKey:ApiKey")
def api_key(cloud: Cloud, name: str, inputs: dict[str, Any]) -> dict[str, Any]:
    value = inputs.get("value") or secrets.token_urlsafe(30)
    cloud.compute.gateway.add_key(name, value)
    return {"value": value}


@creates("aws:apigateway/usagePlan:UsagePlan")
def usage_plan(cloud: Cloud, name: str, inputs: dict[str, Any]) -> dict[str, Any]:
    cloud.compute.gateway.add_plan(name, inputs)
    return {}


@creates("aws:apigateway/usagePlanKey:UsagePlanKey")
def usage_plan_key(cloud: Cloud, name: str, inputs: dict[str, Any]) -> dict[str, Any]:
    cloud.compute.gateway.add_key_to_plan(inputs["keyId"], inputs["usagePlanId"])
    return {}
