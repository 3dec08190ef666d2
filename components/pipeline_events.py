"""What EventBridge does for the image pipeline: tells of failures, and starts it when CodeCommit has something new."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi_aws as aws

from components.alerts import Alerts
from components.event_rule import event_rule
from components.permissions import Role, events_send, start_pipeline
from components.pipeline_settings import ImageSource
from components.queue import DeadLetterQueue
from components.site import Site

FAILED, CHANGED = "pipeline-failed", "pipeline-source"
TEXT = (
    "The image pipeline <pipeline> failed (execution <execution>). Each worker runs what it ran before; the alarms and "
    "the log of the step that failed say why."
)


class PipelineEvents(pulumi.ComponentResource):
    """Rules, and a queue for what they could not deliver."""

    def __init__(
        self,
        name: str,
        site: Site,
        pipeline: aws.codepipeline.Pipeline,
        source: ImageSource,
        *,
        alerts: Alerts,
        opts: pulumi.ResourceOptions | None = None,
    ):
        """name: of the pipeline. alerts: lets the rule `failed_rule_arn` publish."""
        super().__init__("serverless-batch:pipeline_events:PipelineEvents", name, {"provider": source.provider}, opts)
        self._site, self._child = site, pulumi.ResourceOptions(parent=self)
        pipeline_name, codecommit = site.name(name), source.provider == "codecommit"
        rules = [failed_rule_arn(site), *([_rule_arn(site, CHANGED)] if codecommit else [])]
        self._undelivered = DeadLetterQueue(
            "pipeline-undelivered",
            site,
            senders=[events_send(site.arn("sqs", site.name("pipeline-undelivered")), rules)],
            description="A failure of the image pipeline was not told, or a change of its branch did not start it: "
            "each message is the event.",
            alerts=alerts,
            opts=self._child,
        )
        failed = {
            "source": ["aws.codepipeline"],
            "detail-type": ["CodePipeline Pipeline Execution State Change"],
            "detail": {"pipeline": [pipeline_name], "state": ["FAILED"]},
        }
        self._rule(
            FAILED,
            "The image pipeline failed, in whatever stage",
            failed,
            arn=alerts.topic_arn,
            input_transformer={
                "input_paths": {"pipeline": "$.detail.pipeline", "execution": "$.detail.execution-id"},
                "input_template": json.dumps(TEXT),
            },
        )
        if codecommit:
            changed = {
                "source": ["aws.codecommit"],
                "detail-type": ["CodeCommit Repository State Change"],
                "resources": [site.arn("codecommit", source.repository)],
                "detail": {
                    "event": ["referenceCreated", "referenceUpdated"],
                    "referenceType": ["branch"],
                    "referenceName": [source.branch],
                },
            }
            starting = start_pipeline(site.arn("codepipeline", pipeline_name))
            role = Role(CHANGED, site, "events", starting, opts=self._child)
            self._rule(CHANGED, "Something new in the branch", changed, arn=pipeline.arn, role_arn=role.arn)
        self.register_outputs({})

    def _rule(self, name: str, description: str, pattern: Mapping[str, Any], **target: Any) -> None:
        event_rule(name, self._site, description, pattern, self._undelivered, self._child, **target)


def failed_rule_arn(site: Site) -> str:
    """Of the rule that speaks on the topic of alarms."""
    return _rule_arn(site, FAILED)


def _rule_arn(site: Site, rule: str) -> str:
    return site.arn("events", f"rule/{site.name(rule)}")
