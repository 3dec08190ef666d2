"""Objects against the schemas of the versions that a stack can choose."""

from __future__ import annotations

from typing import Any

import pytest
from kubernetes_validate.utils import all_versions

from components.kubernetes_objects import namespace_objects
from components.kubernetes_schema import refused
from components.kubernetes_settings import VERSIONS, Quota


def config_map(**more: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "sources"}, **more}


@pytest.mark.parametrize("version", VERSIONS)
def test_each_version_that_a_stack_can_choose_has_schemas(version: str) -> None:
    assert version in {known.rpartition(".")[0] for known in all_versions()}
    assert refused(namespace_objects("batch", version, Quota(), [5432], True), version) == []


def test_a_field_that_nobody_knows_is_refused_with_its_place() -> None:
    [wrong] = refused([config_map(), config_map(dat={})], "1.35")
    assert wrong.startswith("Kubernetes 1.35 would refuse ConfigMap 'sources': ")
    assert "'dat' was unexpected" in wrong


def test_a_value_of_the_wrong_kind_is_refused_with_its_place() -> None:
    [wrong] = refused([config_map(data={"sources.json": 7})], "1.35")
    assert "data.sources.json: 7 is not of type" in wrong


def test_a_kind_that_does_not_exist_is_refused() -> None:
    [wrong] = refused([config_map() | {"kind": "ConfigMapp"}], "1.35")
    assert wrong == "Kubernetes 1.35 would refuse ConfigMapp 'sources': it has none of v1"


def test_what_an_operator_defines_is_the_operators_to_judge() -> None:
    assert refused([config_map() | {"apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret"}], "1.35") == []


def test_a_cluster_that_is_ahead_of_the_schemas_is_judged_by_the_newest() -> None:
    newest = all_versions()[-1].rpartition(".")[0]
    [wrong] = refused([config_map(dat={})], "1.99")
    assert wrong.startswith(f"Kubernetes {newest} would refuse")
