"""`sns-subscription-dlq`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from policies.model import UNKNOWN, Config, Finding, Resource, ResourceRule, Severity, refuse, unsettled
from policies.rules.dlq.async_failure import SUBSCRIPTION
from policies.rules.dlq.queues import service
from policies.values import parse_json

# To people SNS goes on for hours, and what they do not get can be done without.
PEOPLE = ("email", "email-json", "sms", "application")
HOW = 'Set redrivePolicy to {"deadLetterTargetArn": <ARN of a queue>}.'


def check(resource: Resource, _config: Config) -> Iterable[Finding]:
    protocol, policy = resource.get("protocol"), resource.get("redrivePolicy")
    document = parse_json(policy)
    target = document.get("deadLetterTargetArn") if isinstance(document, Mapping) else document
    if protocol in PEOPLE or target is UNKNOWN or service(target) == "sqs":
        return  # what is unknown is made of another resource, so it was given
    if protocol is UNKNOWN:
        yield unsettled(resource, "whether it delivers to people or to something that needs a dead-letter queue")
    elif policy in (None, ""):
        yield refuse(
            resource,
            "has no dead-letter queue: what its endpoint refuses, or cannot take in time, is lost for this subscriber, "
            f"and nobody hears of it. {HOW}",
        )
    else:
        yield refuse(resource, f"has a redrive policy that names no queue for dead letters. {HOW}")


RULE = ResourceRule(
    id="sns-subscription-dlq",
    theme="dlq",
    description="What a topic cannot deliver to a queue, function, stream or address goes to a dead-letter queue.",
    why="A permission that is missing or a queue that is gone is no error of the publisher: SNS drops the message for "
    "this subscriber at once. An endpoint on the Internet is tried for an hour.",
    steps="Set `redrive_policy` of the `aws.sns.TopicSubscription`, and let SNS send to the queue.",
    unknown="A dead-letter target that is unknown at preview was given. Advises when the protocol is unknown; settled "
    "at update. Subscriptions to people, by mail, text message or app, need none.",
    severity=Severity.MEDIUM,
    references=("cdk-nag Serverless-SNSRedrivePolicy",),
    types=frozenset({SUBSCRIPTION}),
    check=check,
)
