"""`lambda-async-failure`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from policies.model import UNKNOWN, Config, Finding, Resource, Severity, Stack, StackRule, refuse, unsettled
from policies.rules.dlq.functions import FUNCTION, Functions
from policies.values import as_list

INVOKE_CONFIG = "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig"
PERMISSION = "aws:lambda/permission:Permission"
SUBSCRIPTION = "aws:sns/topicSubscription:TopicSubscription"
PIPE = "aws:pipes/pipe:Pipe"
# Services that put an event into the function's own queue and are content with that.
# Source: "Invoking Lambda with events from other AWS services", AWS Lambda developer guide.
ASYNCHRONOUS = re.compile(
    r"(?:events|s3|sns|ses|iot|config|codecommit|cloudformation|logs(?:\.[a-z0-9-]+)?|lambda\.alarms\.cloudwatch)"
    r"\.amazonaws\.com(?:\.cn)?"
)
# Type → where it names the function that it hands events to.
INVOKERS = {
    "aws:cloudwatch/eventTarget:EventTarget": ("arn",),
    "aws:cloudwatch/logSubscriptionFilter:LogSubscriptionFilter": ("destinationArn",),
    "aws:scheduler/schedule:Schedule": ("target", "arn"),
    "aws:s3/bucketNotification:BucketNotification": ("lambdaFunctions", "lambdaFunctionArn"),
}


class Asynchronous:
    """Which functions of a stack are invoked asynchronously, and which have a place for what fails."""

    def __init__(self, stack: Stack):
        functions = stack.once(Functions)
        self.by: dict[str, Resource] = {}
        """Function's URN → something that invokes it asynchronously."""
        self.maybe: set[str] = set()
        """URNs of functions of which it is not known whether they are."""
        self.caught: set[str] = set()
        """URNs of functions whose failures have a destination of their own."""
        for resource in stack.resources:
            for name, value in _invoked(resource):
                meant = functions.meant(value, resource, name)
                for function in meant.functions:
                    # Each element of a list is another one, so all that the list is made of are invoked.
                    if meant.certain or name == "lambdaFunctions":
                        self.by.setdefault(function.urn, resource)
                    else:
                        self.maybe.add(function.urn)
            if resource.type == INVOKE_CONFIG and _catches(resource):
                meant = functions.meant(resource.get("functionName"), resource, "functionName")
                self.caught |= {function.urn for function in meant.functions}


def check(resource: Resource, stack: Stack, _config: Config) -> Iterable[Finding]:
    asynchronous = stack.once(Asynchronous)
    if resource.urn in asynchronous.caught or _target(resource.given("deadLetterConfig"), "targetArn"):
        return
    if resource.urn in asynchronous.by:
        yield refuse(
            resource,
            f"is invoked asynchronously ({asynchronous.by[resource.urn]}) and has no place for what fails: Lambda "
            "tries an event up to three times and then drops it, and one that waits too long without a try. Name a "
            "queue in deadLetterConfig.targetArn, or in destinationConfig.onFailure of an "
            "aws.lambda.FunctionEventInvokeConfig.",
        )
    elif resource.urn in asynchronous.maybe:
        yield unsettled(resource, "whether it is invoked asynchronously, and then needs a place for what fails")


def _invoked(resource: Resource) -> Iterator[tuple[str, Any]]:
    """Property and value, wherever the resource names a function that it invokes asynchronously."""
    if resource.type in INVOKERS:
        name, *rest = INVOKERS[resource.type]
        for one in as_list(resource.given(name)):
            yield name, one.get(rest[0]) if rest and isinstance(one, Mapping) else one
    elif resource.type == PERMISSION:
        principal = resource.get("principal")
        if isinstance(principal, str) and ASYNCHRONOUS.fullmatch(principal):
            yield "function", resource.get("function")
    elif resource.type == SUBSCRIPTION and resource.get("protocol") == "lambda":
        yield "endpoint", resource.get("endpoint")
    elif resource.type == PIPE:
        kind = resource.get("targetParameters", "lambdaFunctionParameters", "invocationType")
        if kind == "FIRE_AND_FORGET":
            yield "target", resource.get("target")


def _catches(config: Resource) -> bool:
    destinations = config.given("destinationConfig")
    return _target(destinations.get("onFailure") if isinstance(destinations, Mapping) else destinations, "destination")


def _target(holder: Any, key: str) -> bool:
    """Whether a target is named; one that is unknown was given."""
    value = holder.get(key) if isinstance(holder, Mapping) else holder
    return value is UNKNOWN or (isinstance(value, str) and bool(value))


RULE = StackRule(
    id="lambda-async-failure",
    theme="dlq",
    description="What a function fails at that is invoked asynchronously goes somewhere.",
    why="Whoever invokes a function asynchronously, such as an event rule, a schedule, a bucket or a topic, hears "
    "nothing of its end. After two more tries, or when the event has waited for too long, Lambda drops it. Functions "
    "that are only called synchronously, or read a queue or a stream, need nothing of the kind.",
    steps="Set `dead_letter_config` of the `aws.lambda_.Function`, or declare an "
    "`aws.lambda_.FunctionEventInvokeConfig` with `destination_config` for failures, and let the function's role send "
    "there.",
    unknown="A function that is unknown at preview is proven by the property's dependency on exactly one. If it hangs "
    "on several the rule advises, and settles it at update. A destination that is unknown was given.",
    severity=Severity.HIGH,
    references=("checkov CKV_AWS_116", "cdk-nag Serverless-LambdaDLQ"),
    types=frozenset({FUNCTION}),
    check=check,
)
