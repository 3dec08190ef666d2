from __future__ import annotations

import json
from functools import cache
from typing import Any

import pulumi
import pytest
from component_support import PROJECT, SITE, Declared, alerts, declared, policy

from components.function import Function, FunctionArgs
from components.rest_api import RestApi, RestApiArgs

API, STAGE, DEPLOYMENT = (
    f"aws:apigateway/{kind[0].lower()}{kind[1:]}:{kind}" for kind in ("RestApi", "Stage", "Deployment")
)
PLAN, KEY = "aws:apigateway/usagePlan:UsagePlan", "aws:apigateway/apiKey:ApiKey"
LOG_GROUP, ROLE = "aws:cloudwatch/logGroup:LogGroup", "aws:iam/role:Role"


def body(title: str = "t") -> dict[str, Any]:
    return {"openapi": "3.0.1", "info": {"title": title, "version": "1"}, "paths": {}}


@cache
def rest_api(*, preview: bool = False, title: str = "t", **changes: Any) -> Declared:
    args: dict[str, Any] = {"body": body(title), "allowed_ips": (), "rate": 10.0, "burst": 20}
    args |= {"quota": 1000, "quota_period": "DAY", "log_retention_days": 30} | changes

    def declare() -> None:
        handler = Function(
            "api",
            SITE,
            PROJECT,
            FunctionArgs(folder="api", environment={}, statements=[], log_retention_days=7),
            alerts(),
        )
        made = RestApi("front", SITE, handler, RestApiArgs(**args))
        pulumi.export("url", made.url)
        pulumi.export("key", made.key)
        pulumi.export("key is secret", made.key.is_secret())

    return declared(declare, preview=preview)


def test_the_api_is_regional_and_reads_the_key_from_the_header() -> None:
    inputs = rest_api().inputs(API)
    assert inputs["endpointConfiguration"] == {"types": "REGIONAL"}
    assert inputs["apiKeySource"] == "HEADER"
    assert inputs["name"] == "serverless-batch-test-front"
    assert json.loads(inputs["body"]) == body()


def test_without_allowed_addresses_the_key_alone_decides() -> None:
    assert [s["Effect"] for s in policy(rest_api().inputs(API)["policy"])] == ["Allow"]


def test_only_allowed_addresses_may_call() -> None:
    allowed, denied = policy(rest_api(allowed_ips=("203.0.113.0/24",)).inputs(API)["policy"])
    assert (allowed["Effect"], denied["Effect"]) == ("Allow", "Deny")
    assert denied["Condition"] == {"NotIpAddress": {"aws:SourceIp": ["203.0.113.0/24"]}}


def test_only_this_stage_of_this_api_may_call_the_function() -> None:
    found = rest_api()
    permission = found.inputs("aws:lambda/permission:Permission")
    stage = found.inputs(STAGE)["stageName"]
    assert permission["sourceArn"] == f"{found.one(API).outputs['executionArn']}/{stage}/*"
    assert permission["principal"] == "apigateway.amazonaws.com"
    assert permission["action"] == "lambda:InvokeFunction"
    assert permission["function"] == found.inputs("aws:lambda/function:Function")["name"]


def test_a_key_has_a_rate_and_a_quota() -> None:
    found = rest_api(rate=5.5, burst=11, quota=77, quota_period="WEEK")
    plan, link = found.one(PLAN), found.inputs("aws:apigateway/usagePlanKey:UsagePlanKey")
    assert plan.inputs["throttleSettings"] == {"rateLimit": 5.5, "burstLimit": 11}
    assert plan.inputs["quotaSettings"] == {"limit": 77, "period": "WEEK"}
    assert plan.inputs["apiStages"] == [{"apiId": found.one(API).id, "stage": found.inputs(STAGE)["stageName"]}]
    assert link == {"keyId": found.one(KEY).id, "keyType": "API_KEY", "usagePlanId": plan.id}


def test_every_call_is_logged_without_the_key_itself() -> None:
    found = rest_api(log_retention_days=90)
    group = found.one(LOG_GROUP, "front")
    assert group.inputs["retentionInDays"] == 90
    settings = found.inputs(STAGE)["accessLogSettings"]
    assert settings["destinationArn"] == group.outputs["arn"]
    fields = json.loads(settings["format"])
    assert {"requestId", "ip", "apiKeyId", "method", "path", "status", "latencyMs"} <= fields.keys()
    assert "$context.identity.apiKey" not in fields.values()


@pytest.mark.parametrize(
    "change", [{"title": "other"}, {"allowed_ips": ("203.0.113.0/24",)}], ids=["body", "allowed addresses"]
)
def test_what_the_api_is_made_of_leads_to_a_new_deployment(change: dict[str, Any]) -> None:
    assert rest_api(**change).inputs(DEPLOYMENT)["triggers"] != rest_api().inputs(DEPLOYMENT)["triggers"]


@pytest.mark.parametrize(
    "change", [{"quota": 5}, {"rate": 1.0}, {"log_retention_days": 7}], ids=lambda c: next(iter(c))
)
def test_what_the_api_is_not_made_of_leads_to_no_new_deployment(change: dict[str, Any]) -> None:
    assert rest_api(**change).inputs(DEPLOYMENT)["triggers"] == rest_api().inputs(DEPLOYMENT)["triggers"]


def test_the_trigger_is_known_at_preview_so_a_preview_says_whether_there_is_a_new_deployment() -> None:
    assert rest_api(preview=True).inputs(DEPLOYMENT)["triggers"] == rest_api().inputs(DEPLOYMENT)["triggers"]


def test_the_stage_waits_for_the_regions_permission_to_log() -> None:
    found = rest_api()
    account = found.one("aws:apigateway/account:Account")
    assert account.inputs["cloudwatchRoleArn"] == found.one(ROLE, "front-gateway-logs").outputs["arn"]
    assert ("aws:apigateway/account:Account", "front") in found.depends_on(found.one(STAGE))
    attachment = found.inputs("aws:iam/rolePolicyAttachment:RolePolicyAttachment")
    assert attachment["role"] == found.one(ROLE, "front-gateway-logs").id
    assert attachment["policyArn"].endswith(":policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs")
    [trust] = policy(found.inputs(ROLE, "front-gateway-logs")["assumeRolePolicy"])
    assert trust["Principal"] == {"Service": "apigateway.amazonaws.com"}
    assert trust["Principal"] == {"Service": "apigateway.amazonaws.com"}


def test_what_all_stacks_of_the_region_share_stays_and_is_not_in_the_way_of_the_stacks_next_life() -> None:
    found = rest_api()
    kept = {(r.type, r.name) for r in found.all() if r.request.retainOnDelete}
    assert kept == {
        ("aws:apigateway/account:Account", "front"),
        ("aws:iam/role:Role", "front-gateway-logs"),
        ("aws:iam/rolePolicyAttachment:RolePolicyAttachment", "front-gateway-logs"),
    }
    assert "name" not in found.inputs(ROLE, "front-gateway-logs")


def test_callers_get_the_stages_address_and_a_key_that_is_a_secret() -> None:
    found = rest_api()
    assert found.run.exports["url"] == found.one(STAGE).outputs["invokeUrl"]
    assert found.run.exports["key"] == found.one(KEY).outputs["value"]
    assert found.run.exports["key is secret"] is True
