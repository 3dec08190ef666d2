"""`sqs-dlq-retention`."""

from __future__ import annotations

from collections.abc import Iterable

from policies.model import Config, Finding, Resource, Severity, Stack, StackRule, refuse, unsettled
from policies.rules.dlq.queues import QUEUE, Queues, is_fifo
from policies.values import given_number

RETENTION = "messageRetentionSeconds"
DAY = 24 * 3600
DEFAULT_SECONDS = 4 * DAY  # SetQueueAttributes, Amazon SQS API reference
LONGEST_DAYS = 14


def check(resource: Resource, stack: Stack, config: Config) -> Iterable[Finding]:
    queues = stack.once(Queues)
    taken, maybe = (resource.urn in known for known in (queues.takes_dead_letters, queues.may_take_dead_letters))
    if not taken and not maybe:
        return
    kept = given_number(resource, RETENTION, DEFAULT_SECONDS)
    if kept is None:
        yield unsettled(resource, "how long it keeps its messages")
    elif kept < config["minDays"] * DAY:
        if not taken:
            yield unsettled(resource, "whether it is a dead-letter queue, which would have to keep its messages longer")
            return
        yield refuse(
            resource,
            f"is a dead-letter queue and keeps its messages for {kept / DAY:.3g} days, which may be over before "
            f"somebody has looked at them. Set messageRetentionSeconds to {config['minDays'] * DAY:.0f} or more.",
        )
    else:
        yield from _judge_sources(resource, kept, queues)


def _judge_sources(resource: Resource, kept: float, queues: Queues) -> Iterable[Finding]:
    """A standard queue's message is as old in the dead-letter queue as it was; in a FIFO queue it starts anew."""
    if is_fifo(resource):
        return
    for source in queues.sources.get(resource.urn, []):
        before = given_number(source, RETENTION, DEFAULT_SECONDS)
        if before is None:
            yield unsettled(resource, f"how long {source}, whose dead letters it takes, keeps its messages")
        elif before > kept:
            yield refuse(
                resource,
                f"keeps its messages for less time than {source} does, whose dead letters it takes: their age counts "
                "from when they were sent first, so the oldest are gone on arrival. Set messageRetentionSeconds to "
                f"{before:.0f} or more.",
            )


RULE = StackRule(
    id="sqs-dlq-retention",
    theme="dlq",
    description="A dead-letter queue keeps its messages long enough for somebody to look, and longer than its sources.",
    why="SQS deletes a message after four days unless told otherwise: over a long weekend dead letters are gone, and "
    "with them what failed. On a standard queue the time of the source counts, too.",
    steps="Set `message_retention_seconds` of the dead-letter queue to 1209600, the 14 days that SQS allows at most.",
    unknown="Advises at preview when a retention is unknown, or whether a queue with a short one is a dead-letter "
    "queue; settled at update.",
    severity=Severity.MEDIUM,
    types=frozenset({QUEUE}),
    parameters={
        "minDays": {
            "type": "integer", "minimum": 1, "maximum": LONGEST_DAYS, "default": LONGEST_DAYS,
            "description": "Shortest retention of a dead-letter queue, in days.",
        },
    },
    check=check,
)  # fmt: skip
