"""data_processor: its manifest, and what its input may be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fastjsonschema
import pytest
import yaml

from components.manifest import read_manifest
from workers.data_processor.request import read_request

MANIFEST = Path(__file__).parents[2] / "workers/data_processor/worker.yaml"
SCHEMA: dict[str, Any] = yaml.safe_load(MANIFEST.read_text())["input"]


def test_the_manifest_is_valid():
    manifest, problems = read_manifest(MANIFEST, "worker.yaml")
    assert problems == []
    assert manifest
    assert manifest.trigger.batch
    assert manifest.trigger.batch.array == 8


@pytest.mark.parametrize("example", SCHEMA["examples"])
def test_the_examples_are_valid_and_understood(example: dict[str, Any]):
    fastjsonschema.compile(SCHEMA, use_default=False)(example)
    if "merge" not in example:
        read_request(example)


@pytest.mark.parametrize(
    "bad",
    [
        {"filter": [{"column": "a", "op": "like", "value": "x"}]},
        {"filter": "amount > 1"},
        {"group_by": ['a" OR 1']},
        {"measures": [{"op": "median", "column": "a"}]},
        {"sql": "SELECT 1"},
    ],
)
def test_what_is_not_in_the_language_is_refused(bad: dict[str, Any]):
    with pytest.raises(fastjsonschema.JsonSchemaValueException):
        fastjsonschema.compile(SCHEMA, use_default=False)({"prefix": "a/", "measures": [{"op": "count"}]} | bad)
