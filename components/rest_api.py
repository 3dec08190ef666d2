"""The HTTP front door: a regional REST API with API keys, a usage plan and access logs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pulumi
import pulumi_aws as aws

from components.function import Function
from components.permissions import assumed_by, callers_from, document
from components.site import Site

STAGE = "v1"
ACCESS_LOG_FIELDS = {
    "requestId": "$context.requestId",
    "ip": "$context.identity.sourceIp",
    "apiKeyId": "$context.identity.apiKeyId",
    "requestTime": "$context.requestTime",
    "method": "$context.httpMethod",
    "path": "$context.path",
    "status": "$context.status",
    "responseLength": "$context.responseLength",
    "latencyMs": "$context.responseLatency",
    "error": "$context.error.responseType",
}


@dataclass(frozen=True, kw_only=True)
class RestApiArgs:
    """
    body: the OpenAPI document with the gateway's extensions (`components.openapi.gateway_body`).
    allowed_ips: addresses or CIDR ranges that may call; empty: any.
    rate, burst: requests a second of one key, and how many at once. quota: requests in a period of one key.
    log_retention_days: of the access log.
    """

    body: dict[str, Any]
    allowed_ips: Sequence[str]
    rate: float
    burst: int
    quota: int
    quota_period: Literal["DAY", "WEEK", "MONTH"]
    log_retention_days: int


class RestApi(pulumi.ComponentResource):
    """A REST API in front of one function. Each caller needs a key of the usage plan."""

    def __init__(
        self, name: str, site: Site, function: Function, args: RestApiArgs, opts: pulumi.ResourceOptions | None = None
    ):
        super().__init__(
            "serverless-batch:rest_api:RestApi",
            name,
            {"allowedIps": list(args.allowed_ips), "rate": args.rate, "burst": args.burst, "quota": args.quota},
            opts,
        )
        child = pulumi.ResourceOptions(parent=self)
        body, policy = json.dumps(args.body, sort_keys=True), callers_from(args.allowed_ips)
        api = aws.apigateway.RestApi(
            name,
            name=site.name(name),
            body=body,
            policy=document(policy),
            api_key_source="HEADER",
            endpoint_configuration={"types": "REGIONAL"},
            fail_on_warnings=False,
            opts=child,
        )
        aws.lambda_.Permission(
            name,
            action="lambda:InvokeFunction",
            function=function.function.name,
            principal="apigateway.amazonaws.com",
            source_arn=api.execution_arn.apply(lambda arn: f"{arn}/{STAGE}/*"),
            opts=child,
        )
        deployment = aws.apigateway.Deployment(
            name,
            rest_api=api.id,
            # A deployment is a snapshot: whatever the API is made of must lead to a new one.
            triggers={"content": hashlib.sha256((body + json.dumps(policy)).encode()).hexdigest()},
            opts=child,
        )
        log_group_name = f"/aws/apigateway/{site.name(name)}"
        log_group = aws.cloudwatch.LogGroup(
            name, name=log_group_name, retention_in_days=args.log_retention_days, opts=child
        )
        stage = aws.apigateway.Stage(
            name,
            rest_api=api.id,
            deployment=deployment.id,
            stage_name=STAGE,
            access_log_settings={
                "destination_arn": log_group.arn,
                "format": json.dumps(ACCESS_LOG_FIELDS, sort_keys=True),
            },
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self._allow_logging(name, site)]),
        )
        key = aws.apigateway.ApiKey(name, name=site.name(name), description="First caller", opts=child)
        plan = aws.apigateway.UsagePlan(
            name,
            name=site.name(name),
            api_stages=[{"api_id": api.id, "stage": stage.stage_name}],
            throttle_settings={"rate_limit": args.rate, "burst_limit": args.burst},
            quota_settings={"limit": args.quota, "period": args.quota_period},
            opts=child,
        )
        aws.apigateway.UsagePlanKey(name, key_id=key.id, key_type="API_KEY", usage_plan_id=plan.id, opts=child)
        self.url: pulumi.Output[str] = stage.invoke_url
        self.key: pulumi.Output[str] = pulumi.Output.secret(key.value)
        self.register_outputs({"url": self.url})

    def _allow_logging(self, name: str, site: Site) -> pulumi.Resource:
        """API Gateway writes logs only with a role in the region's account settings, which all stacks share.

        So it stays when one stack goes. It is auto-named: a physical name would be taken when the stack comes back.
        """
        child = pulumi.ResourceOptions(parent=self, retain_on_delete=True)
        role = aws.iam.Role(
            f"{name}-gateway-logs", assume_role_policy=document(assumed_by(site, "apigateway")), opts=child
        )
        attachment = aws.iam.RolePolicyAttachment(
            f"{name}-gateway-logs",
            role=role.name,
            policy_arn=f"arn:{site.partition}:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs",
            opts=child,
        )
        return aws.apigateway.Account(
            name,
            cloudwatch_role_arn=role.arn,
            opts=pulumi.ResourceOptions(parent=self, retain_on_delete=True, depends_on=[attachment]),
        )
