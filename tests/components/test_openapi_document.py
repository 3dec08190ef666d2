from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from component_support import ACCOUNT, PROJECT, REGION, SITE

from components import openapi

FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:serverless-batch-test-api"
DESCRIPTION = openapi.description(PROJECT)
BODY = openapi.gateway_body(DESCRIPTION, SITE, FUNCTION)
INPUTS = {"word_count": {"type": "object", "required": ["key"]}, "echo": {"type": "object"}}
SERVED = openapi.served(DESCRIPTION, INPUTS)


def operations(document: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Operation id → operation."""
    for path in document["paths"].values():
        for method in sorted(openapi.METHODS & path.keys()):
            yield path[method]["operationId"], path[method]


def keys(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield key
            yield from keys(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from keys(inner)


def test_the_gateway_has_the_paths_and_operations_of_the_description() -> None:
    assert BODY["paths"].keys() == DESCRIPTION["paths"].keys()
    assert dict(operations(BODY)).keys() == dict(operations(DESCRIPTION)).keys()
    assert len(dict(operations(BODY))) == 7


@pytest.mark.parametrize("operation", dict(operations(DESCRIPTION)))
def test_every_route_needs_a_key_is_validated_and_goes_to_the_function(operation: str) -> None:
    found = dict(operations(BODY))[operation]
    assert found["security"] == [{"apiKey": []}]
    assert found["x-amazon-apigateway-request-validator"] == "everything"
    assert found["x-amazon-apigateway-integration"] == {
        "type": "aws_proxy",
        "httpMethod": "POST",
        "uri": f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{FUNCTION}/invocations",
        "passthroughBehavior": "when_no_match",
        "timeoutInMillis": 29000,
    }


def test_the_key_is_the_header_that_api_gateway_reads() -> None:
    for document in (BODY, SERVED):
        scheme = document["components"]["securitySchemes"]["apiKey"]
        assert (scheme["type"], scheme["in"], scheme["name"]) == ("apiKey", "header", "x-api-key")


def test_a_route_that_the_description_leaves_open_needs_a_key_all_the_same() -> None:
    forgotten = json.loads(json.dumps(DESCRIPTION))
    del forgotten["paths"]["/workers"]["get"]["security"]
    body = openapi.gateway_body(forgotten, SITE, FUNCTION)
    assert body["paths"]["/workers"]["get"]["security"] == [{"apiKey": []}]


def test_callers_are_told_that_every_route_needs_a_key() -> None:
    assert all(found["security"] == [{"apiKey": []}] for _, found in operations(SERVED))


def test_the_gateway_checks_parameters_and_that_a_body_is_an_object() -> None:
    assert BODY["x-amazon-apigateway-request-validators"] == {
        "everything": {"validateRequestBody": True, "validateRequestParameters": True}
    }
    with_body = {name: found for name, found in operations(BODY) if "requestBody" in found}
    assert with_body.keys() == {"createJob", "createUpload"}
    for found in with_body.values():
        assert found["requestBody"]["content"] == {
            "application/json": {"schema": {"$ref": "#/components/schemas/Body"}}
        }
    assert BODY["components"]["schemas"] == {"Body": {"type": "object"}}


def test_nothing_in_the_gateways_body_refers_to_what_is_not_there() -> None:
    assert set(_references(BODY)) == {"#/components/schemas/Body"}


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for inner in value.values():
            yield from _references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _references(inner)


def test_parameters_that_are_shared_are_written_out_for_the_gateway() -> None:
    shared = {"name": "limit", "in": "query", "schema": {"type": "integer"}}
    document = {
        "info": {"title": "t", "version": "1"},
        "components": {"parameters": {"Limit": shared}, "securitySchemes": {}, "schemas": {}},
        "paths": {
            "/a": {
                "parameters": [{"$ref": "#/components/parameters/Limit"}],
                "get": {
                    "operationId": "a",
                    "security": [{"apiKey": []}],
                    "parameters": [{"$ref": "#/components/parameters/Limit"}, {"name": "b", "in": "query"}],
                },
            }
        },
    }
    path = openapi.gateway_body(document, SITE, FUNCTION)["paths"]["/a"]
    assert path["parameters"] == [shared]
    assert path["get"]["parameters"] == [shared, {"name": "b", "in": "query"}]


@pytest.mark.parametrize("kind", openapi.REFUSALS)
def test_the_gateways_own_refusals_are_problem_documents(kind: str) -> None:
    refusal = BODY["x-amazon-apigateway-gateway-responses"][kind]
    problem = json.loads(refusal["responseTemplates"]["application/json"])
    assert problem["status"] == refusal["statusCode"] == openapi.REFUSALS[kind][0]
    assert problem["type"] and problem["title"] and problem["detail"]
    content_type = refusal["responseParameters"]["gatewayresponse.header.Content-Type"]
    assert content_type == "'application/problem+json'"


def test_the_gateways_api_bears_the_stacks_name() -> None:
    assert BODY["info"]["title"] == "serverless-batch-test-api"


def test_callers_get_the_description_with_each_workers_input_and_nothing_of_the_gateway() -> None:
    assert not [key for key in keys(SERVED) if key.startswith("x-amazon")]
    assert SERVED["paths"] == DESCRIPTION["paths"]
    schemas = SERVED["components"]["schemas"]
    assert schemas["WordCountInput"]["required"] == ["key"]
    assert schemas.keys() - DESCRIPTION["components"]["schemas"].keys() == {"WordCountInput", "EchoInput"}
    for name in DESCRIPTION["components"]["schemas"]:
        assert schemas[name] == DESCRIPTION["components"]["schemas"][name]


def test_deriving_changes_neither_the_description_nor_a_workers_schema() -> None:
    assert openapi.description(PROJECT) == DESCRIPTION
    assert INPUTS["word_count"] == {"type": "object", "required": ["key"]}
