"""Any body gets an answer that says what is wrong with it, and where."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from types import ModuleType
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.functions.function_support import CATALOGUE, CONTEXT

PROBLEM_FIELDS = {"type", "title", "status", "detail", "instance", "errors"}
NAMES = st.sampled_from(["text", "sentences", "source", "key", "pages", "a.b", "a[0]", "~/", "", "{0}"]) | st.text(
    st.characters(codec=None), max_size=4
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([10**299, 10**400, -0.0, 1e308, math.nan, math.inf, 5.0])
    | st.floats()
    | st.text(st.characters(codec=None), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)
SOURCE = st.fixed_dictionaries({"key": st.text(max_size=3)}, optional={"pages": st.lists(st.integers(), max_size=3)})
ALMOST = st.fixed_dictionaries(
    {"text": st.text(min_size=1, max_size=5)},
    optional={"sentences": st.integers(0, 11) | JSON, "source": SOURCE | JSON, "more": JSON},
)
ENVELOPE = st.fixed_dictionaries(
    {
        "worker": st.sampled_from(list(CATALOGUE)) | JSON,
        "input": ALMOST | st.dictionaries(NAMES, JSON, max_size=3) | JSON,
    },
    optional={"inputs": JSON, "a/b~": JSON},
)
BODIES = st.one_of(
    st.sampled_from([*CATALOGUE]).flatmap(lambda worker: ALMOST.map(lambda given: {"worker": worker, "input": given})),
    ENVELOPE,
    JSON,
).map(json.dumps) | st.text(max_size=30)


@pytest.fixture(scope="module")
def handler(load: Callable[..., ModuleType]) -> Callable[..., Any]:
    """The API with a queue that takes everything."""
    module = load("api", UPLOADS_BUCKET="uploads", CLUSTER="cluster", JOB_TTL_DAYS="30")
    module.services.sqs.meta.events.register("before-call.sqs.SendMessage", lambda **_: (Taken, {"MessageId": "1"}))
    return module.handler


class Taken:
    status_code = 200


def call(handler: Callable[..., Any], path: str, body: str) -> tuple[int, Any]:
    answer = handler({"httpMethod": "POST", "resource": path, "body": body}, CONTEXT)
    return answer["statusCode"], json.loads(answer["body"])


def must_be_a_problem(status: int, problem: Any, body: str) -> None:
    assert 400 <= status < 500
    assert problem.keys() <= PROBLEM_FIELDS
    assert problem["status"] == status
    assert problem["title"] and problem["detail"]
    for error in problem.get("errors", []):
        assert error["detail"]
        must_resolve(error["pointer"], json.loads(body))


def must_resolve(pointer: str, value: Any) -> None:
    """The pointer names a value in the body, or a child that an object in it lacks."""
    parts = [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]
    for part in parts[:-1]:
        value = value[int(part)] if isinstance(value, list) else value[part]
    if parts:
        assert isinstance(value, dict) or int(parts[-1]) < len(value)


def fits(body: str) -> bool:
    """Whether a body is a job that a worker takes, as another implementation of JSON schema sees it."""

    def refuse(name: str) -> None:
        raise ValueError(name)

    try:
        request = json.loads(body, parse_constant=refuse)
        json.dumps(request, ensure_ascii=False).encode()
    except ValueError:
        return False
    if not isinstance(request, dict) or request.keys() != {"worker", "input"} or not isinstance(request["input"], dict):
        return False
    if not isinstance(request["worker"], str) or request["worker"] not in CATALOGUE or 10**400 in numbers(request):
        return False
    return jsonschema.Draft7Validator(CATALOGUE[request["worker"]]["input"]).is_valid(request["input"])


def numbers(value: Any) -> list[Any]:
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [value] if isinstance(value, int | float) else [n for child in children for n in numbers(child)]


@settings(max_examples=400, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
@given(body=BODIES)
def test_a_body_is_taken_if_it_fits_and_otherwise_refused_with_pointers(handler: Callable[..., Any], body: str):
    status, answer = call(handler, "/jobs", body)
    if fits(body):
        assert status == 202
    else:
        must_be_a_problem(status, answer, body)


@settings(max_examples=200, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    body=st.fixed_dictionaries(
        {"filename": st.text(st.characters(codec=None)) | JSON, "content_type": st.just("image/png") | JSON},
        optional={"size": st.integers(-1, 6 * 10**9) | st.floats(), "path": JSON},
    ).map(json.dumps)
)
def test_an_upload_request_never_fails_in_the_api(handler: Callable[..., Any], body: str):
    status, answer = call(handler, "/uploads", body)
    if status != 201:
        must_be_a_problem(status, answer, body)
