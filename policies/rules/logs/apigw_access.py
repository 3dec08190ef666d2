"""`apigw-access-log`."""

from __future__ import annotations

from collections.abc import Iterable

from policies.model import UNKNOWN, Config, Finding, Resource, ResourceRule, Severity, refuse, unsettled

DEPLOYMENT = "aws:apigateway/deployment:Deployment"
STAGES = ("aws:apigateway/stage:Stage", "aws:apigatewayv2/stage:Stage")


def check(resource: Resource, _config: Config) -> Iterable[Finding]:
    if resource.type == DEPLOYMENT:
        # Up to version 6 of pulumi-aws a deployment could make a stage, of which nothing else could be said.
        if resource.get("stageName") not in (None, ""):
            yield refuse(
                resource,
                "makes a stage by itself, which has no access log. Leave stageName out and declare an "
                "aws.apigateway.Stage with accessLogSettings.",
            )
        return
    settings = resource.get("accessLogSettings")
    if settings is UNKNOWN:
        yield unsettled(resource, "its access log")
    elif resource.get("accessLogSettings", "destinationArn") in (None, ""):
        yield refuse(
            resource,
            "has no access log: who called what, from where, and with which answer is nowhere. Set accessLogSettings "
            "with destinationArn and format.",
        )
    elif resource.get("accessLogSettings", "format") in (None, ""):
        yield refuse(resource, "has an access log without a format, which API Gateway refuses. Set it.")


RULE = ResourceRule(
    id="apigw-access-log",
    theme="logs",
    description="A stage of an API writes an access log.",
    why="The functions behind an API see only the calls that reach them. Those that were throttled, refused or "
    "malformed are in the access log alone, and with them whoever tries doors.",
    steps="Set `access_log_settings` of the `aws.apigateway.Stage` or `aws.apigatewayv2.Stage`: `destination_arn` of "
    "an `aws.cloudwatch.LogGroup`, and `format` without headers or tokens.",
    unknown="Advises at preview when the settings are unknown as a whole; settled at update. A destination that is "
    "unknown was given.",
    severity=Severity.MEDIUM,
    references=("FSBP APIGateway.9", "checkov CKV_AWS_76", "checkov CKV_AWS_95", "cdk-nag AwsSolutions-APIG1"),
    types=frozenset({DEPLOYMENT, *STAGES}),
    check=check,
)
