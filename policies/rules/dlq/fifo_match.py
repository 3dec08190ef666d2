"""`sqs-dlq-fifo-match`."""

from __future__ import annotations

from collections.abc import Iterable

from policies.model import Config, Finding, Resource, Severity, Stack, StackRule, refuse, unsettled
from policies.rules.dlq.queues import QUEUE, Link, Queues, is_fifo

KINDS = {True: "a FIFO queue", False: "a standard queue"}


def check(resource: Resource, stack: Stack, _config: Config) -> Iterable[Finding]:
    queues = stack.once(Queues)
    redrives = queues.redrives.get(resource.urn, [])
    yield from dict.fromkeys(one for redrive in redrives for one in _judge(resource, queues.target(*redrive)))


def _judge(resource: Resource, link: Link) -> Iterable[Finding]:
    fifo = is_fifo(resource)
    if link.unknown:
        yield unsettled(resource, "the queue that its redrive policy names")
    elif link.queue is resource or (link.queue is None and link.name is None):
        return  # sqs-dlq speaks
    elif fifo is None or link.fifo is None:
        yield unsettled(resource, "whether it and its dead-letter queue are of one kind (FIFO or standard)")
    elif link.fifo != fifo:
        yield refuse(
            resource,
            f"is {KINDS[fifo]} and its dead-letter queue is {KINDS[link.fifo]}: SQS wants both to be of one kind. "
            "Give both the same fifoQueue.",
        )


RULE = StackRule(
    id="sqs-dlq-fifo-match",
    theme="dlq",
    description="A queue and its dead-letter queue are of one kind, FIFO or standard.",
    why="SQS does not take a dead-letter queue of the other kind: the update fails halfway, with the queues made and "
    "nothing between them.",
    steps="Give both queues `fifo_queue=True` and names that end in `.fifo`, or neither.",
    unknown="A queue that is unknown at preview is proven by the property's dependency on exactly one other queue; "
    "otherwise the rule advises, and settles it at update. A queue of another stack is judged by its name.",
    severity=Severity.HIGH,
    types=frozenset({QUEUE}),
    check=check,
)
