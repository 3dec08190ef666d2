"""What the environment of a task says, validated once."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

Value = TypeVar("Value")


class SettingsError(Exception):
    """Variables of the environment that are missing or wrong: all of them, by name."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What it takes to run handle(), whatever triggered it.

    timeout_seconds: how long it may take, its imports included (the manifest's timeout).
    engine: which engine the worker asks, as `workers.engines` reads it; None if it asks none.
    """

    worker: str
    uploads_bucket: str
    results_bucket: str
    timeout_seconds: float
    engine: str | None
    region: str
    metrics_namespace: str


@dataclass(frozen=True, kw_only=True)
class ApiSettings:
    """What a task needs besides to run a job of the API.

    jobs: (job id, attempt) pairs; the task claims the first that is left.
    backoff_seconds: wait before the second attempt; it doubles with each further one.
    metadata_uri: the ECS task metadata endpoint, version 4.
    """

    jobs: tuple[tuple[str, int], ...]
    jobs_table: str
    queue_url: str
    dlq_url: str
    max_attempts: int
    backoff_seconds: float
    vcpu: float
    memory_gb: float
    architecture: str
    capacity_provider: str
    metadata_uri: str


@dataclass(frozen=True, kw_only=True)
class QueueSettings:
    """What a task needs besides to work off a queue.

    max_attempts: failures after which a message is poison.
    backoff_seconds: wait before the second attempt; it doubles with each further one.
    io: whether handle() mostly waits (threads of one process) rather than computes (processes).
    concurrency: messages at a time.
    once: whether a message that has been processed is remembered, and never processed again.
    table: remembers that, and how often a message has failed.
    visibility_seconds: how long a received message stays invisible unless it is extended.
    memory_gb: of the task.
    stop_seconds: from SIGTERM to SIGKILL (the container's stopTimeout; Fargate grants 120 at most).
    agent_uri: where task protection is asked for; None outside of ECS.
    """

    queue_url: str
    dlq_url: str
    fifo: bool
    max_attempts: int
    backoff_seconds: float
    io: bool
    concurrency: int
    once: bool
    table: str
    visibility_seconds: int
    memory_gb: float
    stop_seconds: float
    agent_uri: str | None


@dataclass(frozen=True, kw_only=True)
class BatchSettings:
    """What a container needs besides to run one job of AWS Batch, or one part of an array job.

    key: of the submission; results go below it. input: as JSON; None if it is the object input_key of the uploads.
    index: of the part, None for a job that is no array. size: of the array, 1 otherwise. memory_gb: of the job.
    """

    job_id: str
    attempt: int
    key: str
    input: str | None
    input_key: str | None
    index: int | None
    size: int
    memory_gb: float


@dataclass(frozen=True, kw_only=True)
class KubernetesSettings:
    """What a container needs besides to run a Job of Kubernetes, or one index of it.

    run: the Job's name, by which its results are called. pod: the pod's. input: of every index, as JSON.
    index: None for a Job without. size: number of indexes, 1 otherwise.
    sources_file: JSON list with one source for each index; None if the Job has none.
    scheduled_at: when a CronJob was due (ISO 8601, UTC); None for any other Job. memory_gb: of the container.
    """

    run: str
    pod: str
    attempt: int
    input: str
    index: int | None
    size: int
    sources_file: Path | None
    scheduled_at: str | None
    memory_gb: float


def mode(environment: Mapping[str, str]) -> str:
    """`api` (a task for one job), `queue` (a task of a service), `batch` (a job of AWS Batch) or `kubernetes` (a Job
    there). `SettingsError`"""
    reader = _Reader(environment)
    for name in ("BATCH", "KUBERNETES"):
        if reader(name, _one_of("0", "1"), default="0") == "1":
            return name.lower()
    found = reader("MODE", _one_of("api", "queue"), default="api")
    reader.check()
    return found


def load(environment: Mapping[str, str]) -> Settings:
    """`SettingsError` if anything is missing or wrong."""
    reader = _Reader(environment)
    settings = _settings(reader)
    reader.check()
    return settings


def load_api(environment: Mapping[str, str]) -> tuple[Settings, ApiSettings]:
    """`SettingsError` if anything is missing or wrong."""
    reader = _Reader(environment)
    settings = _settings(reader), _api_settings(reader)
    reader.check()
    return settings


def load_queue(environment: Mapping[str, str]) -> tuple[Settings, QueueSettings]:
    """`SettingsError` if anything is missing or wrong."""
    reader = _Reader(environment)
    settings = _settings(reader), _queue_settings(reader)
    reader.check()
    return settings


def load_batch(environment: Mapping[str, str]) -> tuple[Settings, BatchSettings]:
    """`SettingsError` if anything is missing or wrong."""
    reader = _Reader(environment)
    settings = _settings(reader), _batch_settings(reader)
    reader.check()
    return settings


def load_kubernetes(environment: Mapping[str, str]) -> tuple[Settings, KubernetesSettings]:
    """`SettingsError` if anything is missing or wrong."""
    reader = _Reader(environment)
    settings = _settings(reader), _kubernetes_settings(reader)
    reader.check()
    return settings


class _Reader:
    """Reads variables and remembers what is wrong with them, so that one message can name it all."""

    def __init__(self, environment: Mapping[str, str]):
        self._environment = environment
        self._problems: list[str] = []

    def __call__(self, name: str, parse: Callable[[str], Value] = str, default: str | None = None) -> Value:
        text = self._environment.get(name, default)
        try:
            if not text:
                raise ValueError("is not set")
            return parse(text)
        except ValueError as error:
            self._problems.append(f"{name} {error}")
            return None  # type: ignore[return-value]  # check() raises before anyone sees it

    def optional(self, name: str) -> str | None:
        return self._environment.get(name)

    def check(self) -> None:
        if self._problems:
            raise SettingsError("environment: " + "; ".join(self._problems))


def _settings(read: _Reader) -> Settings:
    return Settings(
        worker=read("WORKER", _module_name),
        uploads_bucket=read("UPLOADS_BUCKET"),
        results_bucket=read("RESULTS_BUCKET"),
        timeout_seconds=read("TIMEOUT_SECONDS", _positive),
        engine=read.optional("ENGINE"),
        region=read("AWS_REGION"),
        metrics_namespace=read("POWERTOOLS_METRICS_NAMESPACE"),
    )


def _api_settings(read: _Reader) -> ApiSettings:
    return ApiSettings(
        jobs=read("JOBS", _jobs),
        jobs_table=read("JOBS_TABLE"),
        queue_url=read("QUEUE_URL"),
        dlq_url=read("DLQ_URL"),
        max_attempts=read("MAX_ATTEMPTS", _whole),
        backoff_seconds=read("BACKOFF_SECONDS", _not_negative),
        vcpu=read("VCPU", _positive),
        memory_gb=read("MEMORY_GB", _positive),
        architecture=read("ARCHITECTURE", _one_of("x86_64", "arm64")),
        capacity_provider=read("CAPACITY_PROVIDER", _one_of("FARGATE", "FARGATE_SPOT")),
        metadata_uri=read("ECS_CONTAINER_METADATA_URI_V4"),
    )


def _queue_settings(read: _Reader) -> QueueSettings:
    return QueueSettings(
        queue_url=read("QUEUE_URL"),
        dlq_url=read("DLQ_URL"),
        fifo=read("FIFO", _one_of("0", "1")) == "1",
        max_attempts=read("MAX_ATTEMPTS", _whole),
        backoff_seconds=read("BACKOFF_SECONDS", _not_negative),
        io=read("WORK", _one_of("cpu", "io")) == "io",
        concurrency=read("CONCURRENCY", _whole),
        once=read("EFFECT", _one_of("once", "repeatable")) == "once",
        table=read("IDEMPOTENCY_TABLE"),
        visibility_seconds=read("VISIBILITY_SECONDS", _whole),
        memory_gb=read("MEMORY_GB", _positive),
        stop_seconds=read("STOP_TIMEOUT_SECONDS", _positive, default="120"),
        agent_uri=read.optional("ECS_AGENT_URI"),
    )


def _batch_settings(read: _Reader) -> BatchSettings:
    job_id = read("AWS_BATCH_JOB_ID")
    index, size = _part(read)
    return BatchSettings(
        job_id=job_id,
        attempt=read("AWS_BATCH_JOB_ATTEMPT", _whole, default="1"),
        key=read("JOB_KEY", default=(job_id or "").partition(":")[0]),
        input=read.optional("INPUT"),
        input_key=read.optional("INPUT_KEY"),
        index=index,
        size=size,
        memory_gb=read("MEMORY_GB", _positive),
    )


def _kubernetes_settings(read: _Reader) -> KubernetesSettings:
    sources_file = read.optional("SOURCES_FILE")
    # Without a limit of its own for each index, Kubernetes counts no failures of one.
    failures = read("INDEX_FAILURES", _from_0) if read.optional("INDEX_FAILURES") else 0
    run = read("RUN")
    return KubernetesSettings(
        run=run,
        pod=read("POD_NAME"),
        attempt=(failures or 0) + 1,
        input=read("INPUT", default="{}"),
        index=read("JOB_COMPLETION_INDEX", _from_0) if read.optional("JOB_COMPLETION_INDEX") is not None else None,
        size=read("SIZE", _whole, default="1"),
        sources_file=Path(sources_file) if sources_file else None,
        scheduled_at=_due(read.optional("CRON_JOB"), run),
        memory_gb=read("MEMORY_GB", _positive),
    )


def _due(cron_job: str | None, run: str) -> str | None:
    """When a CronJob's Job was due, which its name says in minutes of the epoch. None for a Job of any other name.

    The annotation that says the same is the Job's; a pod can be told only its own.
    Source: CronJob controller, getJobName, in Kubernetes.
    """
    match = re.fullmatch(rf"{re.escape(cron_job)}-([0-9]{{7,9}})", run or "") if cron_job else None
    return f"{dt.datetime.fromtimestamp(int(match[1]) * 60, dt.UTC):%Y-%m-%dT%H:%M:%SZ}" if match else None


def _part(read: _Reader) -> tuple[int | None, int]:
    """Which part of an array this is, and of how many. Of parts that are run again by themselves there is a list."""
    known = read.optional("AWS_BATCH_JOB_ARRAY_INDEX") is not None
    position = read("AWS_BATCH_JOB_ARRAY_INDEX", _from_0) if known else None
    if read.optional("ARRAY_INDEXES") is not None:
        return read("ARRAY_INDEXES", lambda text: _pick(text, position or 0)), read("ARRAY_SIZE", _whole)
    return position, read("AWS_BATCH_JOB_ARRAY_SIZE", _whole) if known else 1


def _module_name(text: str) -> str:
    if not text.isidentifier():
        raise ValueError(f"is {text!r}, not the name of a Python module")
    return text


def _one_of(*allowed: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in allowed:
            raise ValueError(f"is {text!r}, not one of {', '.join(allowed)}")
        return text

    return parse


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"is {text!r}, not a number")
    return value


def _positive(text: str) -> float:
    value = _number(text)
    if value <= 0:
        raise ValueError(f"is {text!r}, not above 0")
    return value


def _not_negative(text: str) -> float:
    value = _number(text)
    if value < 0:
        raise ValueError(f"is {text!r}, below 0")
    return value


def _whole(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ValueError(f"is {text!r}, not a whole number from 1 up")
    return int(text)


def _from_0(text: str) -> int:
    if not text.isdecimal():
        raise ValueError(f"is {text!r}, not a whole number")
    return int(text)


def _pick(text: str, position: int) -> int:
    """The number at a position of a list like `0-4,7`."""
    for part in text.split(","):
        first, _, last = part.partition("-")
        if not first.isdecimal() or (last and not last.isdecimal()):
            raise ValueError(f"is {text!r}, not a list like 0-4,7")
        numbers = range(int(first), int(last or first) + 1)
        if position < len(numbers):
            return numbers[position]
        position -= len(numbers)
    raise ValueError(f"is {text!r}, which is too short a list")


def _jobs(text: str) -> tuple[tuple[str, int], ...]:
    pairs = [entry.rpartition(":") for entry in text.split(",")]
    if not all(job_id and attempt.isdecimal() for job_id, _, attempt in pairs):
        raise ValueError(f"is {text!r}, not a list like id:attempt,id:attempt")
    return tuple((job_id, int(attempt)) for job_id, _, attempt in pairs)
