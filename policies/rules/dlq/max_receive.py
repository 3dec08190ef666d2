"""`sqs-max-receive`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from policies.model import UNKNOWN, Config, Finding, Level, Resource, ResourceRule, Severity, refuse, unsettled
from policies.rules.dlq.queues import QUEUE, REDRIVE_POLICY, is_fifo
from policies.rules.dlq.sqs_dlq import MAX_RECEIVE_COUNT
from policies.values import number, parse_json

# Our component hands over the number by itself; the policy is unknown as a whole before the dead-letter queue exists.
QUEUE_COMPONENT = "serverless-batch:queue:Queue"


def check(resource: Resource, config: Config) -> Iterable[Finding]:
    if resource.type == QUEUE_COMPONENT:
        receives = resource.get("maxReceives")
    else:
        document = parse_json(resource.get("redrivePolicy"))
        if document is UNKNOWN and resource.parent_type == QUEUE_COMPONENT:
            return
        receives = document.get("maxReceiveCount") if isinstance(document, Mapping) else document
    if receives is UNKNOWN:
        yield unsettled(resource, "after how many receives its messages are dead letters")
        return
    times = number(receives)
    if times is None or not 1 <= times <= MAX_RECEIVE_COUNT:
        return  # no policy, or one that SQS refuses: sqs-dlq speaks
    fifo = _is_fifo(resource)
    least, most = config["minReceives"], config["maxReceives" if fifo is False else "maxFifoReceives"]
    if times < least:
        yield refuse(
            resource,
            f"gives a message up after {times:g} receive{'s' if times > 1 else ''}: one that was only interrupted, by "
            f"a deployment or by Spot, is a dead letter at once. Set maxReceiveCount from {least:g} to {most:g}.",
        )
    elif times > config["maxReceives"] and fifo is None:
        yield unsettled(resource, "whether it is a FIFO queue, whose messages may be received more often")
    elif times > most:
        yield refuse(
            resource,
            f"receives a message {times:g} times before it gives it up: one that cannot be processed is worked on all "
            f"that while, and is paid for. Set maxReceiveCount from {least:g} to {most:g}.",
        )


def _is_fifo(resource: Resource) -> bool | None:
    """None if that is unknown."""
    if resource.type == QUEUE:
        return None if resource.get("fifoQueue") is UNKNOWN else is_fifo(resource)
    if resource.type == QUEUE_COMPONENT:
        named = resource.get("queueName")
    else:  # both queues are of one kind
        document = parse_json(resource.get("redrivePolicy"))
        named = document.get("deadLetterTargetArn") if isinstance(document, Mapping) else None
    return None if named is UNKNOWN else isinstance(named, str) and named.endswith(".fifo")


RULE = ResourceRule(
    id="sqs-max-receive",
    theme="dlq",
    description="A message is tried a few times before it is a dead letter, not once and not for ever.",
    why="With one receive, a consumer that is stopped makes a dead letter of a sound message; with hundreds, one that "
    "cannot be processed keeps consumers busy for days. AWS Lambda's guide asks for 5 at least where a function "
    "receives, as throttled batches count, too. A FIFO queue may need more: its messages cannot be sent anew without "
    "losing their place, so every task that is lost counts.",
    steps="Set `maxReceiveCount` in the queue's `redrive_policy`.",
    unknown=f"Advises at preview when the redrive policy is unknown as a whole; settled at update. Below a "
    f"{QUEUE_COMPONENT} the number is read from the component, where it is always known.",
    severity=Severity.LOW,
    level=Level.ADVISORY,
    types=frozenset({QUEUE, REDRIVE_POLICY, QUEUE_COMPONENT}),
    parameters={
        "minReceives": {
            "type": "integer", "minimum": 1, "maximum": 1000, "default": 3, "description": "Fewest receives."
        },
        "maxReceives": {
            "type": "integer", "minimum": 1, "maximum": 1000, "default": 10, "description": "Most receives."
        },
        "maxFifoReceives": {
            "type": "integer", "minimum": 1, "maximum": 1000, "default": 100,
            "description": "Most receives of a FIFO queue.",
        },
    },
    check=check,
)  # fmt: skip
