"""A project with one Batch worker, right until a test spoils it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from batch_project import MANIFEST

from components.problems import ConfigurationError
from components.settings import Settings, parse_settings
from components.stackfile import engine_config


@pytest.fixture
def settings(tmp_path: Path) -> Callable[..., Settings]:
    """batch: the stack's key, without its name; trigger: what `batch` of the manifest holds."""

    def settings(
        batch: str = "", trigger: str = "{}", *, overrides: str = "{}", manifest: str = MANIFEST, name: str = "lines"
    ) -> Settings:
        folder = tmp_path / "workers" / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "worker.yaml").write_text(manifest.replace("batch: {}", f"batch: {trigger}"))
        (folder / "handler.py").write_text("def handle(input, context):\n    return {}\n")
        (tmp_path / "Pulumi.yaml").write_text("name: serverless-batch\nruntime: python\n")
        key = f"  serverless-batch:batch: {batch}\n" if batch else ""
        (tmp_path / "Pulumi.dev.yaml").write_text(
            f"config:\n  aws:region: eu-central-1\n{key}  serverless-batch:workers:\n    {name}: {overrides}\n"
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
