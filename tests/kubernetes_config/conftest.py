"""A project with one worker in Kubernetes, right until a test spoils it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from kubernetes_project import EXISTING, MANIFEST

from components.problems import ConfigurationError
from components.settings import Settings, parse_settings
from components.stackfile import engine_config


@pytest.fixture
def settings(tmp_path: Path) -> Callable[..., Settings]:
    """kubernetes: the stack's key, without its name; trigger: what `kubernetes` of the manifest holds.

    others: stacks of the same project, each with what it says of Kubernetes.
    """

    def settings(
        kubernetes: str = EXISTING,
        trigger: str = "{}",
        *,
        overrides: str = "{}",
        manifest: str = MANIFEST,
        name: str = "etl",
        network: str = "{}",
        others: dict[str, str] | None = None,
    ) -> Settings:
        folder = tmp_path / "workers" / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "worker.yaml").write_text(manifest.replace("kubernetes: {}", f"kubernetes: {trigger}"))
        (folder / "handler.py").write_text("def handle(input, context):\n    return {}\n")
        (tmp_path / "Pulumi.yaml").write_text("name: serverless-batch\nruntime: python\n")
        for stack, said in {"dev": kubernetes, **(others or {})}.items():
            key = f"  serverless-batch:kubernetes: {said}\n" if said else ""
            (tmp_path / f"Pulumi.{stack}.yaml").write_text(
                f"config:\n  aws:region: eu-central-1\n{key}  serverless-batch:network: {network}\n"
                f"  serverless-batch:workers:\n    {name}: {overrides}\n"
            )
        return parse_settings(engine_config(tmp_path, "dev"), "dev", tmp_path)

    return settings


@pytest.fixture
def problems(settings: Callable[..., Settings]) -> Callable[..., list[str]]:
    def problems(*args: str, **more: str) -> list[str]:
        with pytest.raises(ConfigurationError) as raised:
            settings(*args, **more)
        return [str(problem) for problem in raised.value.problems]

    return problems
