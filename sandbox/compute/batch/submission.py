"""SubmitJob: what Batch takes and what it refuses."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from typing import Any

from components.units import check_fargate_memory, fargate_vcpu
from sandbox.compute.batch.declared import Declared, Definition, Queue, by_name_or_arn
from sandbox.compute.batch.job import Job
from sandbox.compute.batch.retry import problem

MAX_ARRAY, MAX_DEPENDENCIES, MIN_TIMEOUT_SECONDS = 10_000, 20, 60
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")
_SHARE = re.compile(r"[A-Za-z0-9]{1,255}\*?")


class Refused(Exception):
    """Batch would answer with a ClientException of this text."""


def read(request: Mapping[str, Any], declared: Declared, jobs: Mapping[str, Job], arn_prefix: str, now: int) -> Job:
    """The job of a request, with its children and all that it depends on. `Refused`"""
    name = request.get("jobName") or ""
    if not _NAME.fullmatch(name):
        raise Refused("Job name should match valid pattern")
    queue = _queue(request, declared)
    definition = _definition(request, declared)
    container = _container(definition, request.get("containerOverrides") or {}, queue)
    share, priority = _share(request, queue, definition)
    id_ = str(uuid.uuid4())
    description = definition.description
    job = Job(
        id=id_,
        arn=f"{arn_prefix}job/{id_}",
        name=name,
        queue=queue,
        definition=definition,
        container=container,
        retry=_retry(request.get("retryStrategy") or description.get("retryStrategy") or {"attempts": 1}),
        timeout_seconds=_timeout(request, description),
        created_at=now,
        depends_on=[dict(item) for item in request.get("dependsOn") or []],
        share=share,
        priority=priority,
        tags=request.get("tags") or {},
        size=_size(request),
    )
    _add_children(job)
    _connect(job, jobs)
    return job


def _queue(request: Mapping[str, Any], declared: Declared) -> Queue:
    wanted = request.get("jobQueue") or ""
    try:
        queue: Queue = by_name_or_arn(declared.queues, wanted)
    except LookupError:
        raise Refused(f"Job Queue {wanted} not found") from None
    if not queue.enabled:
        raise Refused(f"Job Queue {wanted} is not enabled")
    return queue


def _definition(request: Mapping[str, Any], declared: Declared) -> Definition:
    wanted = request.get("jobDefinition") or ""
    try:
        return declared.definition(wanted)
    except (LookupError, ValueError):
        raise Refused(f"JobDefinition does not exist: {wanted}") from None


def _container(definition: Definition, overrides: Mapping[str, Any], queue: Queue) -> dict[str, Any]:
    platforms = definition.description.get("platformCapabilities") or ["EC2"]
    if ("FARGATE" if queue.fargate else "EC2") not in platforms:
        raise Refused(f"Job queue is not compatible with the platform capabilities of the definition: {platforms}")
    container = dict(definition.container)
    variables = {item["name"]: item["value"] for item in container.get("environment") or []}
    for item in overrides.get("environment") or []:
        if item["name"].startswith("AWS_BATCH"):
            raise Refused("Environment variable names cannot start with AWS_BATCH")
        variables[item["name"]] = item["value"]
    container["environment"] = [{"name": key, "value": value} for key, value in variables.items()]
    if overrides.get("command"):
        container["command"] = overrides["command"]
    needs = {item["type"]: item["value"] for item in container.get("resourceRequirements") or []}
    needs |= {item["type"]: item["value"] for item in overrides.get("resourceRequirements") or []}
    container["resourceRequirements"] = [{"type": key, "value": value} for key, value in needs.items()]
    _check_size(needs, queue)
    return container


def _check_size(needs: Mapping[str, str], queue: Queue) -> None:
    try:
        vcpu, memory = float(needs["VCPU"]), int(needs["MEMORY"])
        if queue.fargate:
            check_fargate_memory(fargate_vcpu(vcpu), memory)
        elif vcpu != int(vcpu) or vcpu < 1 or memory < 4:
            raise ValueError
    except (KeyError, ValueError):
        said = f"{needs.get('VCPU')} vCPU, {needs.get('MEMORY')} MiB"
        kind = "Fargate resource requirements" if queue.fargate else "Resource requirements"
        raise Refused(f"Error executing request, Exception : {kind} ({said}) not valid.") from None


def _share(request: Mapping[str, Any], queue: Queue, definition: Definition) -> tuple[str, int]:
    share = request.get("shareIdentifier") or ""
    if queue.policy and not share:
        raise Refused("ShareIdentifier must be specified for a queue with a scheduling policy")
    if share and not queue.policy:
        raise Refused("ShareIdentifier cannot be specified for a queue without a scheduling policy")
    if share and not _SHARE.fullmatch(share):
        raise Refused("ShareIdentifier is not valid: letters and digits, at most 255")
    priority = request.get("schedulingPriorityOverride", definition.description.get("schedulingPriority"))
    if share and priority is None:
        raise Refused("Either schedulingPriority in job definition or schedulingPriorityOverride should be specified.")
    return share, int(priority or 0)


def _retry(strategy: Mapping[str, Any]) -> Mapping[str, Any]:
    if not 1 <= int(strategy.get("attempts") or 1) <= 10:
        raise Refused("RetryStrategy: attempts must be between 1 and 10")
    if said := problem(strategy):
        raise Refused(f"RetryStrategy: {said}")
    return strategy


def _timeout(request: Mapping[str, Any], description: Mapping[str, Any]) -> float | None:
    own = (request.get("timeout") or {}).get("attemptDurationSeconds")
    if own is not None and int(own) < MIN_TIMEOUT_SECONDS:
        raise Refused(f"Timeout: attemptDurationSeconds must be at least {MIN_TIMEOUT_SECONDS}")
    return own or (description.get("timeout") or {}).get("attemptDurationSeconds")


def _size(request: Mapping[str, Any]) -> int:
    size = (request.get("arrayProperties") or {}).get("size")
    if size is None:
        return 0
    if not 2 <= int(size) <= MAX_ARRAY:
        raise Refused(f"Array size must be between 2 and {MAX_ARRAY}")
    return int(size)


def _add_children(job: Job) -> None:
    for index in range(job.size):
        child = Job(
            id=f"{job.id}:{index}",
            arn=f"{job.arn}:{index}",
            name=job.name,
            queue=job.queue,
            definition=job.definition,
            container=job.container,
            retry=job.retry,
            timeout_seconds=job.timeout_seconds,
            created_at=job.created_at,
            depends_on=job.depends_on,
            share=job.share,
            priority=job.priority,
            tags=job.tags,
            parent=job,
            index=index,
        )
        job.children.append(child)


def _connect(job: Job, jobs: Mapping[str, Job]) -> None:
    """What each of the family waits for. Job ids exist before they can be named, so that there is never a circle."""
    if len(job.depends_on) > MAX_DEPENDENCIES:
        raise Refused(f"A job can depend upon at most {MAX_DEPENDENCIES} jobs")
    for dependency in job.depends_on:
        kind, wanted = dependency.get("type"), dependency.get("jobId")
        if kind == "SEQUENTIAL" and not wanted:
            if not job.children:
                raise Refused("A SEQUENTIAL dependency is for array jobs")
            for before, child in zip(job.children, job.children[1:], strict=False):
                _wait(child, before)
            continue
        other = jobs.get(wanted or "")
        if other is None:
            raise Refused(f"Job {wanted} that this job depends on does not exist")
        if kind == "N_TO_N":
            if not job.children or job.size != other.size:
                raise Refused("An N_TO_N dependency is between array jobs of the same size")
            for mine, theirs in zip(job.children, other.children, strict=True):
                _wait(mine, theirs)
        else:
            for one in job.family():
                _wait(one, other)


def _wait(job: Job, other: Job) -> None:
    job.needs.append(other)
    other.dependents.append(job)
