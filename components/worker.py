"""A stack's workers: each one's manifest with the stack's overrides."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from pydantic import Field
from pydantic_core import PydanticCustomError

from components import units
from components.batch_settings import BatchQueue
from components.batch_trigger import misfit
from components.fields import SecretArn, Share
from components.kubernetes_settings import Kubernetes
from components.kubernetes_settings import misfit as pod_misfit
from components.kubernetes_trigger import unfit_name
from components.manifest import Concurrency, Manifest, Memory, Timeout, Trigger, Vcpu, contradictions, read_manifest
from components.model import Model, read_value
from components.problems import Problem, Source, suggestion
from components.queue_trigger import (
    MAX_CONCURRENCY,
    Latency,
    MaxTasks,
    MinTasks,
    Target,
    check_goal,
    check_tasks,
)
from components.schedule_trigger import Expression, Timezone, check_bounds
from components.stackfile import NAMESPACE

FILES = ("worker.yaml", "handler.py")
NAME = re.compile(r"[a-z][a-z0-9_]{0,40}")
LONGEST_ROLE_NAME = 64  # Source: IAM quotas; of all that bears a worker's name, roles have the least room
PLATFORM_NAMES = (  # of its queues and repositories, and in its tables' keys
    "batch", "batch_events", "batch_undelivered", "failures", "layers", "notice", "notices", "pipeline_undelivered",
    "redrive", "scaling", "undelivered", "unstarted",
)  # fmt: skip
QUEUE_KEYS = {
    "min_tasks": "min", "max_tasks": "max", "target": "target",
    "latency_seconds": "latency", "processing_seconds": "processing",
}  # fmt: skip
"""What a stack may say of a queue trigger: attribute → key."""
SCHEDULE_KEYS = ("enabled", "expression", "timezone")
"""What a stack may say of a schedule."""
SHARED_FOLDERS = ("runtime", "engines")  # in workers/, but of all workers

_IN_MANIFEST = (
    "belongs in the worker's worker.yaml; a stack may only say vcpu, memory, timeout, concurrency, spotShare, secrets, "
    "for a queue min, max, target, latency, processing, for a schedule enabled, expression, timezone, and for "
    "kubernetes enabled"
)


class WorkerOverride(Model):
    """What a stack may say about a worker; an absent key leaves the manifest's value."""

    elsewhere: ClassVar[dict[str, str]] = {
        "grants": "belongs in the worker's worker.yaml; a stack cannot change what a worker may touch",
        **dict.fromkeys(("description", "trigger", "resources", "retry", "input", "environment"), _IN_MANIFEST),
        **dict.fromkeys(("scratch", "architecture", "attempts", "backoff"), _IN_MANIFEST),
        **dict.fromkeys(("prefix", "suffixes", "fifo", "tenant"), _IN_MANIFEST),
        **dict.fromkeys(("cooldown", "work", "effect", "visibility"), _IN_MANIFEST),
        **dict.fromkeys(("array", "tiers", "share"), _IN_MANIFEST),
        **dict.fromkeys(("window", "start", "end", "overlap"), _IN_MANIFEST),
        **dict.fromkeys(
            ("schedule", "suspend", "history", "ttl", "sources", "completions", "parallelism"), _IN_MANIFEST
        ),
        **dict.fromkeys(("starting_deadline", "retries_per_index", "priority_class"), _IN_MANIFEST),
    }

    vcpu: Vcpu | None = None
    memory_mib: Memory | None = Field(default=None, alias="memory")
    timeout_seconds: Timeout | None = Field(default=None, alias="timeout")
    concurrency: Concurrency | None = None
    spot_share: Share | None = None
    min_tasks: MinTasks | None = Field(default=None, alias="min")
    max_tasks: MaxTasks | None = Field(default=None, alias="max")
    target: Target | None = None
    latency_seconds: Latency | None = Field(default=None, alias="latency")
    processing_seconds: Latency | None = Field(default=None, alias="processing")
    enabled: bool | None = None
    expression: Expression | None = None
    timezone: Timezone | None = None
    secrets: dict[str, SecretArn] = Field(default={})


@dataclass(frozen=True, kw_only=True)
class Worker:
    """A worker of this stack.

    name: its folder's name.
    folder: workers/<name> under the project's folder.
    manifest: with the stack's overrides already applied.
    spot_share: percent of its tasks that ask for Fargate Spot.
    image: digest reference of an image that exists; None means that the image is built from the folder.
    enabled: whether its schedule, or its Job in Kubernetes, is on in this stack.
    secrets: variable name → ARN of the secret that it is filled from.
    """

    name: str
    folder: Path
    manifest: Manifest
    spot_share: int
    image: str | None
    enabled: bool = True
    secrets: Mapping[str, str] = field(default_factory=dict)


def read_workers(
    overrides: object,
    source: Source,
    project_dir: Path,
    stack: str,
    *,
    spot_share: int,
    images: Mapping[str, str],
    queues: Mapping[str, BatchQueue] | None,
    kubernetes: Kubernetes | None,
) -> tuple[list[Worker], list[Problem]]:
    """The workers that a stack lists, with everything that is wrong with the list and with their folders.

    overrides: the stack's `workers` map, as it stands at `source`.
    stack: its name, part of the queues' names.
    spot_share: the stack's, for workers that say nothing else.
    images: digest references by worker.
    queues: of Batch jobs; None if what the stack says of them is wrong.
    kubernetes: the stack's; None in the same case.
    """
    if not isinstance(overrides, dict) or not overrides:
        wrong = "must be a map of workers, each with its overrides or {}"
        return [], [source.problem(wrong, value=overrides, right="write for example 'image_alt_generator: {}'")]
    workers, problems = [], []
    for name, raw in overrides.items():
        here = source.inside(name)
        override, found = read_value(WorkerOverride, raw, here)
        problems += found
        manifest, found = _read_folder(name, stack, here, project_dir / "workers", queues)
        problems += found
        if manifest is None or override is None:
            continue
        problems += _size_problems(manifest, override, queues, here) + _trigger_problems(manifest, override, here)
        if manifest.trigger.kubernetes:
            problems += _pod_problems(name, _merged(manifest, override), kubernetes, here)
        problems += [
            here.problem("is no secret that worker.yaml lists", ("secrets", name), right=_listed(manifest, name))
            for name in sorted(override.secrets.keys() - set(manifest.secrets))
        ]
        workers.append(
            Worker(
                name=name,
                folder=project_dir / "workers" / name,
                manifest=_merged(manifest, override),
                spot_share=spot_share if override.spot_share is None else override.spot_share,
                image=images.get(name),
                enabled=override.enabled is not False,
                secrets=override.secrets,
            )
        )
    return workers, problems


def _listed(manifest: Manifest, variable: str) -> str:
    return suggestion(variable, manifest.secrets) if manifest.secrets else "it lists none under 'secrets'"


def _read_folder(
    name: str, stack: str, source: Source, root: Path, queues: Mapping[str, BatchQueue] | None
) -> tuple[Manifest | None, list[Problem]]:
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
    manifest, found = read_manifest(root / name / "worker.yaml", f"workers/{name}/worker.yaml", queues)
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
        return "is a name that the platform uses itself; choose another"
    room = LONGEST_ROLE_NAME - len(f"{NAMESPACE}-{stack}--execution")
    if len(name) > room:
        return f"is too long: with the stack's name its roles exceed {LONGEST_ROLE_NAME} characters; at most {room} fit"
    return None


def _merged(manifest: Manifest, override: WorkerOverride) -> Manifest:
    size = {"vcpu": override.vcpu, "memory_mib": override.memory_mib, "timeout_seconds": override.timeout_seconds}
    resources = manifest.resources.model_copy(update={key: value for key, value in size.items() if value is not None})
    return manifest.model_copy(update={"resources": resources, "trigger": _merged_trigger(manifest.trigger, override)})


def _merged_trigger(trigger: Trigger, override: WorkerOverride) -> Trigger:
    changed: dict[str, object] = {}
    if trigger.api and override.concurrency:
        changed["api"] = trigger.api.model_copy(update={"concurrency": override.concurrency})
    if trigger.queue:
        changed["queue"] = trigger.queue.model_copy(update=_queue_changes(override))
    if trigger.schedule:
        given = {"expression": override.expression, "timezone": override.timezone}
        changes = {name: value for name, value in given.items() if value is not None}
        changed["schedule"] = trigger.schedule.model_copy(update=changes)
    return trigger.model_copy(update=changed)


def _queue_changes(override: WorkerOverride) -> dict[str, int | None]:
    changes: dict[str, int | None] = {
        name: value for name in ("concurrency", *QUEUE_KEYS) if (value := getattr(override, name)) is not None
    }
    if "target" in changes:  # else latency and processing, which go before it, would hide it
        changes |= {"latency_seconds": None, "processing_seconds": None}
    return changes


def _size_problems(
    manifest: Manifest, override: WorkerOverride, queues: Mapping[str, BatchQueue] | None, source: Source
) -> list[Problem]:
    """An override's size may be right by itself and wrong together with what the manifest says."""
    size, batch = _merged(manifest, override).resources, manifest.trigger.batch
    given = [key for key, value in (("vcpu", override.vcpu), ("memory", override.memory_mib)) if value is not None]
    if batch and batch.tiers and given:
        wrong = "has no effect on a worker with tiers, which say what a job gets; they belong in its worker.yaml"
        return [source.problem(wrong, (key,)) for key in given]
    try:
        units.check_fargate_memory(size.vcpu, size.memory_mib)
    except ValueError as error:
        key = "vcpu" if override.memory_mib is None else "memory"
        return [source.problem(f"{units.memory_text(size.memory_mib)} {error}", (key,))]
    queue = (queues or {}).get(batch.queue) if batch else None
    if queue and given and (wrong := misfit(size.vcpu, size.memory_mib, queue)):
        return [source.problem(wrong, (given[0],))]
    return []


def _trigger_problems(manifest: Manifest, override: WorkerOverride, source: Source) -> list[Problem]:
    """The same for what it says of the trigger."""
    return [
        *_misplaced(manifest.trigger, override, source),
        *(_queue_problems(manifest, override, source) if manifest.trigger.queue else []),
        *(_schedule_problems(manifest, override, source) if manifest.trigger.schedule else []),
    ]


def _misplaced(trigger: Trigger, override: WorkerOverride, source: Source) -> list[Problem]:
    """What it says of another kind of trigger than the worker has."""
    wrong = []
    if trigger.queue is None:
        wrong += [(key, "queue") for name, key in QUEUE_KEYS.items() if getattr(override, name) is not None]
    if trigger.schedule is None:
        keys = [key for key in SCHEDULE_KEYS if not (trigger.kubernetes and key == "enabled")]
        wrong += [(key, "schedule") for key in keys if getattr(override, key) is not None]
    if (trigger.schedule or trigger.batch or trigger.kubernetes) and override.concurrency is not None:
        wrong += [("concurrency", "api' or 'queue")]
    if (trigger.batch or trigger.kubernetes) and override.spot_share is not None:
        wrong += [("spotShare", "api', 'queue' or 'schedule")]
    return [source.problem(f"has a meaning only for a worker with trigger '{kind}'", (key,)) for key, kind in wrong]


def _pod_problems(name: str, manifest: Manifest, kubernetes: Kubernetes | None, source: Source) -> list[Problem]:
    """Why a worker could not run in the stack's cluster. manifest: with the stack's overrides."""
    problems = [source.problem(wrong)] if (wrong := unfit_name(name)) else []
    if kubernetes is None:
        return problems
    if kubernetes.cluster is None:
        wrong = "has trigger 'kubernetes', and the stack says of no cluster"
        right = "write for example serverless-batch:kubernetes: {cluster: {existing: its-name}}"
        return [*problems, source.problem(wrong, right=right)]
    resources, new = manifest.resources, kubernetes.cluster.new
    if wrong := pod_misfit(resources.vcpu, resources.memory_mib, kubernetes):
        problems.append(source.problem(f"could never start: its size {wrong}"))
    if new and new.architecture != resources.architecture:
        wrong = f"is for {resources.architecture}, and the nodes of the new cluster are {new.architecture}"
        problems.append(source.problem(wrong, right="make architecture of its worker.yaml and instanceTypes agree"))
    return problems


def _schedule_problems(manifest: Manifest, override: WorkerOverride, source: Source) -> list[Problem]:
    """Another expression or zone may be right by itself and never be due between the manifest's start and end."""
    schedule = _merged(manifest, override).trigger.schedule
    assert schedule is not None  # an override changes no trigger's kind
    try:
        check_bounds(schedule)
    except PydanticCustomError as error:
        return [source.problem(error.message(), ("expression" if override.expression else "timezone",))]
    return []


def _queue_problems(manifest: Manifest, override: WorkerOverride, source: Source) -> list[Problem]:
    given = [key for name, key in QUEUE_KEYS.items() if getattr(override, name) is not None]
    if "target" in given and ("latency" in given or "processing" in given):
        return [source.problem("follows from latency and processing; give either", ("target",))]
    merged = _merged(manifest, override)
    queue = merged.trigger.queue
    assert queue is not None  # an override changes no trigger's kind
    problems = contradictions(merged, source) if override.timeout_seconds or "processing" in given else []
    for key, check in (
        ("max", lambda: check_tasks(queue.min_tasks, queue.max_tasks)),
        ("processing", lambda: check_goal(queue.latency_seconds, queue.processing_seconds)),
    ):
        try:
            check()
        except PydanticCustomError as error:
            problems.append(source.problem(error.message(), (key,)))
    if queue.concurrency > MAX_CONCURRENCY:
        wrong = f"must be at most {MAX_CONCURRENCY} for a queue, not {queue.concurrency}"
        problems.append(source.problem(wrong, ("concurrency",)))
    return problems
