"""What a stack says of AWS Batch: the queues where jobs wait, what they run on, and when somebody hears of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import permutations
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator

from components.instances import DEFAULT_FAMILIES, FAMILIES
from components.model import Model, sentence
from components.problems import suggestion

DEFAULT_QUEUE = "standard"
DEFAULT_MAX_VCPUS = 256
# Source: SchedulingPolicy, ShareAttributes and JobQueue, AWS Batch API reference.
MAX_DECAY_SECONDS, MAX_RESERVATION, MAX_PRIORITY = 604_800, 99, 1000
SMALLEST_WEIGHT, LARGEST_WEIGHT = 0.0001, 999.9999

_QUEUE = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_LONGEST_QUEUE = 40
_SHARE = re.compile(r"[A-Za-z0-9]{1,255}")


def _compute(value: object) -> object:
    if isinstance(value, list | dict):
        raise sentence(
            "must be one of fargate and ec2: AWS Batch refuses a queue of both kinds. Make two queues; a worker's "
            "tiers may name either"
        )
    return value


def _queue_name(name: str) -> str:
    if not _QUEUE.fullmatch(name) or len(name) > _LONGEST_QUEUE:
        raise sentence(f"is not a queue's name: lower-case letters, digits and dashes, at most {_LONGEST_QUEUE}")
    if any(part.startswith("spot") for part in name.split("-")):
        raise sentence("has 'spot' in it, by which environments on Spot are told from others; choose another name")
    return name


def _share(name: str) -> str:
    if not _SHARE.fullmatch(name):
        raise sentence("is not a share identifier: 1 to 255 letters and digits")
    return name


def _share_pattern(name: str) -> str:
    if not _SHARE.fullmatch(name.removesuffix("*")):
        raise sentence("is not a share identifier: 1 to 255 letters and digits; a * at the end means all that begin so")
    return name


QueueName = Annotated[str, AfterValidator(_queue_name)]
ShareName = Annotated[str, AfterValidator(_share)]
SharePattern = Annotated[str, AfterValidator(_share_pattern)]
Weight = Annotated[float, Field(ge=SMALLEST_WEIGHT, le=LARGEST_WEIGHT)]
MaxVcpus = Annotated[int, Field(ge=1, le=100_000)]


class Shares(Model):
    """Fair-share scheduling: who submits much does not keep the others waiting.

    weights: by share identifier, or by what identifiers begin with (`tenant*`); 1 for those that are not named. Half
        the weight is twice the compute.
    decay_seconds: for how long what a share has used counts against it; 0: only what it uses at the moment.
    reservation: percent of the vCPUs that are kept, while one share is active, for those that are not.
    """

    weights: dict[SharePattern, Weight] = Field(default={})
    decay_seconds: Annotated[int, Field(ge=0, le=MAX_DECAY_SECONDS)] = 0
    reservation: Annotated[int, Field(ge=0, le=MAX_RESERVATION)] = 0

    @field_validator("weights")
    @classmethod
    def _apart(cls, weights: dict[str, float]) -> dict[str, float]:
        for one, other in _overlaps(weights):
            raise sentence(f"has '{one}' and '{other}', which AWS Batch refuses: one begins like the other")
        return weights


def _overlaps(names: Mapping[str, float]) -> Iterator[tuple[str, str]]:
    for one, other in permutations(names, 2):
        if one.endswith("*") and other.removesuffix("*").startswith(one.removesuffix("*")):
            yield one, other


class BatchQueue(Model):
    """A queue of jobs and what runs them.

    priority: the higher goes first, among the queues that share their compute environments.
    compute: `fargate`: Spot, and on demand where Spot has no room. `ec2`: Spot instances, for large or long jobs.
    max_vcpus: of each of its compute environments, which then are its own. Without it, queues of `fargate` share
        theirs, and one of `ec2` has DEFAULT_MAX_VCPUS.
    shares: fair-share scheduling instead of first in, first out.
    architecture, instance_families, allocation, on_demand: of `ec2` only: which instances, how AWS chooses Spot ones,
        and whether on-demand ones follow where Spot has no room.
    """

    priority: Annotated[int, Field(ge=0, le=MAX_PRIORITY)] = 1
    compute: Annotated[Literal["fargate", "ec2"], BeforeValidator(_compute)] = "fargate"
    max_vcpus: MaxVcpus | None = None
    shares: Shares | None = None
    architecture: Literal["x86_64", "arm64"] = "arm64"
    instance_families: Annotated[tuple[str, ...], Field(strict=False)] = ()
    allocation: Literal["SPOT_PRICE_CAPACITY_OPTIMIZED", "SPOT_CAPACITY_OPTIMIZED"] = "SPOT_PRICE_CAPACITY_OPTIMIZED"
    on_demand: bool = False

    @property
    def families(self) -> tuple[str, ...]:
        """The instance families of a queue of `ec2`."""
        return self.instance_families or DEFAULT_FAMILIES[self.architecture]

    @field_validator("architecture", "instance_families", "allocation", "on_demand")
    @classmethod
    def _of_instances(cls, value: Any, info: ValidationInfo) -> Any:
        if info.data.get("compute", "ec2") != "ec2":
            raise sentence("has a meaning only with compute 'ec2'")
        return value

    @field_validator("instance_families")
    @classmethod
    def _known(cls, families: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if not families:
            raise sentence("is an empty list; leave the key out for the default")
        architecture = info.data.get("architecture")
        fitting = [name for name, family in FAMILIES.items() if architecture in (None, family.architecture)]
        for name in families:
            if name not in FAMILIES:
                raise sentence(f"'{name}' is not a family that this platform knows; {suggestion(name, fitting)}")
            if name not in fitting:
                raise sentence(f"'{name}' is not of the architecture {architecture}; {suggestion(name, fitting)}")
        return families


class BatchAlarms(Model):
    """When somebody hears of Batch jobs.

    queue_wait_seconds: no job of a worker that ended within five minutes had waited for less.
    success_rate: of the jobs of a worker that end within an hour, if they are some.
    duration_share: of the timeout, that an attempt took.
    memory_share: of the memory that it was given, that a job used.
    cost_per_job: in US dollars, at list prices.
    """

    queue_wait_seconds: Annotated[int, Field(ge=60, le=86_400)] = 900
    success_rate: Annotated[float, Field(gt=0, le=1)] = 0.95
    duration_share: Annotated[float, Field(gt=0, le=1)] = 0.9
    memory_share: Annotated[float, Field(gt=0, le=1)] = 0.95
    cost_per_job: Annotated[float, Field(gt=0)] = 5.0


class Batch(Model):
    """AWS Batch.

    max_vcpus: of each of the two compute environments that queues of `fargate` share.
    queues: by name. None: one queue `standard` if a worker needs one.
    """

    max_vcpus: MaxVcpus = DEFAULT_MAX_VCPUS
    queues: dict[QueueName, BatchQueue] = Field(default={})
    alarms: BatchAlarms = BatchAlarms()

    @property
    def for_workers(self) -> Mapping[str, BatchQueue]:
        """The queues of a stack that has Batch workers."""
        return self.queues or {DEFAULT_QUEUE: BatchQueue()}
