"""A queue with its dead-letter queue and the alarm on it, and a queue for what could not be delivered at all."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from components.alerts import Alerts
from components.permissions import Statement, document, tls_only
from components.site import Site

DEAD_LETTER_RETENTION_SECONDS = 14 * 24 * 3600  # the longest that SQS keeps a message
RETENTION_SECONDS = 4 * 24 * 3600


class Queue(pulumi.ComponentResource):
    """An encrypted, TLS-only queue. What cannot be processed ends in its dead-letter queue, and an alarm says so."""

    def __init__(
        self,
        name: str,
        site: Site,
        *,
        fifo: bool,
        visibility_seconds: int,
        max_receives: int,
        alerts: Alerts,
        senders: Sequence[Statement] = (),
        opts: pulumi.ResourceOptions | None = None,
    ):
        """
        visibility_seconds: how long a received message stays hidden unless its consumer extends it.
        max_receives: a message received more often than this moves to the dead-letter queue.
        senders: for the queue's policy, services that send to it without a role of this account.
        """
        suffix = ".fifo" if fifo else ""
        self.queue_name = site.name(name) + suffix
        self.dead_letter_name = site.name(f"{name}-dlq") + suffix
        self.arn = site.arn("sqs", self.queue_name)
        self.dead_letter_arn = site.arn("sqs", self.dead_letter_name)
        self.url = _url(site, self.queue_name)
        self.dead_letter_url = _url(site, self.dead_letter_name)
        super().__init__(
            "serverless-batch:queue:Queue",
            name,
            {
                "queueName": self.queue_name,
                "deadLetterQueueName": self.dead_letter_name,
                "visibilitySeconds": visibility_seconds,
                "maxReceives": max_receives,
            },
            opts,
        )
        child = pulumi.ResourceOptions(parent=self)
        dead_letters = aws.sqs.Queue(
            f"{name}-dlq",
            name=self.dead_letter_name,
            message_retention_seconds=DEAD_LETTER_RETENTION_SECONDS,
            sqs_managed_sse_enabled=True,
            fifo_queue=fifo or None,  # absent means standard; SQS does not know false
            opts=child,
        )
        queue = aws.sqs.Queue(
            name,
            name=self.queue_name,
            visibility_timeout_seconds=visibility_seconds,
            message_retention_seconds=RETENTION_SECONDS,
            receive_wait_time_seconds=20,
            sqs_managed_sse_enabled=True,
            redrive_policy=dead_letters.arn.apply(
                lambda arn: json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": max_receives}, sort_keys=True)
            ),
            fifo_queue=fifo or None,  # absent means standard; SQS does not know false
            opts=child,
        )
        aws.sqs.RedriveAllowPolicy(
            f"{name}-dlq",
            queue_url=dead_letters.id,
            redrive_allow_policy=json.dumps(
                {"redrivePermission": "byQueue", "sourceQueueArns": [self.arn]}, sort_keys=True
            ),
            opts=child,
        )
        for key, resource, arn, others in (
            (name, queue, self.arn, senders),
            (f"{name}-dlq", dead_letters, self.dead_letter_arn, ()),
        ):
            policy = document([tls_only([arn], "sqs:*"), *others])
            aws.sqs.QueuePolicy(key, queue_url=resource.id, policy=policy, opts=child)
        alerts.when_more_than(
            0,
            f"{name}-dlq",
            namespace="AWS/SQS",
            metric="ApproximateNumberOfMessagesVisible",
            dimensions={"QueueName": self.dead_letter_name},
            statistic="Maximum",
            description=f"Messages of {self.queue_name} could not be processed; see the attribute 'reason', "
            "mend the cause, redrive.",
            parent=self,
        )
        self.queue_arn: pulumi.Output[str] = queue.arn
        self.dead_letter_queue_arn: pulumi.Output[str] = dead_letters.arn
        self.register_outputs({"queueArn": self.queue_arn, "deadLetterQueueArn": self.dead_letter_queue_arn})


class DeadLetterQueue(pulumi.ComponentResource):
    """A standard queue that keeps what rules, schedules and functions could not get rid of; an alarm says so."""

    def __init__(
        self,
        name: str,
        site: Site,
        *,
        senders: Sequence[Statement],
        description: str,
        alerts: Alerts,
        opts: pulumi.ResourceOptions | None = None,
    ):
        """
        senders: for the queue's policy, services that send to it without a role of this account.
        description: of the alarm.
        """
        self.queue_name = site.name(name)
        self.arn = site.arn("sqs", self.queue_name)
        super().__init__("serverless-batch:queue:DeadLetterQueue", name, {"queueName": self.queue_name}, opts)
        child = pulumi.ResourceOptions(parent=self)
        queue = aws.sqs.Queue(
            name,
            name=self.queue_name,
            message_retention_seconds=DEAD_LETTER_RETENTION_SECONDS,
            sqs_managed_sse_enabled=True,
            opts=child,
        )
        policy = document([tls_only([self.arn], "sqs:*"), *senders])
        aws.sqs.QueuePolicy(name, queue_url=queue.id, policy=policy, opts=child)
        alerts.when_more_than(
            0,
            name,
            namespace="AWS/SQS",
            metric="ApproximateNumberOfMessagesVisible",
            dimensions={"QueueName": self.queue_name},
            statistic="Maximum",
            description=description,
            parent=self,
        )
        self.queue_arn: pulumi.Output[str] = queue.arn
        self.register_outputs({"queueArn": self.queue_arn})


def _url(site: Site, queue_name: str) -> str:
    return f"https://sqs.{site.region}.{site.domain}/{site.account}/{queue_name}"
