"""`esm-visibility`."""

from __future__ import annotations

from collections.abc import Iterable

from policies.model import Config, Finding, Resource, Severity, Stack, StackRule, refuse, unsettled
from policies.rules.dlq.functions import Functions
from policies.rules.dlq.queues import Queues
from policies.values import given_number

MAPPING = "aws:lambda/eventSourceMapping:EventSourceMapping"
# Seconds where nothing is said. Source: CreateFunction and SetQueueAttributes in AWS's API references.
TIMEOUT, VISIBILITY = 3, 30


def check(resource: Resource, stack: Stack, config: Config) -> Iterable[Finding]:
    source = stack.once(Queues).link(resource.get("eventSourceArn"), resource, "eventSourceArn")
    if source.unknown and not source.candidates and resource.dependencies.get("eventSourceArn"):
        return  # made of something that is no queue: a stream
    meant = stack.once(Functions).meant(resource.get("functionName"), resource, "functionName")
    if source.unknown or (source.queue and not meant.certain):
        yield unsettled(resource, "its queue and its function, of which the times have to fit")
        return
    queue, function = source.queue, meant.one
    if queue is None or function is None:
        return  # no queue, or in another stack
    hidden = given_number(queue, "visibilityTimeoutSeconds", VISIBILITY)
    timeout = given_number(function, "timeout", TIMEOUT)
    window = given_number(resource, "maximumBatchingWindowInSeconds", 0)
    if hidden is None or timeout is None or window is None:
        yield unsettled(resource, f"whether the visibility timeout of {queue} fits the timeout of {function}")
        return
    least = config["factor"] * timeout + window
    if hidden < least:
        yield refuse(
            resource,
            f"reads {queue}, whose messages are hidden for {hidden:g} s, for {function}, which may take {timeout:g} s: "
            "a message that waits for a function that is throttled is received again meanwhile, and is processed "
            f"twice. Set visibilityTimeoutSeconds of the queue to {least:.0f} or more.",
        )


RULE = StackRule(
    id="esm-visibility",
    theme="dlq",
    description="A queue that a function reads hides a message for six times as long as the function may take.",
    why="Lambda takes a batch from the queue and tries it again while the function is throttled. If the message comes "
    "back meanwhile, it is processed twice, counted as received again, and ends as a dead letter although nothing is "
    "wrong with it. AWS asks for six times the function's timeout, and the batching window on top.",
    steps="Raise `visibility_timeout_seconds` of the `aws.sqs.Queue`, or lower `timeout` of the function.",
    unknown="A queue or function that is unknown at preview is proven by the property's dependency on exactly one. "
    "Otherwise, and where a time is unknown, the rule advises, and settles it at update. Queues and functions of other "
    "stacks are not judged.",
    severity=Severity.MEDIUM,
    references=("cdk-nag LambdaEventSourceSQSVisibilityTimeout",),
    types=frozenset({MAPPING}),
    parameters={
        "factor": {
            "type": "number", "minimum": 1, "default": 6,
            "description": "How many timeouts of the function a message must be hidden for.",
        },
    },
    check=check,
)  # fmt: skip
