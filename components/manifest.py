"""A worker's manifest, `workers/<name>/worker.yaml`: how it is triggered, what it needs, what it may touch."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from jsonschema import Draft7Validator
from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator

from components import units
from components.batch_settings import BatchQueue
from components.batch_trigger import BatchTrigger, unfit
from components.kubernetes_trigger import SOURCE, KubernetesTrigger
from components.model import Model, read_value, sentence
from components.problems import Problem, Source, suggestion
from components.queue_trigger import QueueTrigger
from components.schedule_trigger import SCHEDULED_AT, ScheduleTrigger
from components.schema import check_input_schema
from components.yamlfile import read_yaml

MIN_SCRATCH_GB, MAX_SCRATCH_GB = 20, 200  # Source: Fargate task ephemeral storage, Amazon ECS developer guide
# A message stays in flight while its job runs, for at most 12 h in SQS; the twelfth is for starting and stopping.
MAX_TIMEOUT = 11 * units.SECONDS["h"]
MAX_CONCURRENCY = 500
MAX_BACKOFF = 900

BUCKETS = ("uploads", "results")
VERBS = ("read", "write", "secret", "model")

# Set by the task or job definition, the launcher, the submission, the image or the ECS agent.
RESERVED_ENVIRONMENT = (
    "WORKER", "JOBS", "JOBS_TABLE", "QUEUE_URL", "DLQ_URL", "RESULTS_BUCKET", "UPLOADS_BUCKET",
    "TIMEOUT_SECONDS", "MAX_ATTEMPTS", "BACKOFF_SECONDS", "CAPACITY_PROVIDER", "VCPU", "MEMORY_GB", "ARCHITECTURE",
    "MODE", "WORK", "CONCURRENCY", "EFFECT", "IDEMPOTENCY_TABLE", "VISIBILITY_SECONDS", "FIFO", "STOP_TIMEOUT_SECONDS",
    "BATCH", "TIERS", "DEFINITIONS", "ARRAY", "SHARE", "INPUT", "INPUT_KEY", "JOB_KEY", "ARRAY_SIZE",
    "ARRAY_INDEXES",
    "KUBERNETES", "RUN", "POD_NAME", "SIZE", "SOURCES_FILE", "INDEX_FAILURES", "CRON_JOB", "JOB_COMPLETION_INDEX",
    "ENGINE", "OPENAI_API_KEY", "HOME", "PATH", "PYTHONPATH", "TMPDIR",
)  # fmt: skip
RESERVED_PREFIXES = ("AWS_", "ECS_", "POWERTOOLS_")

_SEGMENT = re.compile(r"[A-Za-z0-9!_.'()-]+")
_SECRET_NAME = re.compile(r"[A-Za-z0-9/_+=.@-]{1,512}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# AWS access key, private key in PEM, Slack webhook or token, GitHub token: never anything else.
_PLAIN_SECRET = re.compile(
    r"\b(AKIA|ASIA)[A-Z0-9]{16}\b|-----BEGIN [A-Z ]*PRIVATE KEY-----"
    r"|hooks\.slack\.com/services/|\bxox[abp]-|\bgh[ps]_\w{36}"
)


def _vcpu(value: object) -> object:
    return units.fargate_vcpu(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _timeout(value: object) -> int:
    return units.within(units.seconds(value), 1, MAX_TIMEOUT, units.duration_text)


def _backoff(value: object) -> int:
    return units.within(units.seconds(value), 1, MAX_BACKOFF, units.duration_text)


def _scratch(value: object) -> int:
    size = units.within(units.mebibytes(value), MIN_SCRATCH_GB * 1024, MAX_SCRATCH_GB * 1024, units.memory_text)
    if size % 1024:
        raise ValueError("does not come to whole GB")
    return size // 1024


Vcpu = Annotated[float, BeforeValidator(_vcpu)]
Memory = Annotated[int, BeforeValidator(units.mebibytes)]
Timeout = Annotated[int, BeforeValidator(_timeout)]
Backoff = Annotated[int, BeforeValidator(_backoff)]
Scratch = Annotated[int, BeforeValidator(_scratch)]
Concurrency = Annotated[int, Field(ge=1, le=MAX_CONCURRENCY)]


class Resources(Model):
    """What one task of the worker gets.

    vcpu, memory_mib: a size that Fargate offers.
    timeout_seconds: the longest that one attempt of a job may take.
    scratch_gib: room for files under /tmp, in GiB; Fargate gives 20 without being asked.
    """

    vcpu: Vcpu
    memory_mib: Memory = Field(alias="memory")
    timeout_seconds: Timeout = Field(alias="timeout")
    scratch_gib: Scratch = Field(default=MIN_SCRATCH_GB, alias="scratch")
    architecture: Literal["x86_64", "arm64"] = "x86_64"

    @field_validator("memory_mib")
    @classmethod
    def _offered_by_fargate(cls, memory: int, info: ValidationInfo) -> int:
        if "vcpu" in info.data:
            units.check_fargate_memory(info.data["vcpu"], memory)
        return memory


class ApiTrigger(Model):
    """Jobs come through the job API; at most `concurrency` of them run at a time."""

    concurrency: Concurrency = 10


class Trigger(Model):
    """How work reaches the worker: exactly one way."""

    api: ApiTrigger | None = None
    queue: QueueTrigger | None = None
    schedule: ScheduleTrigger | None = None
    batch: BatchTrigger | None = None
    kubernetes: KubernetesTrigger | None = None

    @field_validator("*", mode="before")
    @classmethod
    def _given(cls, value: object) -> object:
        if value is None:
            raise sentence("must be a map, not an empty value")
        return value


class Retry(Model):
    """attempts: how often a job that fails is tried. backoff_seconds: before the second attempt; then it doubles."""

    attempts: Annotated[int, Field(ge=1, le=10)] = 3
    backoff_seconds: Backoff = Field(default=10, alias="backoff")


class BucketGrant(Model):
    """Read from or write to a bucket, under `prefix`, which is empty or ends with a slash."""

    verb: Literal["read", "write"]
    bucket: Literal["uploads", "results"]
    prefix: str = ""


class SecretGrant(Model):
    """Read one secret of AWS Secrets Manager, by its name."""

    name: str


class ModelGrant(Model):
    """Call the model that the stack's engine names."""


def _trigger(value: object) -> object:
    """The short form `api` as the long one `{api: {}}`."""
    known = list(Trigger.model_fields)
    names = [value] if isinstance(value, str) else list(value) if isinstance(value, dict) else []
    unknown = [name for name in names if name not in known]
    if unknown:
        raise sentence(f"{unknown[0]!r} is not a trigger; {suggestion(unknown[0], known)}")
    if len(names) != 1:
        raise sentence(f"must name exactly one trigger; allowed: {', '.join(known)}")
    return {value: {}} if isinstance(value, str) else value


def _grant(value: object) -> BucketGrant | SecretGrant | ModelGrant:
    if not isinstance(value, dict) or len(value) != 1:
        raise sentence("must be one verb with what it is for, such as {read: uploads}")
    [(verb, target)] = value.items()
    if verb not in VERBS:
        raise sentence(f"{verb!r} is not a verb; {suggestion(verb, VERBS)}")
    if verb == "model":
        if target is not True:
            raise sentence("a model is granted with {model: true}; without the line it is not")
        return ModelGrant()
    if not isinstance(target, str):
        raise sentence(f"{verb} needs text after the colon, such as {{read: uploads}}")
    if verb == "secret":
        if not _SECRET_NAME.fullmatch(target):
            raise sentence(f"{target!r} is not the name of a secret: letters, digits and /_+=.@- without wildcards")
        return SecretGrant(name=target)
    bucket, _, folder = target.partition("/")
    if bucket not in BUCKETS:
        raise sentence(f"{target!r} does not begin with a bucket; {suggestion(bucket or folder, BUCKETS)}")
    folder = folder.removesuffix("/")
    for segment in folder.split("/") if folder else []:
        if not _SEGMENT.fullmatch(segment) or segment in (".", ".."):
            raise sentence(f"{target!r} is not a bucket with a prefix: plain folder names, no wildcards, none empty")
    return BucketGrant(verb=verb, bucket=bucket, prefix=f"{folder}/" if folder else "")


def _variable_name(name: str) -> str:
    if not _VARIABLE.fullmatch(name):
        raise sentence("is not the name of an environment variable: letters, digits and _")
    if name in RESERVED_ENVIRONMENT or name.startswith(RESERVED_PREFIXES):
        raise sentence("is set by the platform; choose another name")
    return name


def _variable_value(value: str) -> str:
    if _PLAIN_SECRET.search(value):
        raise sentence("holds a secret in plain text; keep it in AWS Secrets Manager and list its name under 'secrets'")
    return value


Grant = Annotated[BucketGrant | SecretGrant | ModelGrant, BeforeValidator(_grant)]
VariableName = Annotated[str, AfterValidator(_variable_name)]
VariableValue = Annotated[str, AfterValidator(_variable_value)]


class Manifest(Model):
    """worker.yaml, validated.

    input: JSON Schema of a job's input (`components.schema`).
    environment: plain variables that the worker's code reads.
    secrets: variables that a stack may fill from AWS Secrets Manager; one that it does not fill is not set.
    """

    description: Annotated[str, Field(min_length=1, max_length=500)]
    trigger: Annotated[Trigger, BeforeValidator(_trigger)]
    resources: Resources
    retry: Retry = Retry()
    grants: tuple[Grant, ...] = ()
    input: dict[str, Any]
    environment: dict[VariableName, VariableValue] = Field(default={})
    secrets: tuple[VariableName, ...] = ()

    @field_validator("secrets")
    @classmethod
    def _once(cls, names: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        twice = [name for name in names if names.count(name) > 1 or name in info.data.get("environment", {})]
        if twice:
            raise sentence(f"{twice[0]} is named twice, here or under 'environment'")
        return names


def read_manifest(
    path: Path, file: str, queues: Mapping[str, BatchQueue] | None = None
) -> tuple[Manifest | None, list[Problem]]:
    """The manifest at `path`, called `file` in messages, and everything that is wrong with it.

    queues: of Batch jobs in the stack that runs the worker; None if they are not known.
    Without a manifest there is at least one problem; with problems the manifest must not be used.
    """
    document, problems = read_yaml(path, file)
    if document.data is None:
        return None, problems or [document.source.problem("is empty")]
    manifest, found = read_value(Manifest, document.data, document.source)
    problems += found
    if manifest:
        problems += contradictions(manifest, document.source.inside("trigger", "queue"))
        problems += _loop(manifest, document.source)
        problems += _unfit_jobs(manifest, queues, document.source) + _unfit_retry(manifest, document.source)
    if isinstance(document.data, dict) and "input" in document.data:
        found = check_input_schema(document.data["input"], document.source.inside("input"))
        if manifest and not found:
            found = _refusals(manifest, document.source.inside("input")) + _unfit_input(manifest, document.source)
        problems += found
    return manifest, problems


def contradictions(manifest: Manifest, trigger: Source) -> list[Problem]:
    """What the queue trigger, which stands at `trigger`, says against the rest of the manifest."""
    queue, timeout = manifest.trigger.queue, manifest.resources.timeout_seconds
    if queue is None or queue.processing_seconds is None or queue.processing_seconds <= timeout:
        return []
    processing = units.duration_text(queue.processing_seconds)
    wrong = f"{processing} is longer than the timeout, {units.duration_text(timeout)}"
    return [trigger.problem(wrong, ("processing",))]


def _refusals(manifest: Manifest, schema: Source) -> list[Problem]:
    """Why a queue worker's input, whose schema stands at `schema`, could be no upload at all."""
    queue = manifest.trigger.queue
    if queue is None:
        return []
    upload = {"bucket": "uploads", "key": f"{queue.prefix}name{''.join(queue.suffixes[:1])}", "etag": "0", "size": 1}
    told = ", ".join(upload)
    return [
        schema.problem(
            f"refuses every upload, of which a message says {told}: {error.message}",
            right="describe all of these, or leave additionalProperties out",
        )
        for error in Draft7Validator(manifest.input).iter_errors(upload)
        if error.validator in ("additionalProperties", "required", "type")  # others may hang on the values
    ]


def _unfit_input(manifest: Manifest, source: Source) -> list[Problem]:
    """Why a worker's input, as the trigger and the platform put it together, would be refused."""
    schedule, kubernetes = manifest.trigger.schedule, manifest.trigger.kubernetes
    time = {SCHEDULED_AT: "2026-01-01T06:00:00Z"}
    if schedule:
        return _refused(manifest, schedule.input | time, "schedule", source)
    if kubernetes is None:
        return []
    time = time if kubernetes.schedule else {}
    problems: list[Problem] = []
    for index, given in enumerate(kubernetes.inputs()):
        found = _refused(manifest, given | time, "kubernetes", source, index)
        problems += [problem for problem in found if problem not in problems]  # what all have in common is told once
    return problems


def _refused(
    manifest: Manifest, given: Mapping[str, Any], trigger: str, source: Source, index: int | None = None
) -> list[Problem]:
    """What the schema says against an input. index: of the source that is in it."""
    problems = []
    for error in Draft7Validator(manifest.input).iter_errors(given):
        path = tuple(error.absolute_path)
        if SCHEDULED_AT in path or SCHEDULED_AT in error.message:
            wrong = f"refuses {SCHEDULED_AT}, which every run of a schedule brings: {error.message}"
            problems.append(source.problem(wrong, ("input",), right="describe it as a string that need not be given"))
            continue
        wrong = f"is refused by the worker's input: {error.message}"
        if index is not None and path[:1] == (SOURCE,):
            problems.append(source.problem(wrong, ("trigger", trigger, "sources", index, *path[1:])))
        elif index is not None and SOURCE in given and f"'{SOURCE}'" in error.message:
            wrong = f"refuses {SOURCE}, which every index brings: {error.message}"
            problems.append(source.problem(wrong, ("input",), right="describe it as an object"))
        else:
            problems.append(source.problem(wrong, ("trigger", trigger, "input", *path)))
    return problems


def _unfit_jobs(manifest: Manifest, queues: Mapping[str, BatchQueue] | None, source: Source) -> list[Problem]:
    """What a Batch worker's manifest asks that AWS Batch, or the stack's queues, do not offer."""
    batch, resources = manifest.trigger.batch, manifest.resources
    if batch is None:
        return []
    problems = []
    if "backoff_seconds" in manifest.retry.model_fields_set:
        wrong = "has no meaning for trigger 'batch': the next attempt starts when there is room for it"
        problems.append(source.problem(wrong, ("retry", "backoff")))
    if queues is not None:
        size = (resources.vcpu, resources.memory_mib)
        problems += unfit(batch, size, resources.architecture, queues, source.inside("trigger", "batch"))
    return problems


def _unfit_retry(manifest: Manifest, source: Source) -> list[Problem]:
    """There is one way to say how often an index is tried."""
    if manifest.trigger.kubernetes is None or "retry" not in manifest.model_fields_set:
        return []
    wrong = (
        "has no meaning for trigger 'kubernetes': its retries_per_index says how often an index is tried again, and "
        "Kubernetes waits longer each time"
    )
    return [source.problem(wrong, ("retry",))]


def _loop(manifest: Manifest, source: Source) -> list[Problem]:
    """What a worker writes must not trigger it again. With suffixes it may tell its own files from the others'."""
    queue = manifest.trigger.queue
    if queue is None or queue.suffixes:
        return []
    return [
        source.problem(
            f"lets the worker write to uploads/{queue.prefix}, from where each object triggers it again",
            ("grants", index),
            right="write to another prefix, or give the trigger suffixes",
        )
        for index, grant in enumerate(manifest.grants)
        if isinstance(grant, BucketGrant)
        and (grant.verb, grant.bucket) == ("write", "uploads")
        and (grant.prefix.startswith(queue.prefix) or queue.prefix.startswith(grant.prefix))
    ]
