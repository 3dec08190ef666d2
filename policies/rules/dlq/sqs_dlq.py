"""`sqs-dlq`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from policies.model import UNKNOWN, Config, Finding, Resource, Severity, Stack, StackRule, refuse, unsettled
from policies.rules.dlq.queues import QUEUE, Queues
from policies.values import number, parse_json

MAX_RECEIVE_COUNT = 1000  # Amazon SQS API reference, RedrivePolicy
HOW = 'Set redrivePolicy to {"deadLetterTargetArn": <ARN of a queue for dead letters>, "maxReceiveCount": 5}.'


def check(resource: Resource, stack: Stack, _config: Config) -> Iterable[Finding]:
    queues = stack.once(Queues)
    redrives = queues.redrives.get(resource.urn, [])
    # A policy that is a resource of its own stands among the queue's outputs, too; what is wrong with it is said once.
    yield from dict.fromkeys(one for redrive in redrives for one in _judge(resource, *redrive, queues))
    if redrives or resource.urn in queues.takes_dead_letters:
        return
    if resource.urn in queues.may_take_dead_letters or queues.unplaced_redrives:
        yield unsettled(resource, "whether it has a dead-letter queue or is one")
        return
    yield refuse(
        resource,
        "has no dead-letter queue: a message that cannot be processed is received again and again until it expires and "
        f"is lost. {HOW}",
    )


def _judge(queue: Resource, holder: Resource, policy: Any, queues: Queues) -> Iterable[Finding]:
    """Judges a redrive policy that the queue has, in its own property or in a resource of its own."""
    document = parse_json(policy)
    if document is not UNKNOWN and not isinstance(document, Mapping):
        yield refuse(queue, f"has a redrive policy that is no JSON object. {HOW}")
        return
    # One that is unknown as a whole has both its keys, or SQS refuses it; which queue it names is told by the link.
    receives = document.get("maxReceiveCount") if isinstance(document, Mapping) else UNKNOWN
    if receives is not UNKNOWN and not 1 <= (number(receives) or 0) <= MAX_RECEIVE_COUNT:
        yield refuse(
            queue,
            "does not say after how many receives a message moves to the dead-letter queue. Set maxReceiveCount in its "
            f"redrive policy, from 1 to {MAX_RECEIVE_COUNT}.",
        )
    link = queues.target(holder, document)
    if link.unknown:
        yield unsettled(queue, "the queue that its redrive policy names")
    elif link.queue is None and link.name is None:
        yield refuse(queue, f"has a redrive policy that names no queue for dead letters. {HOW}")
    elif link.queue is queue:
        yield refuse(queue, f"is its own dead-letter queue, so its messages go round. {HOW}")
    elif _is_elsewhere(queue, link.queue, document):
        yield refuse(queue, f"has its dead-letter queue in another region or account, which SQS refuses. {HOW}")
    elif queues.goes_round(queue):
        yield refuse(
            queue,
            "gets its dead letters back: its dead-letter queue has one of its own, and that leads here again, so its "
            "messages go round. Let the last of them have none.",
        )


def _is_elsewhere(queue: Resource, target: Resource | None, document: Any) -> bool:
    """Whether the dead-letter queue is known to be in another region or account than the queue."""
    named = document.get("deadLetterTargetArn") if isinstance(document, Mapping) else None
    arns = (queue.get("arn"), target.get("arn") if target else named)
    regions = (queue.get("region"), target.get("region") if target else None)  # from version 7 of the provider
    return _differ(*regions) or _differ(*(one.rpartition(":")[0] if isinstance(one, str) else one for one in arns))


def _differ(one: Any, other: Any) -> bool:
    return isinstance(one, str) and isinstance(other, str) and one != other


RULE = StackRule(
    id="sqs-dlq",
    theme="dlq",
    description="Every SQS queue moves what cannot be processed to a dead-letter queue.",
    why="Without one, a message that no consumer can process comes back until it expires: it costs a run each time, "
    "and then it is lost without anybody knowing. A queue that takes the dead letters of a queue, function, event "
    "rule, schedule, pipe, event bus, SNS subscription or IoT rule needs none of its own.",
    steps="Declare a second `aws.sqs.Queue` and name its ARN in the first one's `redrive_policy`, with "
    "`maxReceiveCount`.",
    unknown="A redrive policy that is unknown at preview is proven by the property's dependency on exactly one other "
    "queue; otherwise the rule advises, and settles it at update.",
    severity=Severity.HIGH,
    references=("cdk-nag AwsSolutions-SQS3",),
    types=frozenset({QUEUE}),
    check=check,
)
