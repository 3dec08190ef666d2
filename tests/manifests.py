"""Reads manifests for the tests of what they may say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from components.manifest import Manifest, read_manifest

Read = Callable[[str], tuple[Manifest | None, list[str]]]


def reader(folder: Path) -> Read:
    """`read(text)`: the manifest, and everything that is wrong with it, a line each. The text goes into `folder`."""

    def read(text: str) -> tuple[Manifest | None, list[str]]:
        (folder / "worker.yaml").write_text(text)
        manifest, problems = read_manifest(folder / "worker.yaml", "worker.yaml")
        return manifest, [str(problem) for problem in problems]

    return read
