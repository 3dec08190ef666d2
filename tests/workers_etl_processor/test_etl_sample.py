"""etl_processor: its manifest, and the sample of 50 sources."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import fastjsonschema
import pytest
import yaml
from etl_support import Etl

from components.manifest import read_manifest
from workers.etl_processor.columns import TYPES
from workers.etl_processor.ready import NotReady
from workers.etl_processor.sample_sources import DAMAGED, LATE, write
from workers.runtime import BadInput

MANIFEST = Path(__file__).parents[2] / "workers/etl_processor/worker.yaml"
DOCUMENT: dict[str, Any] = yaml.safe_load(MANIFEST.read_text())
SCHEMA, TRIGGER = DOCUMENT["input"], DOCUMENT["trigger"]["kubernetes"]


def test_the_manifest_is_valid():
    manifest, problems = read_manifest(MANIFEST, "worker.yaml")
    assert problems == []
    assert manifest and manifest.trigger.kubernetes
    assert (manifest.trigger.kubernetes.size, manifest.trigger.kubernetes.parallelism) == (50, 10)


def test_the_types_of_the_manifest_are_those_of_the_code():
    types = SCHEMA["properties"]["tables"]["additionalProperties"]["properties"]["columns"]["additionalProperties"]
    assert types["enum"] == list(TYPES)


@pytest.mark.parametrize("example", SCHEMA["examples"])
def test_the_examples_are_valid(example: dict[str, Any]):
    fastjsonschema.compile(SCHEMA, use_default=False)(example)


@pytest.mark.parametrize(
    "source",
    [
        {"name": "a", "table": "sales"},
        {"name": "a", "table": "sales", "prefix": "a"},
        {"name": "../a", "table": "sales", "prefix": "a/"},
        {"name": "a", "table": "sales", "prefix": "a/", "query": "SELECT 1", "database": "SHOP_DATABASE_URL"},
        {"name": "a", "table": "sales", "query": "SELECT 1"},
        {"name": "a", "table": "sales", "query": "SELECT 1", "database": "AWS_SECRET_ACCESS_KEY"},
        {"name": "a", "table": "sales", "query": "SELECT 1", "database": "postgresql://shop"},
    ],
)
def test_a_source_that_is_none_is_refused(source: dict[str, Any]):
    with pytest.raises(fastjsonschema.JsonSchemaValueException):
        fastjsonschema.compile(SCHEMA, use_default=False)({"source": source, **TRIGGER["input"]})


def test_the_sample_is_the_same_each_time(tmp_path: Path):
    files = [
        {path.relative_to(folder): path.read_bytes() for path in write(folder)}
        for folder in (tmp_path / "a", tmp_path / "b")
    ]
    assert files[0] == files[1]
    assert len(files[0]) == 49


def test_of_50_sources_one_fails_twice_and_one_for_ever(etl: Etl, tmp_path: Path):
    """As Kubernetes runs them, but one after the other."""
    upload(etl, write(tmp_path), tmp_path)
    sources = TRIGGER["sources"]
    etl.sources(*(source["name"] for source in sources))
    run: Callable[..., Any] = lambda source, attempt=1: etl.run(source, attempt=attempt, **TRIGGER["input"])  # noqa: E731
    for source in sources:
        if source["name"] not in (LATE, DAMAGED):
            run(source)
    by_name = {source["name"]: source for source in sources}
    with pytest.raises(BadInput, match=f"s3://uploads/sources/{DAMAGED}/stock.parquet is damaged, or no Parquet file"):
        run(by_name[DAMAGED])
    for attempt in (1, 2):
        with pytest.raises(NotReady):
            run(by_name[LATE], attempt)
    upload(etl, write(tmp_path, late=True), tmp_path)
    run(by_name[LATE], 3)

    report = etl.report()
    assert (report["sources"], report["succeeded"], report["failed"]) == (50, 49, 1)
    assert [(one["source"], one["attempt"], len(one["failures"])) for one in report["outcomes"] if one["failures"]] == [
        (LATE, 3, 2),
        (DAMAGED, 1, 1),
    ]
    assert len(etl.keys("etl_processor/warehouse/")) == 49
    assert sum(one.get("rows_bad", 0) for one in report["outcomes"]) > 0
    assert sum(one.get("rows_duplicate", 0) for one in report["outcomes"]) > 0


def upload(etl: Etl, paths: list[Path], folder: Path) -> None:
    for path in paths:
        etl.put(path.relative_to(folder).as_posix(), path.read_bytes())
