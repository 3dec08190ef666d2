"""What derives from the one description of the API, `functions/api/openapi.yaml`."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from components.site import Site

METHODS = frozenset({"get", "put", "post", "delete", "patch", "head", "options"})
VALIDATOR = "everything"

# The gateway's own refusals, as the problem documents that the handler gives: kind → (status, title, detail).
REFUSALS = {
    "ACCESS_DENIED": (403, "Forbidden", "Calls from this address are not allowed."),
    "BAD_REQUEST_BODY": (400, "Bad Request", "The body is not a JSON object."),
    "BAD_REQUEST_PARAMETERS": (400, "Bad Request", "A parameter is missing or has the wrong form."),
    "INTEGRATION_FAILURE": (502, "Bad Gateway", "The API cannot answer now; try again."),
    "INTEGRATION_TIMEOUT": (504, "Gateway Timeout", "The API did not answer in time; try again."),
    "INVALID_API_KEY": (403, "Forbidden", "The header x-api-key is missing or its key is not valid."),
    "MISSING_AUTHENTICATION_TOKEN": (404, "Not Found", "There is no such path or method; see GET /openapi.json."),
    "QUOTA_EXCEEDED": (429, "Too Many Requests", "The key's quota is used up."),
    "REQUEST_TOO_LARGE": (413, "Content Too Large", "The body is larger than 10 MB; upload large input first."),
    "THROTTLED": (429, "Too Many Requests", "The key's rate is exceeded; wait a moment."),
    "UNSUPPORTED_MEDIA_TYPE": (415, "Unsupported Media Type", "Send the body as application/json."),
}


def description(project_dir: Path) -> dict[str, Any]:
    """The API as it is written down."""
    return yaml.safe_load((project_dir / "functions/api/openapi.yaml").read_text(encoding="utf-8"))


def served(document: Mapping[str, Any], inputs: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """What `GET /openapi.json` answers: the description, with each worker's input as a schema of its own.

    inputs: worker → JSON schema of its input.
    """
    result = copy.deepcopy(dict(document))
    schemas = result["components"]["schemas"]
    for worker, schema in sorted(inputs.items()):
        schemas["".join(part.capitalize() for part in worker.split("_")) + "Input"] = {
            **schema,
            "description": f"`input` of a job for the worker `{worker}`.",
        }
    return result


def gateway_body(document: Mapping[str, Any], site: Site, function_arn: str) -> dict[str, Any]:
    """The description as API Gateway imports it: every operation needs a key and goes to the function.

    The gateway checks parameters, and that a body is a JSON object; the handler checks the rest, because the
    gateway cannot say which field is wrong.
    """
    result = copy.deepcopy(dict(document))
    result["info"]["title"] = site.name("api")
    result.pop("servers", None)
    uri = f"arn:{site.partition}:apigateway:{site.region}:lambda:path/2015-03-31/functions/{function_arn}/invocations"
    for path in result["paths"].values():
        for method in METHODS & path.keys():
            operation = path[method]
            for media in operation.get("requestBody", {}).get("content", {}).values():
                media.clear()
                media["schema"] = {"$ref": "#/components/schemas/Body"}
            operation["security"] = [{"apiKey": []}]  # also where the description forgets it
            operation["x-amazon-apigateway-request-validator"] = VALIDATOR
            operation["x-amazon-apigateway-integration"] = {
                "type": "aws_proxy",
                "httpMethod": "POST",
                "uri": uri,
                "passthroughBehavior": "when_no_match",
                "timeoutInMillis": 29000,
            }
            # A proxy integration answers for itself; what is described here would only be imported as models.
            operation["responses"] = {"default": {"description": "See GET /openapi.json."}}
    schemes = result["components"]["securitySchemes"]
    result["components"] = {"schemas": {"Body": {"type": "object"}}, "securitySchemes": schemes}
    result["x-amazon-apigateway-request-validators"] = {
        VALIDATOR: {"validateRequestBody": True, "validateRequestParameters": True}
    }
    result["x-amazon-apigateway-gateway-responses"] = {
        kind: _refusal(status, title, detail) for kind, (status, title, detail) in REFUSALS.items()
    }
    return _inline_parameters(result, document)


def _refusal(status: int, title: str, detail: str) -> dict[str, Any]:
    problem = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    return {
        "statusCode": status,
        "responseParameters": {"gatewayresponse.header.Content-Type": "'application/problem+json'"},
        "responseTemplates": {"application/json": json.dumps(problem)},
    }


def _inline_parameters(result: dict[str, Any], document: Mapping[str, Any]) -> dict[str, Any]:
    """Shared parameters written out: API Gateway's import does not follow references to them."""
    shared = document.get("components", {}).get("parameters", {})

    def resolved(parameters: Sequence[Mapping[str, Any]]) -> list[Any]:
        return [copy.deepcopy(shared[p["$ref"].rsplit("/", 1)[-1]]) if "$ref" in p else p for p in parameters]

    for path in result["paths"].values():
        for holder in (path, *(path[method] for method in METHODS & path.keys())):
            if "parameters" in holder:
                holder["parameters"] = resolved(holder["parameters"])
    return result
