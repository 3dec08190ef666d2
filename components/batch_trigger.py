"""The manifest's trigger `batch`: the queue where a worker's jobs wait, and the sizes that they may have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Annotated

from pydantic import BeforeValidator, Field, field_validator

from components import units
from components.batch_settings import DEFAULT_QUEUE, BatchQueue, QueueName, ShareName
from components.instances import check_instance_size
from components.model import Model, sentence
from components.problems import KeyPath, Problem, Source, suggestion

MAX_ARRAY = 10_000  # Source: array jobs, AWS Batch user guide


def _bytes(value: object) -> int:
    return units.mebibytes(value) * 1024**2


class Tier(Model):
    """What a job gets whose input is not larger than `up_to_bytes` (None: however large).

    memory_mib: of the container. queue: another one than the trigger's; None for that.
    """

    up_to_bytes: Annotated[int, BeforeValidator(_bytes)] | None = Field(default=None, alias="up_to")
    vcpu: Annotated[float, Field(gt=0)]
    memory_mib: Annotated[int, BeforeValidator(units.mebibytes)] = Field(alias="memory")
    queue: QueueName | None = None


class BatchTrigger(Model):
    """Jobs come through AWS Batch, by `batchctl job submit` or from a workflow.

    queue: one of the stack's.
    array: how many indexes a submission that says nothing else has; 1: it is no array.
    tiers: ascending; without any, the worker's resources are the only one.
    share: share identifier of submissions that name none, where the stack's queue has shares; None: the worker's name.
    """

    queue: QueueName = DEFAULT_QUEUE
    array: Annotated[int, Field(ge=1, le=MAX_ARRAY)] = 1
    tiers: Annotated[tuple[Tier, ...], Field(strict=False)] = ()
    share: ShareName | None = None

    @field_validator("tiers")
    @classmethod
    def _ascending(cls, tiers: tuple[Tier, ...]) -> tuple[Tier, ...]:
        if not tiers:
            raise sentence("is an empty list; leave the key out, and resources is the only tier")
        if tiers[-1].up_to_bytes is not None:
            raise sentence("has a last tier with up_to: larger inputs would have none; leave its up_to out")
        for number, (tier, following) in enumerate(pairwise(tiers), start=1):
            if tier.up_to_bytes is None:
                raise sentence(f"has a tier {number} without up_to, so none of those after it would be used")
            if following.up_to_bytes is not None and following.up_to_bytes <= tier.up_to_bytes:
                raise sentence(f"does not ascend: up_to of tier {number + 1} is not above that of tier {number}")
            if following.memory_mib <= tier.memory_mib:
                raise sentence(
                    f"does not ascend: tier {number + 1} has no more memory than tier {number}, so a job that ran out "
                    "of memory would gain nothing by it"
                )
        return tiers

    def queues_used(self) -> Iterable[str]:
        """The queues that submissions go to by themselves, in order, each once."""
        return dict.fromkeys((self.queue, *(tier.queue or self.queue for tier in self.tiers)))


def unfit(
    trigger: BatchTrigger,
    size: tuple[float, int],
    architecture: str,
    queues: Mapping[str, BatchQueue],
    source: Source,
) -> list[Problem]:
    """What the trigger, which stands at `source`, asks of queues that these are not.

    size: vCPUs and MiB of the worker's resources; queues: the stack's.
    """
    named: list[tuple[KeyPath, str]] = [(("queue",), trigger.queue)]
    named += [(("tiers", n, "queue"), tier.queue) for n, tier in enumerate(trigger.tiers) if tier.queue]
    problems = [
        source.problem("is not a queue of this stack", path, value=name, right=suggestion(name, queues))
        for path, name in named
        if name not in queues
    ]
    for path, name in named:
        queue = queues.get(name)
        if queue and queue.compute == "ec2" and queue.architecture != architecture:
            wrong = f"has {queue.architecture} instances, and the worker's architecture is {architecture}"
            problems.append(source.problem(wrong, path, value=name))
    for n, tier in enumerate(trigger.tiers):
        queue = queues.get(tier.queue or trigger.queue)
        wrong = misfit(tier.vcpu, tier.memory_mib, queue) if queue else ""
        if wrong:
            problems.append(source.problem(wrong, ("tiers", n)))
    if not trigger.tiers and trigger.queue in queues and (wrong := misfit(*size, queues[trigger.queue])):
        wrong = f"has no place for the worker's resources: {wrong}"
        problems.append(source.problem(wrong, ("queue",), value=trigger.queue))
    return problems


def misfit(vcpu: float, memory: int, queue: BatchQueue) -> str:
    """Why a queue cannot run a job of this size (vCPUs, MiB); empty if it can."""
    try:
        if queue.compute == "ec2":
            check_instance_size(vcpu, memory, queue.families)
        else:
            units.check_fargate_memory(units.fargate_vcpu(vcpu), memory)
    except ValueError as error:
        return f"{units.vcpu_text(vcpu)} with {units.memory_text(memory)} {error}"
    return ""
