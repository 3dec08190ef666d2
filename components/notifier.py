"""Tells people that a job has ended: table stream → pipe → queue → function → Slack, Notion, SNS."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pulumi
import pulumi_aws as aws

from components.alerts import Alerts
from components.function import FROM_QUEUE, Function, FunctionArgs
from components.permissions import (
    Role,
    consume_queue,
    link_objects,
    publish,
    read_secret,
    read_stream,
    send_messages,
    write_items,
)
from components.queue import Queue
from components.site import Site
from components.storage import Bucket
from components.tables import IdempotencyTable, JobsTable

TIMEOUT_SECONDS = 60
NOTICE_KEYS = ("notice#*",)  # which of them were sent, by their keys in the table
ENDED = {"dynamodb": {"NewImage": {"status": {"S": ["SUCCEEDED", "FAILED", "CANCELLED"]}}}}


@dataclass(frozen=True, kw_only=True)
class NotifierArgs:
    """
    slack_secret_arn: secret that holds the webhook's URL. notion_secret_arn: secret that holds the token;
    notion_database_id: where pages are made. A channel without its secret is off. emails: subscribers of the topic.
    """

    slack_secret_arn: str | None
    notion_secret_arn: str | None
    notion_database_id: str | None
    emails: tuple[str, ...]
    log_retention_days: int


class Notifier(pulumi.ComponentResource):
    """One notice for each job that has ended, on each channel."""

    def __init__(
        self,
        name: str,
        site: Site,
        project_dir: Path,
        args: NotifierArgs,
        *,
        jobs: JobsTable,
        idempotency: IdempotencyTable,
        results: Bucket,
        alerts: Alerts,
        opts: pulumi.ResourceOptions | None = None,
    ):
        channels = {"slack": bool(args.slack_secret_arn), "notion": bool(args.notion_secret_arn), "sns": True}
        super().__init__("serverless-batch:notifier:Notifier", name, {"channels": channels}, opts)
        child = pulumi.ResourceOptions(parent=self)
        # A pipe, not a stream trigger: in a queue a notice can wait for Retry-After without holding up the others,
        # and a dead letter is the notice itself, not the address of a stream record that is gone after a day.
        queue = Queue(
            "notices",
            site,
            fifo=False,
            visibility_seconds=6 * TIMEOUT_SECONDS,
            max_receives=5,
            alerts=alerts,
            opts=child,
        )
        role = Role(
            f"{name}-pipe",
            site,
            "pipes",
            [
                # The stream's label is its creation time: a table has one stream, and its name bounds this.
                *read_stream(f"{jobs.arn}/stream/*"),
                *send_messages(queue.arn, queue.dead_letter_arn),
            ],
            opts=child,
        )
        aws.pipes.Pipe(
            name,
            name=site.name(name),
            role_arn=role.arn,
            source=jobs.stream_arn,
            source_parameters={
                "dynamodb_stream_parameters": {
                    "starting_position": "TRIM_HORIZON",
                    "batch_size": 10,
                    "maximum_retry_attempts": 10,
                    "on_partial_batch_item_failure": "AUTOMATIC_BISECT",
                    "dead_letter_config": {"arn": queue.dead_letter_queue_arn},
                },
                "filter_criteria": {"filters": [{"pattern": json.dumps(ENDED, sort_keys=True)}]},
            },
            target=queue.queue_arn,
            opts=child,
        )
        topic = aws.sns.Topic("notices", name=site.name("notices"), opts=child)
        for email in args.emails:
            aws.sns.TopicSubscription(f"notices-{email}", topic=topic.arn, protocol="email", endpoint=email, opts=child)
        topic_arn = site.arn("sns", site.name("notices"))
        secrets = [arn for arn in (args.slack_secret_arn, args.notion_secret_arn) if arn]
        environment = {
            "NOTICES_TABLE": idempotency.table_name,
            "NOTICES_QUEUE_URL": queue.url,
            "TOPIC_ARN": topic_arn,
            "SLACK_SECRET_ARN": args.slack_secret_arn,
            "NOTION_SECRET_ARN": args.notion_secret_arn,
            "NOTION_DATABASE_ID": args.notion_database_id,
        }
        function = Function(
            name,
            site,
            project_dir,
            FunctionArgs(
                folder="notifier",
                environment={key: value for key, value in environment.items() if value},
                statements=[
                    *consume_queue(queue.arn),
                    *write_items(idempotency.arn, create=True, delete=True, keys=NOTICE_KEYS),
                    *link_objects(results.arn),
                    *publish(topic_arn),
                    *[statement for arn in secrets for statement in read_secret(arn)],
                ],
                timeout=TIMEOUT_SECONDS,
                log_retention_days=args.log_retention_days,
            ),
            alerts,
            opts=child,
        )
        aws.lambda_.EventSourceMapping(
            name,
            event_source_arn=queue.queue_arn,
            function_name=function.function_arn,
            batch_size=10,
            scaling_config=FROM_QUEUE,
            function_response_types=["ReportBatchItemFailures"],
            opts=child,
        )
        self.topic_arn: pulumi.Output[str] = topic.arn
        self.register_outputs({"topicArn": self.topic_arn})
