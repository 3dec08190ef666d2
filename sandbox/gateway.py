"""API Gateway on this machine: what the declared REST API says is what happens, before the function is asked."""

from __future__ import annotations

import base64
import ipaddress
import json
import threading
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jsonschema
from werkzeug import Request, Response
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule

from sandbox.compute.functions import FunctionError, Functions
from sandbox.http_server import HttpServer

MAX_BODY = 10 * 1024 * 1024
PERIOD_SECONDS = {"DAY": 86_400, "WEEK": 7 * 86_400, "MONTH": 30 * 86_400}
METHODS = {"get", "put", "post", "delete", "patch", "head", "options"}


@dataclass
class Plan:
    """A usage plan with what its keys have used: a token bucket and a count, for each key."""

    rate: float
    burst: float
    quota: float
    period: float
    stages: set[tuple[str, str]]
    keys: set[str] = field(default_factory=set)
    tokens: dict[str, tuple[float, float]] = field(default_factory=dict)
    used: dict[str, tuple[float, int]] = field(default_factory=dict)

    def take(self, key: str, now: float) -> str | None:
        """Count one call; the gateway response that refuses it, or None."""
        tokens, then = self.tokens.get(key, (self.burst, now))
        tokens = min(self.burst, tokens + (now - then) * self.rate)
        if tokens < 1:
            self.tokens[key] = (tokens, now)
            return "THROTTLED"
        start, count = self.used.get(key, (now, 0))
        if now - start >= self.period:
            start, count = now, 0
        if count >= self.quota:
            return "QUOTA_EXCEEDED"
        self.tokens[key], self.used[key] = (tokens - 1, now), (start, count + 1)
        return None


class Api:
    """One REST API, from the body that it was imported from."""

    def __init__(self, inputs: dict[str, Any]):
        self.body = json.loads(inputs["body"])
        self.policy = json.loads(inputs["policy"]) if inputs.get("policy") else None
        self.refusals = self.body.get("x-amazon-apigateway-gateway-responses", {})
        self.operations = {
            (path, method.upper()): operation
            for path, item in self.body["paths"].items()
            for method, operation in item.items()
            if method in METHODS
        }
        self.shared_parameters = {path: item.get("parameters", []) for path, item in self.body["paths"].items()}
        self.routes = Map(
            [
                Rule(path.replace("{", "<").replace("}", ">"), methods=[method], endpoint=(path, method))
                for path, method in self.operations
            ],
            strict_slashes=False,
        )

    def match(self, method: str, path: str) -> tuple[tuple[str, str], dict[str, Any]] | None:
        try:
            endpoint, parameters = self.routes.bind("api").match(path, method=method)
            return endpoint, dict(parameters)
        except HTTPException:
            return None

    def allowed_from(self, address: str) -> bool:
        """Whether the resource policy lets this address in: an Allow, and no Deny."""
        if self.policy is None:
            return True
        effects = {s["Effect"] for s in self.policy["Statement"] if _applies(s.get("Condition", {}), address)}
        return effects == {"Allow"}

    def first_allowed(self) -> str:
        """An address that may call: callers on this machine are taken for it."""
        for statement in (self.policy or {}).get("Statement", []):
            for network in _networks(statement, "NotIpAddress") if statement["Effect"] == "Deny" else []:
                return str(network.network_address)
        return "127.0.0.1"


def _applies(condition: dict[str, Any], address: str) -> bool:
    """The two conditions on source addresses that API resource policies use."""
    ip, statement = ipaddress.ip_address(address), {"Condition": condition}
    if "IpAddress" in condition and not any(ip in n for n in _networks(statement, "IpAddress")):
        return False
    return not ("NotIpAddress" in condition and any(ip in n for n in _networks(statement, "NotIpAddress")))


def _networks(statement: dict[str, Any], operator: str) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    listed = statement.get("Condition", {}).get(operator, {}).get("aws:SourceIp", [])
    return [ipaddress.ip_network(item, strict=False) for item in ([listed] if isinstance(listed, str) else listed)]


class Gateway:
    """Serves every declared stage under `http://127.0.0.1:<port>/<stage>`.

    A caller on this machine counts as coming from an allowed address; `X-Forwarded-For` names another.
    """

    def __init__(self, logs: Path, functions: Functions):
        self._functions = functions
        self._log = logs / "access.log"
        self._apis: dict[str, Api] = {}
        self._stages: dict[str, dict[str, Any]] = {}
        self._keys: dict[str, str] = {}
        self._plans: dict[str, Plan] = {}
        self._lock = threading.Lock()
        self._server = HttpServer(self._answer)

    def add_api(self, id_: str, inputs: dict[str, Any]) -> None:
        self._apis[id_] = Api(inputs)

    def add_stage(self, inputs: dict[str, Any]) -> str:
        self._stages[inputs["stageName"]] = inputs
        return f"{self._server.url}/{inputs['stageName']}"

    def add_key(self, id_: str, value: str) -> None:
        self._keys[id_] = value

    def add_plan(self, id_: str, inputs: dict[str, Any]) -> None:
        throttle, quota = inputs.get("throttleSettings") or {}, inputs.get("quotaSettings") or {}
        self._plans[id_] = Plan(
            rate=throttle.get("rateLimit", float("inf")),
            burst=throttle.get("burstLimit", float("inf")),
            quota=quota.get("limit", float("inf")),
            period=PERIOD_SECONDS[quota.get("period", "DAY")],
            stages={(stage["apiId"], stage["stage"]) for stage in inputs.get("apiStages", [])},
        )

    def add_key_to_plan(self, key_id: str, plan_id: str) -> None:
        self._plans[plan_id].keys.add(key_id)

    def close(self) -> None:
        self._server.close()

    def _answer(self, request: Request) -> Response:
        started = time.monotonic()
        _, stage_name, *_ = [*request.path.split("/"), ""]
        stage = self._stages.get(stage_name)
        if stage is None:
            return Response('{"message":"Forbidden"}', 403, mimetype="application/json")
        api = self._apis[stage["restApi"]]
        source = request.headers.get("X-Forwarded-For", "").split(",")[0].strip() or api.first_allowed()
        seen = {"sourceIp": source, "apiKeyId": "-", "error": "-"}
        response = self._handle(request, stage, api, seen)
        self._write_access_log(request, stage, seen, response, time.monotonic() - started)
        return response

    def _handle(self, request: Request, stage: dict[str, Any], api: Api, seen: dict[str, str]) -> Response:
        def refuse(kind: str) -> Response:
            seen["error"] = kind
            return _refusal(api, kind)

        path = request.path.removeprefix(f"/{stage['stageName']}") or "/"
        try:
            if not api.allowed_from(seen["sourceIp"]):
                return refuse("ACCESS_DENIED")
        except ValueError:
            return refuse("ACCESS_DENIED")
        matched = api.match(request.method, path)
        if matched is None:
            return refuse("MISSING_AUTHENTICATION_TOKEN")
        (resource, method), parameters = matched
        operation = api.operations[resource, method]
        if operation.get("security", api.body.get("security")):
            refused = self._check_key(request, stage, seen)
            if refused:
                return refuse(refused)
        body = request.get_data()
        if len(body) > MAX_BODY:
            return refuse("REQUEST_TOO_LARGE")
        refused = _invalid(api, resource, operation, request, body)
        if refused:
            return refuse(refused)
        event = _proxy_event(request, stage, resource, path, parameters, body, seen)
        function = operation["x-amazon-apigateway-integration"]["uri"].split("/functions/")[1].split("/")[0]
        try:
            return _response(self._functions.invoke(function, event))
        except (FunctionError, AttributeError, KeyError, TypeError, ValueError):  # or no answer of a proxy
            return refuse("INTEGRATION_FAILURE")

    def _check_key(self, request: Request, stage: dict[str, Any], seen: dict[str, str]) -> str | None:
        value = request.headers.get("x-api-key")
        key = next((id_ for id_, known in self._keys.items() if known == value), None)
        where = (stage["restApi"], stage["stageName"])
        plan = next((p for p in self._plans.values() if key in p.keys and where in p.stages), None)
        if key is None or plan is None:
            return "INVALID_API_KEY"
        seen["apiKeyId"] = key
        with self._lock:
            return plan.take(key, time.monotonic())

    def _write_access_log(
        self, request: Request, stage: dict[str, Any], seen: dict[str, str], response: Response, seconds: float
    ) -> None:
        settings = stage.get("accessLogSettings")
        if not settings:
            return
        values = {
            "$context.requestId": str(uuid.uuid4()),
            "$context.identity.sourceIp": seen["sourceIp"],
            "$context.identity.apiKeyId": seen["apiKeyId"],
            "$context.requestTime": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime()),
            "$context.httpMethod": request.method,
            "$context.path": request.path,
            "$context.status": str(response.status_code),
            "$context.responseLength": str(response.content_length or 0),
            "$context.responseLatency": f"{seconds * 1000:.0f}",
            "$context.error.responseType": seen["error"],
        }
        line = {key: values.get(name, "-") for key, name in json.loads(settings["format"]).items()}
        with self._lock:
            self._log.parent.mkdir(parents=True, exist_ok=True)
            with self._log.open("a", encoding="utf-8") as log:
                log.write(json.dumps(line) + "\n")


def _refusal(api: Api, kind: str) -> Response:
    """The gateway's own answer: the API's, else API Gateway's default."""
    declared = api.refusals.get(kind)
    if declared is None:
        return Response(json.dumps({"message": kind.replace("_", " ").title()}), 403, mimetype="application/json")
    response = Response(declared["responseTemplates"]["application/json"], int(declared["statusCode"]))
    for name, value in declared.get("responseParameters", {}).items():
        response.headers[name.removeprefix("gatewayresponse.header.")] = value.strip("'")
    return response


def _invalid(api: Api, resource: str, operation: dict[str, Any], request: Request, body: bytes) -> str | None:
    """Which gateway response the request validator gives, or None."""
    validator = api.body.get("x-amazon-apigateway-request-validators", {}).get(
        operation.get("x-amazon-apigateway-request-validator"), {}
    )
    if validator.get("validateRequestParameters"):
        given = {"query": request.args, "header": request.headers}
        for parameter in [*api.shared_parameters[resource], *operation.get("parameters", [])]:
            if parameter.get("required") and parameter["name"] not in given.get(parameter["in"], [parameter["name"]]):
                return "BAD_REQUEST_PARAMETERS"
    if validator.get("validateRequestBody") and "requestBody" in operation:
        media = operation["requestBody"]["content"].get(request.mimetype or "application/json")
        if media and (body or operation["requestBody"].get("required")):
            reference = media["schema"]["$ref"].rsplit("/", 1)[-1]
            try:
                jsonschema.validate(json.loads(body), api.body["components"]["schemas"][reference])
            except (jsonschema.ValidationError, ValueError, RecursionError):
                return "BAD_REQUEST_BODY"
    return None


def _proxy_event(
    request: Request,
    stage: dict[str, Any],
    resource: str,
    path: str,
    parameters: dict[str, Any],
    body: bytes,
    seen: dict[str, str],
) -> dict[str, Any]:
    """The event of a Lambda proxy integration, format 1.0."""
    try:
        text, encoded = body.decode("utf-8"), False
    except UnicodeDecodeError:
        text, encoded = base64.b64encode(body).decode(), True
    return {
        "resource": resource,
        "path": path,
        "httpMethod": request.method,
        "headers": dict(request.headers),
        "multiValueHeaders": {name: request.headers.getlist(name) for name in request.headers.keys()},  # noqa: SIM118
        "queryStringParameters": {name: values[-1] for name, values in request.args.lists()} or None,
        "multiValueQueryStringParameters": dict(request.args.lists()) or None,
        "pathParameters": parameters or None,
        "stageVariables": None,
        "requestContext": {
            "resourcePath": resource,
            "httpMethod": request.method,
            "path": request.path,
            "stage": stage["stageName"],
            "apiId": stage["restApi"],
            "accountId": "123456789012",
            "domainName": request.host,
            "requestId": str(uuid.uuid4()),
            "protocol": "HTTP/1.1",
            "requestTimeEpoch": int(time.time() * 1000),
            "identity": {
                "sourceIp": seen["sourceIp"],
                "apiKeyId": seen["apiKeyId"],
                "userAgent": request.headers.get("User-Agent"),
            },
        },
        "body": text or None,
        "isBase64Encoded": encoded,
    }


def _response(answer: dict[str, Any]) -> Response:
    body = answer.get("body") or ""
    content = base64.b64decode(body) if answer.get("isBase64Encoded") else body
    response = Response(content, int(answer["statusCode"]))
    response.headers.remove("Content-Type")
    for name, value in (answer.get("headers") or {}).items():
        response.headers[name] = str(value)
    for name, values in (answer.get("multiValueHeaders") or {}).items():
        response.headers.remove(name)
        for value in values:
            response.headers.add(name, value)
    if "Content-Type" not in response.headers:
        response.headers["Content-Type"] = "application/json"
    return response
