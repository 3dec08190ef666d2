"""A stack's workers: each one's manifest with the stack's overrides."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from components import units
from components.fields import Share
from components.manifest import Concurrency, Manifest, Memory, Timeout, Vcpu, read_manifest
from components.model import Model, read_value
from components.problems import Problem, Source, suggestion
from components.stackfile import NAMESPACE

FILES = ("worker.yaml", "handler.py")
NAME = re.compile(r"[a-z][a-z0-9_]{0,40}")
LONGEST_ROLE_NAME = 64  # Source: IAM quotas; of all that bears a worker's name, roles have the least room
PLATFORM_NAMES = ("notices",)  # of its own queues
SHARED_FOLDERS = ("runtime", "engines")  # in workers/, but of all workers

_IN_MANIFEST = "belongs in the worker's worker.yaml; a stack may only say vcpu, memory, timeout, concurrency, spotShare"


class WorkerOverride(Model):
    """What a stack may say about a worker; an absent key leaves the manifest's value."""

    elsewhere: ClassVar[dict[str, str]] = {
        "grants": "belongs in the worker's worker.yaml; a stack cannot change what a worker may touch",
        **dict.fromkeys(("description", "trigger", "resources", "retry", "input", "environment"), _IN_MANIFEST),
        **dict.fromkeys(("scratch", "architecture", "attempts", "backoff"), _IN_MANIFEST),
    }

    vcpu: Vcpu | None = None
    memory_mib: Memory | None = Field(default=None, alias="memory")
    timeout_seconds: Timeout | None = Field(default=None, alias="timeout")
    concurrency: Concurrency | None = None
    spot_share: Share | None = None


@dataclass(frozen=True, kw_only=True)
class Worker:
    """A worker of this stack.

    name: its folder's name.
    folder: workers/<name> under the project's folder.
    manifest: with the stack's overrides already applied.
    spot_share: percent of its tasks that ask for Fargate Spot.
    image: digest reference of an image that exists; None means that the image is built from the folder.
    """

    name: str
    folder: Path
    manifest: Manifest
    spot_share: int
    image: str | None


def read_workers(
    overrides: object, source: Source, project_dir: Path, stack: str, *, spot_share: int, images: Mapping[str, str]
) -> tuple[list[Worker], list[Problem]]:
    """The workers that a stack lists, with everything that is wrong with the list and with their folders.

    overrides: the stack's `workers` map, as it stands at `source`.
    stack: its name, part of the queues' names.
    spot_share: the stack's, for workers that say nothing else.
    images: digest references by worker.
    """
    if not isinstance(overrides, dict) or not overrides:
        wrong = "must be a map of workers, each with its overrides or {}"
        return [], [source.problem(wrong, value=overrides, right="write for example 'image_alt_generator: {}'")]
    workers, problems = [], []
    for name, raw in overrides.items():
        here = source.inside(name)
        override, found = read_value(WorkerOverride, raw, here)
        problems += found
        manifest, found = _read_folder(name, stack, here, project_dir / "workers")
        problems += found
        if manifest is None or override is None:
            continue
        problems += _size_problems(manifest, override, here)
        workers.append(
            Worker(
                name=name,
                folder=project_dir / "workers" / name,
                manifest=_merged(manifest, override),
                spot_share=spot_share if override.spot_share is None else override.spot_share,
                image=images.get(name),
            )
        )
    return workers, problems


def _read_folder(name: str, stack: str, source: Source, root: Path) -> tuple[Manifest | None, list[Problem]]:
    unfit = _name_problem(name, stack)
    if unfit:
        return None, [source.problem(unfit)]
    folders = sorted(path.parent.name for path in root.glob("*/worker.yaml"))
    if name in SHARED_FOLDERS:
        return None, [source.problem(f"is shared by all workers, not one of them; {suggestion(name, folders)}")]
    if not (root / name).is_dir():
        return None, [source.problem(f"there is no folder workers/{name}", right=suggestion(name, folders))]
    missing = [file for file in FILES if not (root / name / file).is_file()]
    problems = [Problem(file=f"workers/{name}", wrong=f"has no {file}") for file in missing]
    if "worker.yaml" in missing:
        return None, problems
    if not missing:
        problems += _handler_problems(root / name / "handler.py", f"workers/{name}/handler.py")
    manifest, found = read_manifest(root / name / "worker.yaml", f"workers/{name}/worker.yaml")
    return manifest, problems + found


def _handler_problems(path: Path, file: str) -> list[Problem]:
    """Whether the handler can be read, and has its function. It is not run."""
    try:
        module = ast.parse(path.read_bytes())
    except SyntaxError as error:
        return [Problem(file=file, line=error.lineno, wrong=f"is not Python: {error.msg}")]
    except ValueError as error:
        return [Problem(file=file, wrong=f"is not Python: {error}")]
    names = {node.name for node in ast.walk(module) if isinstance(node, ast.FunctionDef)}
    names |= {
        alias.asname or alias.name
        for node in ast.walk(module)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    names |= {node.id for node in ast.walk(module) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    if "handle" not in names:
        return [Problem(file=file, wrong="has no function handle(input, context)")]
    return []


def _name_problem(name: str, stack: str) -> str | None:
    if not NAME.fullmatch(name):
        return "is not a worker's name: lower-case letters, digits and _, at most 41 characters"
    if name.endswith("_dlq"):
        return "ends like the dead-letter queue of another worker; choose another name"
    if name in PLATFORM_NAMES:
        return "is the name of one of the platform's own queues; choose another name"
    room = LONGEST_ROLE_NAME - len(f"{NAMESPACE}-{stack}--execution")
    if len(name) > room:
        return f"is too long: with the stack's name its roles exceed {LONGEST_ROLE_NAME} characters; at most {room} fit"
    return None


def _merged(manifest: Manifest, override: WorkerOverride) -> Manifest:
    size = {"vcpu": override.vcpu, "memory_mib": override.memory_mib, "timeout_seconds": override.timeout_seconds}
    resources = manifest.resources.model_copy(update={key: value for key, value in size.items() if value is not None})
    trigger = manifest.trigger
    if override.concurrency is not None:
        api = trigger.api.model_copy(update={"concurrency": override.concurrency})
        trigger = trigger.model_copy(update={"api": api})
    return manifest.model_copy(update={"resources": resources, "trigger": trigger})


def _size_problems(manifest: Manifest, override: WorkerOverride, source: Source) -> list[Problem]:
    """An override may be right by itself and wrong together with what the manifest says."""
    size = _merged(manifest, override).resources
    try:
        units.check_fargate_memory(size.vcpu, size.memory_mib)
    except ValueError as error:
        key = "vcpu" if override.memory_mib is None else "memory"
        return [source.problem(f"{units.memory_text(size.memory_mib)} {error}", (key,))]
    return []
