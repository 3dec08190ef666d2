"""A container that runs a Job of Kubernetes, or one index of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from aws_lambda_powertools import Logger

from workers.runtime import contained
from workers.runtime.execution import Events
from workers.runtime.objects import BadInput
from workers.runtime.settings import KubernetesSettings, Settings


def run(settings: Settings, kubernetes: KubernetesSettings, log: Logger, events: Events) -> int:
    """Run it, write down what became of it, return the exit code."""
    index = kubernetes.index
    job = contained.Job(
        id=kubernetes.run if index is None else f"{kubernetes.run}:{index}",
        key=kubernetes.run,
        attempt=kubernetes.attempt,
        index=index,
        size=kubernetes.size,
        memory_gb=kubernetes.memory_gb,
    )
    log.append_keys(pod=kubernetes.pod)
    return contained.run(settings, job, lambda: _input(kubernetes), log, events)


def _input(kubernetes: KubernetesSettings) -> dict[str, Any]:
    """The trigger's input; with the index's own source, and the time for which a CronJob has started it. `BadInput`"""
    input = contained.json_object(kubernetes.input)
    if kubernetes.sources_file:
        input["source"] = _source(kubernetes.sources_file, kubernetes.index or 0)
    if kubernetes.scheduled_at:
        input["scheduled_at"] = kubernetes.scheduled_at
    return input


def _source(file: Path, index: int) -> Any:
    """`BadInput`"""
    try:
        sources = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(f"the sources in {file} cannot be read: {error}") from error
    if not isinstance(sources, list):
        raise BadInput(f"{file} holds no list of sources")
    if index >= len(sources):
        raise BadInput(f"index {index} has no source: {file} lists {len(sources)}, which are indexes from 0")
    return sources[index]
