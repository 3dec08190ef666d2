"""Everything that a stack's configuration may say, validated once."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from components.batch_settings import Batch
from components.fields import (
    REGION,
    STACK,
    Cidr,
    Days,
    Email,
    ImageDigest,
    NonEmpty,
    RetentionDays,
    SecretArn,
    Share,
    SubnetId,
    Tags,
    VpcCidr,
    VpcId,
    endpoint,
    secret_arn,
)
from components.kubernetes_settings import Kubernetes, taken
from components.model import Model, read_value, sentence
from components.pipeline_settings import Pipeline
from components.problems import ConfigurationError, Problem, Source, suggestion
from components.stackfile import NAMESPACE, StackFile, engine_text, read_stack_file, secret_problem
from components.worker import Worker, read_workers
from components.workflow_file import read_workflows
from workflows import Workflow


class Network(Model):
    """Where tasks run.

    mode: `public` = public subnets, no NAT; `private-nat` = private subnets behind NAT gateways;
        `private-endpoints` = private subnets that reach AWS through VPC endpoints and nothing else;
        `existing` = the given subnets, which must have a way to AWS.
    cidr, availability_zones: of the VPC to be made; without meaning for `existing`.
    nat_gateways: for `private-nat` only.
    vpc_id, subnet_ids: for `existing` only, None and empty otherwise.
    assign_public_ip: for `existing` only: its subnets are public and a task needs an address of its own to get out.
    """

    mode: Literal["public", "private-nat", "private-endpoints", "existing"] = "public"
    cidr: VpcCidr = "10.0.0.0/16"
    availability_zones: Annotated[int, Field(ge=2, le=3)] = 2
    nat_gateways: Literal["one", "per-zone"] = "one"
    vpc_id: Annotated[VpcId | None, Field(validate_default=True)] = None
    subnet_ids: Annotated[tuple[SubnetId, ...], Field(validate_default=True)] = ()
    assign_public_ip: bool = False

    @field_validator("cidr", "availability_zones")
    @classmethod
    def _of_a_new_vpc(cls, value: Any, info: ValidationInfo) -> Any:
        if info.data.get("mode") == "existing":
            raise sentence("has no meaning with mode 'existing'")
        return value

    @field_validator("nat_gateways")
    @classmethod
    def _of_nat(cls, value: str, info: ValidationInfo) -> str:
        if info.data.get("mode", "private-nat") != "private-nat":
            raise sentence("has a meaning only with mode 'private-nat'")
        return value

    @field_validator("vpc_id", "subnet_ids")
    @classmethod
    def _of_an_existing_vpc(cls, value: Any, info: ValidationInfo) -> Any:
        if info.data.get("mode") == "existing" and not value:
            raise sentence("is missing; mode 'existing' needs it")
        if info.data.get("mode", "existing") != "existing" and value:
            raise sentence("has a meaning only with mode 'existing'")
        return value

    @field_validator("assign_public_ip")
    @classmethod
    def _of_public_subnets(cls, value: bool, info: ValidationInfo) -> bool:
        if info.data.get("mode", "existing") != "existing":
            raise sentence("has a meaning only with mode 'existing'")
        return value


class Spot(Model):
    """share: percent of tasks on Fargate Spot. on_demand_base: tasks that run on demand before the share counts."""

    share: Share = 100
    on_demand_base: Annotated[int, Field(ge=0, le=100)] = 0


class Logs(Model):
    """retention_days: of every log group."""

    retention_days: RetentionDays = 30


class Throttle(Model):
    """rate: requests a second in the long run. burst: requests at once."""

    rate: Annotated[float, Field(gt=0, le=10_000)] = 10.0
    burst: Annotated[int, Field(ge=1, le=5_000)] = 20


class Quota(Model):
    """limit: requests a period with one API key."""

    limit: Annotated[int, Field(ge=1, le=1_000_000_000)] = 10_000
    period: Literal["DAY", "WEEK", "MONTH"] = "DAY"


class Api(Model):
    """The job API.

    allowed_ips: networks that may call it; empty = any address, and the key alone decides.
    job_ttl_days: a job's row is deleted so long after it was made.
    """

    allowed_ips: tuple[Cidr, ...] = ()
    throttle: Throttle = Throttle()
    quota: Quota = Quota()
    job_ttl_days: Days = 30

    @field_validator("allowed_ips")
    @classmethod
    def _some(cls, networks: tuple[str, ...]) -> tuple[str, ...]:
        if not networks:
            raise sentence("is an empty list; leave the key out to let any address in")
        return networks


class Data(Model):
    """What is kept, and how well.

    result_days, upload_days: objects in the buckets are deleted after so many days.
    point_in_time_recovery: of the jobs table.
    protect: the table and the buckets refuse to be deleted.
    """

    result_days: Days = 30
    upload_days: Days = 7
    point_in_time_recovery: bool = True
    protect: bool = True


class Alarms(Model):
    """emails: who hears of alarms."""

    emails: tuple[Email, ...] = ()


class Notion(Model):
    """The Notion database that gets a page for each ended job; the secret holds the integration's token."""

    secret_arn: SecretArn
    database_id: NonEmpty


class Notifications(Model):
    """Channels that hear of ended jobs; one that is None or empty is off. The Slack secret holds the webhook's URL."""

    slack_secret_arn: SecretArn | None = None
    notion: Notion | None = None
    topic_emails: tuple[Email, ...] = ()


class Engine(Model):
    """What answers the AI workers.

    model: for `bedrock` a model's or an inference profile's id, for `openai` the endpoint's name of the model.
    endpoint, secret_arn: for `openai` the base URL and the secret that holds the key.
    What the kind does not use is empty.
    """

    kind: Literal["offline", "bedrock", "openai"] = "offline"
    model: str = Field(default="", validate_default=True)
    endpoint: str = Field(default="", validate_default=True)
    secret_arn: str = Field(default="", validate_default=True)

    @field_validator("model", "endpoint", "secret_arn")
    @classmethod
    def _as_the_kind_needs(cls, value: str, info: ValidationInfo) -> str:
        kind = info.data.get("kind")
        used = {"offline": (), "bedrock": ("model",), "openai": ("model", "endpoint", "secret_arn")}
        if kind and info.field_name in used[kind] and not value:
            raise sentence(f"is missing; engine '{kind}' needs it")
        if kind and info.field_name not in used[kind] and value:
            raise sentence(f"has no meaning for engine '{kind}'")
        check = {"endpoint": endpoint, "secret_arn": secret_arn}.get(str(info.field_name))
        return check(value) if check and value else value


class Tools(Model):
    """What is deployed besides, for those who try a stack out.

    load_generator: a function that makes uploads for the queue workers, as many and as fast as it is told.
    """

    load_generator: bool = False


_WORKERS, _ENGINE, _IMAGES, _BATCH, _KUBERNETES, _WORKFLOWS = (
    f"{NAMESPACE}:{name}" for name in ("workers", "engine", "images", "batch", "kubernetes", "workflows")
)
_SECTIONS: dict[str, Any] = {
    "network": Network, "spot": Spot, "logs": Logs, "api": Api, "data": Data, "alarms": Alarms,
    "notifications": Notifications, "engine": Engine, "images": dict[str, ImageDigest], "tools": Tools, "tags": Tags,
    "pipeline": Pipeline, "batch": Batch, "kubernetes": Kubernetes,
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Settings:
    """A stack's whole configuration, valid, with its workers."""

    stack: str
    region: str
    network: Network
    spot: Spot
    logs: Logs
    api: Api
    data: Data
    alarms: Alarms
    notifications: Notifications
    engine: Engine
    tools: Tools
    pipeline: Pipeline
    batch: Batch
    kubernetes: Kubernetes
    tags: Mapping[str, str]
    workers: tuple[Worker, ...]
    workflows: tuple[Workflow, ...] = ()


def parse_settings(
    config: Mapping[str, Any], stack: str, project_dir: Path, secret_keys: Collection[str] = ()
) -> Settings:
    """The settings that a configuration and the workers' manifests in `project_dir` amount to.

    config: by full key (`serverless-batch:network`), values as the engine gives them, JSON text, or already decoded.
        Keys of other namespaces are left alone, but for `aws:region`.
    secret_keys: full keys of the values that are secret; none of ours may be.
    Raises ConfigurationError with everything that is wrong in the stack's file and in the manifests of its workers.
    """
    path = project_dir / f"Pulumi.{stack}.yaml"
    stack_file, problems = read_stack_file(project_dir, stack) if path.is_file() else (None, [])
    values = {key: _decoded(value) for key, value in config.items()}
    source = partial(_source, stack, stack_file, values)
    encrypted = [key for key in secret_keys if key.startswith(f"{NAMESPACE}:")]
    told = [problem.key for problem in problems]
    problems += [secret_problem(source(key)) for key in encrypted if not any(here.startswith(key) for here in told)]

    if not STACK.fullmatch(stack):
        wrong = f"the stack's name {stack!r} must be 1 to 20 lower-case letters, digits and dashes"
        problems.append(Source(f"stack {stack}").problem(wrong))
    region = config.get("aws:region")
    if not region:
        problems.append(source("aws:region").problem("is missing", right="write for example eu-central-1"))
    elif not isinstance(region, str) or not REGION.fullmatch(region):
        problems.append(source("aws:region").problem("is not a region; write for example eu-central-1", value=region))

    sections, found = _read_sections({key: value for key, value in values.items() if key not in encrypted}, source)
    problems += found
    images = sections.pop("images")
    workers: list[Worker] = []
    if _WORKERS not in values:
        problems.append(source(_WORKERS).problem("is missing", right="write for example {image_alt_generator: {}}"))
    elif _WORKERS not in encrypted:
        listed = values[_WORKERS]
        told_of = {key for key in (_BATCH, _KUBERNETES) if any(problem.key.startswith(key) for problem in problems)}
        workers, found = read_workers(
            listed,
            source(_WORKERS),
            project_dir,
            stack,
            spot_share=sections["spot"].share,
            images=images,
            queues=None if _BATCH in told_of else sections["batch"].for_workers,
            kubernetes=None if _KUBERNETES in told_of else sections["kubernetes"],
        )
        problems += found
        for name in images if isinstance(listed, dict) else ():
            if name not in listed:
                wrong = "is not a worker of this stack"
                problems.append(source(_IMAGES).problem(wrong, (name,), right=suggestion(name, listed)))
    if any(worker.manifest.trigger.kubernetes for worker in workers):
        problems += taken(sections["kubernetes"], stack, project_dir, source(_KUBERNETES))
    flows: list[Workflow] = []
    if _WORKFLOWS in values and _WORKFLOWS not in encrypted:
        known = None if problems else workers  # of workers that could not be read, nothing else is said
        flows, found = read_workflows(values[_WORKFLOWS], source(_WORKFLOWS), project_dir, stack, known)
        problems += found
    if problems:
        raise ConfigurationError(problems)
    return Settings(stack=stack, region=str(region), workers=tuple(workers), workflows=tuple(flows), **sections)


def load_settings(project_dir: Path) -> Settings:
    """The settings of the Pulumi program that is running. Raises ConfigurationError as `parse_settings` does."""
    import pulumi  # late: everything else here works without it
    from pulumi.runtime import config as engine

    config = {**engine.get_config_env(), **engine.CONFIG.get()}
    secret_keys = {key for key in config if engine.is_config_secret(key)} | set(engine.get_config_secret_keys_env())
    return parse_settings(config, pulumi.get_stack(), project_dir, secret_keys)


def _read_sections(values: Mapping[str, Any], source: Callable[[str], Source]) -> tuple[dict[str, Any], list[Problem]]:
    """Every section but the workers, with the defaults of those that are absent or wrong."""
    sections: dict[str, Any] = {name: kind() for name, kind in _SECTIONS.items()}
    problems: list[Problem] = []
    for key, value in values.items():
        namespace, _, name = key.partition(":")
        if namespace != NAMESPACE or key in (_WORKERS, _WORKFLOWS):
            continue
        if name not in _SECTIONS:
            problems.append(
                source(key).problem("is not a known key", right=suggestion(name, [*_SECTIONS, "workers", "workflows"]))
            )
            continue
        section, found = read_value(_SECTIONS[name], value, source(key))
        problems += found
        if not found:
            sections[name] = section
    engine, network = sections["engine"], sections["network"]
    if engine.kind == "openai" and network.mode == "private-endpoints":
        wrong = "cannot be reached from network mode 'private-endpoints', which has no way out of AWS"
        problems.append(source(_ENGINE).problem(wrong, ("endpoint",), value=engine.endpoint))
    cluster = sections["kubernetes"].cluster
    if cluster and cluster.new and cluster.new.compute == "managed" and network.mode == "private-endpoints":
        wrong = (
            "needs images of the cluster autoscaler and its chart, which network mode 'private-endpoints' does not "
            "reach; write compute: auto"
        )
        problems.append(source(_KUBERNETES).problem(wrong, ("cluster", "new", "compute")))
    return sections, problems


def _source(stack: str, stack_file: StackFile | None, values: Mapping[str, Any], key: str) -> Source:
    """Where the value of `key` stands: in the stack's file or, a default or another file's value, without a line."""
    written = stack_file.values.get(key) if stack_file else None
    if stack_file and (key not in values or _decoded(engine_text(written)) == values[key]):
        return stack_file.source(key)
    return Source(f"stack {stack}", key=key)


def _decoded(value: Any) -> Any:
    """The engine gives maps, lists, numbers and booleans as JSON text."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value
