"""`apigw-authorization`."""

from __future__ import annotations

from collections.abc import Iterable

from policies.model import UNKNOWN, Config, Finding, Resource, Severity, Stack, StackRule, Unknown, refuse, unsettled
from policies.rules.baseline.links import meant
from policies.rules.baseline.openapi import document, open_operations
from policies.values import as_list

METHOD, API = "aws:apigateway/method:Method", "aws:apigateway/restApi:RestApi"
ROUTE, API_V2 = "aws:apigatewayv2/route:Route", "aws:apigatewayv2/api:Api"
SHOWN = 5  # operations in a message; the others are counted
HOW = "Set an authoriser, AWS_IAM, or at least that it wants an API key."


def check(resource: Resource, stack: Stack, _config: Config) -> Iterable[Finding]:
    if _is_private(resource, stack):
        return
    if resource.type in (API, API_V2):
        yield from _document(resource)
        return
    name, kind = ("httpMethod", "authorization") if resource.type == METHOD else ("routeKey", "authorizationType")
    operation, answers = resource.get(name), (resource.given(kind), resource.given("apiKeyRequired"))
    if _is_for_all(resource, stack, str(operation)):
        return
    if operation is UNKNOWN or UNKNOWN in answers:
        yield unsettled(resource, "who may call it")
    elif answers[0] in (None, "", "NONE") and answers[1] is not True:
        yield refuse(resource, f"may be called by everybody. {HOW}")


def _is_private(resource: Resource, stack: Stack) -> bool:
    """Whether it is of an API that only VPC endpoints lead to, those that its policy lets in."""
    api = resource
    if resource.type == METHOD:
        api = meant(resource.get("restApi"), resource, "restApi", stack.of_type(API))
    return isinstance(api, Resource) and as_list(api.get("endpointConfiguration", "types")) == ["PRIVATE"]


def _is_for_all(resource: Resource, stack: Stack, operation: str) -> bool:
    """What a browser asks first, and messages of a WebSocket whose connection was authorised."""
    if operation.split(" ")[0].upper() == "OPTIONS":
        return True
    if resource.type == METHOD or " " in operation or operation == "$connect":
        return False
    api = meant(resource.get("apiId"), resource, "apiId", stack.of_type(API_V2))
    return operation != "$default" or (isinstance(api, Resource) and api.get("protocolType") == "WEBSOCKET")


def _document(resource: Resource) -> Iterable[Finding]:
    body = resource.given("body")
    if resource.type == API_V2 and resource.given("target") not in (None, ""):
        yield refuse(resource, f"has a target that everybody may call. Declare its routes instead. {HOW}")
    if body in (None, ""):
        return
    found = document(body)
    if isinstance(found, Unknown):
        yield unsettled(resource, "who may call its operations")
    elif found is None:
        yield refuse(resource, "has a body that is no OpenAPI document, so nothing shows who may call it.")
    elif names := list(open_operations(found)):
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        yield refuse(resource, f"may be called by everybody: {', '.join(names[:SHOWN])}{more}. {HOW}")


RULE = StackRule(
    id="apigw-authorization",
    theme="baseline",
    description="Every method of an API asks who calls.",
    why="An API has an address that everybody finds. A method without authorisation or key does its work, and costs "
    "what it costs, for whoever calls it. A private API (PRIVATE in its endpoint configuration) has none, and may do "
    "without.",
    steps="Set `authorization` (or `api_key_required`) of the `aws.apigateway.Method`, `authorization_type` of the "
    "`aws.apigatewayv2.Route`, and in an OpenAPI `body` `security` with a scheme that the gateway enforces: x-api-key, "
    "or one with x-amazon-apigateway-authorizer.",
    unknown="Advises at preview when the body or the kind of authorisation is unknown; settled at update.",
    references=("FSBP APIGateway.8", "cdk-nag AwsSolutions-APIG4", "checkov CKV_AWS_59", "checkov CKV_AWS_309",
                "checkov CKV2_AWS_70"),
    severity=Severity.HIGH,
    types=frozenset({METHOD, API, ROUTE, API_V2}),
    check=check,
)  # fmt: skip
