"""What the compute environments of a Batch queue are, in their order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from policies.model import UNKNOWN, Resource, Stack, Unknown
from policies.values import as_list, number

QUEUE = "aws:batch/jobQueue:JobQueue"
ENVIRONMENT = "aws:batch/computeEnvironment:ComputeEnvironment"
# At preview an environment's name is not known, so neither is which one a queue puts first. The component that makes
# both registers the types, by queue, as its output.
COMPONENT = "serverless-batch:batch_queues:BatchQueues"
# Up to version 6 of the provider the list could also be one of ARNs.
ORDERS, ARNS = "computeEnvironmentOrders", "computeEnvironments"


@dataclass(frozen=True)
class Place:
    """A queue's environments. name: for people, empty for a queue by itself. types: in their order, as AWS calls them;
    None for one that is not in the stack. linked: types of those that an UNKNOWN one may be."""

    name: str
    types: list[str | Unknown | None]
    linked: list[str | Unknown | None]


def places(resource: Resource, stack: Stack) -> Iterable[Place]:
    """Of a queue, or of the queues that the component says it makes."""
    if resource.type == COMPONENT:
        told = resource.get("environments")
        for name, types in told.items() if isinstance(told, Mapping) else []:
            yield Place(f"queue '{name}'", [_type(one) for one in as_list(types)], [])
        return
    environments = stack.of_type(ENVIRONMENT)
    name = ARNS if resource.get(ORDERS) is None else ORDERS
    linked = [e for e in environments if e.urn in resource.dependencies.get(name, frozenset())]
    orders = resource.get(name)
    if orders is UNKNOWN:
        yield Place("", [UNKNOWN], [_type_of(e) for e in linked])
        return
    items = [item if isinstance(item, Mapping) else {"computeEnvironment": item} for item in as_list(orders)]
    items.sort(key=lambda item: number(item.get("order")) or 0)
    named = [item.get("computeEnvironment") for item in items]
    if len(items) > 1 and any(item.get("order") is UNKNOWN for item in items):
        yield Place("", [UNKNOWN] * len(items), [_found(one, environments) for one in named])
        return
    if named == [UNKNOWN] and len(linked) == 1:
        yield Place("", [_type_of(linked[0])], [])
        return
    yield Place("", [_found(one, environments) for one in named], [_type_of(e) for e in linked])


def answered(queue: Resource, stack: Stack) -> bool:
    """Whether the component that makes the queue says what its environments are."""
    told = (one.get("environments") for one in stack.of_type(COMPONENT))
    return queue.parent_type == COMPONENT and any(isinstance(one, Mapping) for one in told)


def _found(reference: Any, environments: list[Resource]) -> str | Unknown | None:
    if isinstance(reference, Unknown):
        return UNKNOWN
    names = ("arn", "id", "name", "computeEnvironmentName")
    known = [e for e in environments if reference and reference in map(e.get, names)]
    return _type_of(known[0]) if known else None


def _type_of(environment: Resource) -> str | Unknown | None:
    return _type(environment.get("computeResources", "type"))


def _type(value: Any) -> str | Unknown | None:
    if isinstance(value, Unknown):
        return UNKNOWN
    return value.upper() if isinstance(value, str) else ""
