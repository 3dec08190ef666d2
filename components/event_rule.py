"""A rule of EventBridge and what it tells."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi_aws as aws

from components.queue import DeadLetterQueue
from components.site import Site


def event_rule(
    name: str,
    site: Site,
    description: str,
    pattern: Mapping[str, Any],
    undelivered: DeadLetterQueue,
    opts: pulumi.ResourceOptions,
    **target: Any,
) -> None:
    """undelivered: gets the events that the target does not take. target: the other arguments of an EventTarget."""
    rule = aws.cloudwatch.EventRule(
        name,
        name=site.name(name),
        description=description,
        event_pattern=json.dumps(pattern, sort_keys=True),
        opts=opts,
    )
    aws.cloudwatch.EventTarget(
        name,
        rule=rule.name,
        target_id=name,
        dead_letter_config={"arn": undelivered.queue_arn},
        opts=opts,
        **target,
    )
