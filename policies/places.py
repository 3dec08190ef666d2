"""Where in the project a resource comes from: its worker's manifest, or the component that declares it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml


@dataclass(frozen=True)
class Place:
    """file: from the project's folder. line: from 1."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@cache
def project_name(folder: Path) -> str | None:
    """Of the Pulumi project in a folder; None if there is none."""
    try:
        document = yaml.safe_load((folder / "Pulumi.yaml").read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return None
    return document.get("name") if isinstance(document, dict) else None


def place(project: Path, urn: str) -> Place | None:
    """None if nothing of the project is known of it, and if it is of another project.

    A resource whose name begins with a worker's is that worker's; of any other, the innermost component counts.
    """
    its_project, _, rest = urn.partition("::")[2].partition("::")
    if its_project != project_name(project):
        return None
    chain, _, name = rest.partition("::")
    worker = max((one for one in _workers(project) if _belongs(name, one)), key=len, default=None)
    if worker:
        return Place(f"workers/{worker}/worker.yaml", 1)
    for type_ in reversed(chain.split("$")):
        if found := _component(project, type_):
            return found
    return None


def _belongs(name: str, worker: str) -> bool:
    return any(re.match(rf"{re.escape(form)}(?![a-z0-9])", name) for form in (worker, worker.replace("_", "-")))


@cache
def _workers(project: Path) -> tuple[str, ...]:
    return tuple(file.parent.name for file in project.glob("workers/*/worker.yaml"))


@cache
def _component(project: Path, type_: str) -> Place | None:
    """type_: `project:module:Class`, as this project names its components."""
    parts = type_.split(":")
    file = project / "components" / f"{parts[1]}.py" if len(parts) == 3 else project
    if not file.is_file():
        return None
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        if re.match(rf"class {re.escape(parts[2])}\b", line):
            return Place(file.relative_to(project).as_posix(), number)
    return None
