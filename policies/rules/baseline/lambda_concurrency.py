"""`lambda-concurrency`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from policies.model import UNKNOWN, Config, Finding, Resource, Severity, Stack, StackRule, refuse, unsettled
from policies.rules.dlq.functions import Functions
from policies.rules.dlq.queues import QUEUE
from policies.values import number

LIMITS = (("scalingConfig", "maximumConcurrency"), ("provisionedPollerConfig", "maximumPollers"))
MAPPING = "aws:lambda/eventSourceMapping:EventSourceMapping"


def check(resource: Resource, stack: Stack, _config: Config) -> Iterable[Finding]:
    from_queue = _is_from_queue(resource, stack)
    if from_queue is False:
        return
    limits = [_limit(resource, *way) for way in LIMITS]
    if any(number(limit) is not None for limit in limits):
        return
    meant = stack.once(Functions).meant(resource.get("functionName"), resource, "functionName")
    function = meant.one
    reserved = function.given("reservedConcurrentExecutions") if function else None
    bound = number(reserved)
    if bound is not None and bound >= 0:  # -1 is no limit
        return
    if UNKNOWN in (*limits, reserved) or from_queue is None or not meant.certain:
        yield unsettled(resource, "whether its function is bounded")
        return
    yield refuse(
        resource,
        "starts as many executions as the queue has work for, up to all that the account may have at once. Set "
        "scalingConfig.maximumConcurrency, or reservedConcurrentExecutions of the function.",
    )


def _limit(resource: Resource, holder: str, name: str) -> Any:
    value = resource.given(holder)
    return value.get(name) if isinstance(value, Mapping) else value


def _is_from_queue(resource: Resource, stack: Stack) -> bool | None:
    """Streams bound themselves by their shards. None if the source is not known."""
    source = resource.get("eventSourceArn")
    if source is not UNKNOWN:
        return isinstance(source, str) and source.split(":")[2:3] == ["sqs"]
    types = {one.type for one in stack.resources if one.urn in resource.dependencies.get("eventSourceArn", frozenset())}
    return QUEUE in types if types else None


RULE = StackRule(
    id="lambda-concurrency",
    theme="baseline",
    description="A function that takes messages from a queue runs a bounded number of times at once.",
    why="A full queue lets a function take all executions that the account has, so that every other function is "
    "throttled, and floods what it calls. Functions that something else bounds, as schedules, streams and a throttled "
    "API do, need no limit of their own, and reserving takes from the others.",
    steps="Set `scaling_config` of the `aws.lambda_.EventSourceMapping` with `maximum_concurrency`, or "
    "`reserved_concurrent_executions` of the function.",
    unknown="The queue and the function that are unknown at preview are told by the properties' dependencies; "
    "otherwise the rule advises, and settles it at update.",
    references=("checkov CKV_AWS_115",),
    severity=Severity.MEDIUM,
    types=frozenset({MAPPING}),
    check=check,
)
