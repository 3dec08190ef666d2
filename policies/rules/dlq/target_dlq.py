"""`target-dlq`."""

from __future__ import annotations

from collections.abc import Iterable

from policies.model import UNKNOWN, Config, Finding, Resource, ResourceRule, Severity, refuse, unsettled
from policies.rules.dlq.queues import service

# Type → where its dead-letter queue may be named. A pipe has one for the records of a stream; a queue has its own.
PLACES = {
    "aws:cloudwatch/eventTarget:EventTarget": [("deadLetterConfig",)],
    "aws:scheduler/schedule:Schedule": [("target", "deadLetterConfig")],
    "aws:pipes/pipe:Pipe": [
        ("sourceParameters", "dynamodbStreamParameters", "deadLetterConfig"),
        ("sourceParameters", "kinesisStreamParameters", "deadLetterConfig"),
    ],
}
# Type → services to which it sends what cannot be delivered, as they stand in an ARN.
SERVICES = {type_: ("sqs", "sns") if type_ == "aws:pipes/pipe:Pipe" else ("sqs",) for type_ in PLACES}


def check(resource: Resource, _config: Config) -> Iterable[Finding]:
    for place in PLACES[resource.type]:
        holder = resource.get(*place[:-1]) if len(place) > 1 else resource.props
        if holder is UNKNOWN:
            yield unsettled(resource, f"whether it has a dead-letter queue ({'.'.join(place)})")
            return
        if holder is None:
            continue  # a pipe from another source
        # What is unknown is made of another resource, so it was given.
        arn = resource.get(*place, "arn")
        if isinstance(arn, str) and arn and service(arn) not in SERVICES[resource.type]:
            yield refuse(resource, f"names no queue in {'.'.join(place)}.arn. Give it the ARN of an SQS queue.")
        elif arn in (None, ""):
            yield refuse(
                resource,
                "has no dead-letter queue: what cannot be delivered in time is lost, and nobody hears of it. Name the "
                f"ARN of a queue in {'.'.join(place)}.arn.",
            )


RULE = ResourceRule(
    id="target-dlq",
    theme="dlq",
    description="What an event rule, a schedule or a pipe from a stream cannot deliver goes to a dead-letter queue.",
    why="EventBridge gives up after a day, a schedule and a pipe when their retries are used up. Without a dead-letter "
    "queue the event is gone then.",
    steps="Set `dead_letter_config` of the `aws.cloudwatch.EventTarget`, of the schedule's `target`, or of the pipe's "
    "stream parameters to an `aws.sqs.Queue`, and let EventBridge send to it.",
    unknown="An ARN that is unknown at preview is one that was given. Advises when the whole target or the source's "
    "parameters are unknown; settled at update.",
    severity=Severity.HIGH,
    references=("cdk-nag Serverless-EventBusDLQ",),
    types=frozenset(PLACES),
    check=check,
)
