"""s3_batch: what its input may be, in the manifest and in the code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fastjsonschema
import pytest
import yaml

from components.manifest import read_manifest
from workers.runtime import BadInput
from workers.s3_batch import request
from workers.s3_batch.request import read_request

MANIFEST = Path(__file__).parents[2] / "workers/s3_batch/worker.yaml"
SCHEMA: dict[str, Any] = yaml.safe_load(MANIFEST.read_text())["input"]
AT = {"scheduled_at": "2026-03-02T01:00:00Z"}


def test_the_manifest_is_valid_and_its_schedule_gives_what_its_input_takes():
    manifest, problems = read_manifest(MANIFEST, "worker.yaml")
    assert problems == []
    assert manifest
    assert manifest.trigger.schedule
    fastjsonschema.compile(SCHEMA)(manifest.trigger.schedule.input | AT)


@pytest.mark.parametrize("example", SCHEMA["examples"])
def test_the_examples_are_valid_and_understood(example: dict[str, Any]):
    fastjsonschema.compile(SCHEMA, use_default=False)(example)
    read_request(example)


def test_the_defaults_are_those_of_the_code():
    properties = SCHEMA["properties"]
    assert (properties["source"]["default"], properties["destination"]["default"]) == (
        request.SOURCE,
        request.DESTINATION,
    )
    assert properties["source"]["maxLength"] == request.MAX_SOURCE
    assert properties["destination"]["maxLength"] == request.MAX_DESTINATION
    assert read_request(AT) == request.Request("inbox/", "s3_batch/archive/")


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ({"source": "inbox"}, "must be like inbox/"),
        ({"source": "/inbox/"}, "must be like inbox/"),
        ({"source": "/"}, "must be like inbox/"),
        ({"source": "s3://uploads/inbox/"}, "a prefix of keys in the uploads bucket"),
        ({"source": "in\x00box/"}, "characters that cannot be seen"),
        ({"source": "in\nbox/"}, "characters that cannot be seen"),
        ({"source": "in\u200bbox/"}, "characters that cannot be seen"),
        ({"source": "x" * 500 + "/"}, "more than 500"),
        ({"destination": ""}, "must be like archive/2026/"),
        ({"destination": "archive"}, "must be like archive/2026/"),
        ({"destination": "/archive/"}, "must be like archive/2026/"),
        ({"destination": "a//b/"}, "must be like archive/2026/"),
        ({"destination": "../other_worker/"}, "must be like archive/2026/"),
        ({"destination": "a/../b/"}, "must be like archive/2026/"),
        ({"destination": "_manifest/"}, "must be like archive/2026/"),
        ({"destination": "a b/"}, "must be like archive/2026/"),
        ({"destination": "ü/"}, "must be like archive/2026/"),
        ({"destination": "archive/\n"}, "must be like archive/2026/"),
        ({"destination": "x" * 200 + "/"}, "of 200 characters"),
    ],
)
def test_input_that_makes_no_sense_is_refused_with_the_reason(bad: dict[str, Any], reason: str):
    with pytest.raises(BadInput, match=reason):
        read_request(AT | bad)


@pytest.mark.parametrize(
    "good",
    [
        {"source": ""},
        {"source": "in box/ü/日本/"},
        {"source": "a//b/"},
        {"source": "x" * 499 + "/"},
        {"destination": "a/b-c/d_e/f.g/2026/"},
    ],
)
def test_other_input_is_taken(good: dict[str, Any]):
    fastjsonschema.compile(SCHEMA, use_default=False)(AT | good)
    read_request(AT | good)


@pytest.mark.parametrize("bad", [{}, AT | {"source": "inbox"}, AT | {"bucket": "another"}, AT | {"limit": 3}])
def test_what_the_schema_can_tell_it_refuses_at_once(bad: dict[str, Any]):
    with pytest.raises(fastjsonschema.JsonSchemaValueException):
        fastjsonschema.compile(SCHEMA)(bad)
