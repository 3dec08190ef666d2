"""What a worker's image is made of, and the tag that follows from it."""

from __future__ import annotations

import hashlib
from pathlib import Path

SHARED = ("jobs", "workers/runtime", "workers/engines")  # what workers/Dockerfile copies for every worker


def content_tag(project_dir: Path, worker: str, architecture: str) -> str:
    """Hash of everything that goes into the image: the same content gives the same tag on every machine."""
    digest = hashlib.sha256(architecture.encode())
    for file in image_files(project_dir, worker):
        digest.update(file.as_posix().encode() + b"\0")
        digest.update(hashlib.sha256((project_dir / file).read_bytes()).digest())
    return digest.hexdigest()[:16]


def image_files(project_dir: Path, worker: str) -> list[Path]:
    """The files that a worker's image is made of, relative to the project."""
    found = [Path("workers/requirements.txt"), Path("workers/__init__.py"), Path(dockerfile(project_dir, worker))]
    for folder in (*SHARED, f"workers/{worker}"):
        files = [file.relative_to(project_dir) for file in (project_dir / folder).rglob("*") if file.is_file()]
        found += [file for file in files if not _ignored(file)]
    return sorted(set(found))


def dockerfile(project_dir: Path, worker: str) -> str:
    """The worker's own Dockerfile or, if it has none, the one of all Python workers; relative to the project."""
    own = f"workers/{worker}/Dockerfile"
    return own if (project_dir / own).is_file() else "workers/Dockerfile"


def platform(architecture: str) -> str:
    """As Docker names an architecture, which is "x86_64" or "arm64"."""
    return "linux/arm64" if architecture == "arm64" else "linux/amd64"


def _ignored(file: Path) -> bool:
    """What .dockerignore keeps out of the image."""
    hidden = any(part.startswith(".") for part in file.parts)
    return hidden or "__pycache__" in file.parts or file.name == "worker.yaml"
