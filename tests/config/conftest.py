"""A project in a temporary folder: stack files and workers that are right until a test spoils them."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.problems import ConfigurationError
from components.settings import Settings, parse_settings
from components.stackfile import engine_config

STACK = """\
config:
  aws:region: eu-central-1
  serverless-batch:workers:
    image_alt_generator: {}
    meta_desc_generator: {}
"""

MANIFEST = """\
description: Alternative text for an image.
trigger: {api: {concurrency: 10}}
resources: {vcpu: 0.5, memory: 1 GB, timeout: 5 min}
grants: [{read: uploads}, {write: results}, {model: true}]
input:
  type: object
  required: [key]
  properties:
    key: {type: string}
"""


class Project:
    def __init__(self, folder: Path):
        self.folder = folder
        self.write("Pulumi.yaml", "name: serverless-batch\nruntime: python\n")
        self.write("Pulumi.dev.yaml", STACK)
        for name in ("image_alt_generator", "meta_desc_generator"):
            self.worker(name)

    def write(self, file: str, content: str | bytes) -> None:
        path = self.folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    def worker(self, name: str, manifest: str | bytes = MANIFEST) -> None:
        self.write(f"workers/{name}/worker.yaml", manifest)
        self.write(f"workers/{name}/handler.py", "def handle(input, context):\n    return {}\n")

    def stack(self, text: str, *, workers: str = "    image_alt_generator: {}") -> None:
        """Write a dev stack with the sections `text`; without any it is right."""
        head = f"config:\n  aws:region: eu-central-1\n  serverless-batch:workers:\n{workers}\n"
        self.write("Pulumi.dev.yaml", head + text)

    def settings(self, stack: str = "dev") -> Settings:
        return parse_settings(engine_config(self.folder, stack), stack, self.folder)

    def problems(self, stack: str = "dev") -> list[str]:
        """What is wrong, a line each."""
        with pytest.raises(ConfigurationError) as raised:
            self.settings(stack)
        heading, *lines = str(raised.value).splitlines()
        assert heading.startswith(f"The configuration has {len(lines)} problem")
        assert all(line.startswith("  ") for line in lines)
        return [line.removeprefix("  ") for line in lines]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)
