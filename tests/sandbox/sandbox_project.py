"""A copy of this project in a folder of its own, with workers that do what their input says."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]
PARTS = (
    "__main__.py", "Pulumi.yaml", "batchctl", "batchjobs", "components", "functions", "jobs", "pipeline", "policies",
    "sandbox", "scaling", "schedules", "workflows",
    "workers/__init__.py", "workers/runtime", "workers/engines", "workers/Dockerfile", "workers/requirements.txt",
)  # fmt: skip
TEXTS = ("do", "text", "key", "pipe", "journal")
MANIFEST = {
    "description": "Does what its input says.",
    "trigger": {"api": {"concurrency": 10}},
    "resources": {"vcpu": 0.25, "memory": "512 MB", "timeout": "1 min"},
    "retry": {"attempts": 2, "backoff": "1 s"},
    "grants": [{"read": "uploads"}],
    "input": {
        "type": "object",
        "required": ["do"],
        "additionalProperties": False,
        "properties": {name: {"type": "string", "minLength": 1} for name in TEXTS},
    },
}


class Project:
    """folder: where it lies."""

    def __init__(self, folder: Path):
        self.folder = folder
        for part in PARTS:
            source, target = REPOSITORY / part, folder / part
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copyfile(source, target)

    def add_worker(self, name: str, **changes: Any) -> None:
        """changes: keys of the manifest that differ."""
        worker = self.folder / "workers" / name
        worker.mkdir()
        shutil.copyfile(HERE / "sample_worker.py", worker / "handler.py")
        (worker / "worker.yaml").write_text(yaml.safe_dump(MANIFEST | changes, sort_keys=False))

    def write_stack(self, name: str, **sections: Any) -> Path:
        """Pulumi.<name>.yaml. sections: values of the project's own keys."""
        config = {"aws:region": "eu-central-1"} | {f"serverless-batch:{key}": value for key, value in sections.items()}
        file = self.folder / f"Pulumi.{name}.yaml"
        file.write_text(yaml.safe_dump({"config": config}, sort_keys=False))
        return file

    def sandbox(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """`python -m sandbox …`, to its end."""
        command = [sys.executable, "-m", "sandbox", *arguments]
        return subprocess.run(command, cwd=self.folder, capture_output=True, text=True, timeout=100)
