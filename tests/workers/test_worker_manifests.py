"""The manifests' input schemas, the pinned packages, and that a worker loads only what it needs."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import fastjsonschema
import pytest
import yaml

from workers.content_analyzer import handler as content
from workers.image_alt_generator import handler as image

ROOT = Path(__file__).parents[2]
NAMES = ["content_analyzer", "image_alt_generator", "meta_desc_generator"]


def schema(name: str) -> dict[str, Any]:
    return yaml.safe_load((ROOT / "workers" / name / "worker.yaml").read_text())["input"]


@pytest.mark.parametrize("name", NAMES)
def test_the_examples_of_an_input_schema_are_valid_input(name: str):
    validate = fastjsonschema.compile(schema(name), use_default=False)
    examples = schema(name)["examples"]
    assert examples
    for example in examples:
        validate(example)


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        (name, bad)
        for name in NAMES
        for bad in ({}, {"key": ""}, {"key": 3}, {"key": "k", "no_such": 1}, {"key": "k", "bucket": "NO"})
    ]
    + [
        ("content_analyzer", {"key": "k", "text": "both"}),
        ("content_analyzer", {"key": "k", "max_keywords": 51}),
        ("content_analyzer", {"text": "x" * 30_001}),
        ("image_alt_generator", {"key": "k", "context": "x" * 501}),
        ("image_alt_generator", {"key": "k", "language": "english, please"}),
        ("image_alt_generator", {"key": "k", "max_length": 10}),
    ],
)
def test_wrong_input_is_refused(name: str, bad: dict[str, Any]):
    with pytest.raises(fastjsonschema.JsonSchemaValueException):
        fastjsonschema.compile(schema(name))(bad)


def test_the_defaults_in_the_manifests_are_those_of_the_code():
    assert schema("content_analyzer")["properties"]["max_keywords"]["default"] == content.KEYWORDS
    assert schema("content_analyzer")["properties"]["summary_sentences"]["default"] == content.SENTENCES
    assert schema("image_alt_generator")["properties"]["language"]["default"] == image.LANGUAGE
    assert schema("image_alt_generator")["properties"]["max_length"]["default"] == image.MAX_LENGTH


@pytest.mark.parametrize("folder", NAMES)
def test_the_tests_ran_with_the_packages_that_the_images_get(folder: str):
    lines = (ROOT / "workers" / folder / "requirements.txt").read_text().splitlines()
    pins = dict(line.split()[0].split("==") for line in lines if line and not line.lstrip().startswith("#"))
    assert pins
    assert {name: version(name) for name in pins} == pins


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("workers.engines", ["boto3", "urllib3", "tenacity", "pybreaker"]),
        ("workers.image_alt_generator.handler", ["rapidocr", "onnxruntime", "cv2", "boto3"]),
        ("workers.meta_desc_generator.handler", ["trafilatura", "yake", "requests", "boto3"]),
        ("workers.content_analyzer.handler", ["trafilatura", "yake", "networkx", "boto3"]),
    ],
)
def test_importing_does_not_load_what_a_job_may_not_need(module: str, heavy: list[str]):
    code = f"import sys, {module}; print(*[name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
