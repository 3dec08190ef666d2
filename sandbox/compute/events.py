"""EventBridge: events of S3 and of Batch to the rules that match them."""

from __future__ import annotations

import datetime as dt
import itertools
import json
import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sandbox.compute.asynchronous import Asynchronous
from sandbox.invented import ACCOUNT

if TYPE_CHECKING:
    from sandbox.cloud import Cloud

S3, BATCH = "aws.s3", "aws.batch"
# All that happens here: source → detail type.
KINDS = {S3: "Object Created", BATCH: "Batch Job State Change"}
REASONS = {
    "s3:ObjectCreated:Put": "PutObject",
    "s3:ObjectCreated:Post": "POST Object",
    "s3:ObjectCreated:Copy": "CopyObject",
    "s3:ObjectCreated:CompleteMultipartUpload": "CompleteMultipartUpload",
}

logger = logging.getLogger(__name__)


@dataclass
class Rule:
    """pattern: moto's, which knows how events match. possible: whether there are such events here."""

    pattern: Any
    enabled: bool
    possible: bool
    targets: list[dict[str, Any]] = field(default_factory=list)


class Events:
    """The default event bus."""

    def __init__(self, cloud: Cloud, asynchronous: Asynchronous):
        from moto.s3 import notifications

        self._cloud, self._asynchronous = cloud, asynchronous
        self._rules: dict[str, Rule] = {}
        self._sequence = itertools.count(1)
        self._send = notifications.send_event
        notifications.send_event = self._send_event

    def add_rule(self, name: str, inputs: dict[str, Any]) -> None:
        """Raises NotImplementedError for what is no pattern on the default bus."""
        from moto.events.models import EventPattern

        if not inputs.get("eventPattern") or inputs.get("eventBusName", "default") != "default":
            raise NotImplementedError(f"rule {name}: only patterns on the default event bus")
        enabled = inputs.get("state", "ENABLED") == "ENABLED"
        pattern = EventPattern.load(inputs["eventPattern"])
        possible = _is_possible(json.loads(inputs["eventPattern"]))
        self._rules[name] = Rule(pattern, enabled, possible)

    def add_target(self, inputs: dict[str, Any]) -> None:
        """Raises NotImplementedError for what is no function or queue or would change the event, if there are such
        events."""
        rule = self._rules.get(inputs["rule"])
        if rule and not rule.possible:
            return
        changes = {"inputPath", "inputTransformer"} & {key for key, value in inputs.items() if value}
        if not any(service in inputs["arn"] for service in (":lambda:", ":sqs:")) or changes:
            raise NotImplementedError(
                f"rule {inputs['rule']}: only functions and queues, with the event as it is or a fixed input"
            )
        self._rules[inputs["rule"]].targets.append(inputs)

    def publish(self, event: dict[str, Any]) -> None:
        """Hand an event to the targets of all rules that it matches."""
        for rule in list(self._rules.values()):
            if rule.enabled and rule.pattern.matches_event(event):
                for target in rule.targets:
                    content = json.loads(target["input"]) if target.get("input") else event
                    undelivered = (target.get("deadLetterConfig") or {}).get("arn")
                    if ":sqs:" in target["arn"]:
                        self._send_message(target, content)
                    else:
                        self._asynchronous.invoke(target["arn"], content, undelivered)

    def job_state_changed(self, arn: str, detail: Callable[[], dict[str, Any]]) -> None:
        """An event of Batch, if anybody may want it. detail: the job as DescribeJobs has it.

        Source: AWS Batch user guide, job state change events.
        """
        if any(rule.enabled and rule.possible for rule in self._rules.values()):
            try:
                self.publish(self._event(BATCH, arn, detail()))
            except Exception:  # a job goes on whatever becomes of its event
                logger.exception("an event of job %s is lost", arn)

    def _send_message(self, target: dict[str, Any], content: Any) -> None:
        sqs = self._cloud.client("sqs")
        group = (target.get("sqsTarget") or {}).get("messageGroupId")
        sqs.send_message(
            QueueUrl=sqs.get_queue_url(QueueName=target["arn"].rsplit(":", 1)[-1])["QueueUrl"],
            MessageBody=json.dumps(content),
            **({"MessageGroupId": group} if group else {}),
        )

    def close(self) -> None:
        from moto.s3 import notifications

        notifications.send_event = self._send

    def _send_event(self, account_id: str, event_name: Any, bucket: Any, key: Any) -> None:
        """Moto's, which knows other notifications; then EventBridge's, to the rules here."""
        self._send(account_id, event_name, bucket, key)
        configuration, reason = bucket.notification_configuration, REASONS.get(str(event_name.value))
        if reason == "PutObject" and key.multipart is not None:
            return  # moto also puts what a multipart upload completes
        if configuration is not None and configuration.event_bridge is not None and reason:
            try:
                self.publish(self._object_created(bucket, key, reason))
            except Exception:  # an upload succeeds whatever becomes of its event
                logger.exception("an event of bucket %s is lost", bucket.name)

    def _object_created(self, bucket: Any, key: Any, reason: str) -> dict[str, Any]:
        """Source: Amazon S3 user guide, EventBridge event message structure."""
        thing = {"key": key.name, "size": key.size, "etag": key.etag.replace('"', "")}
        if bucket.is_versioned:
            thing["version-id"] = key.version_id
        detail = {
            "version": "0",
            "bucket": {"name": bucket.name},
            "object": {**thing, "sequencer": f"{next(self._sequence):016X}"},
            "request-id": uuid.uuid4().hex[:16].upper(),
            "requester": ACCOUNT,
            "source-ip-address": "127.0.0.1",
            "reason": reason,
        }
        return self._event(S3, bucket.arn, detail)

    def _event(self, source: str, resource: str, detail: dict[str, Any]) -> dict[str, Any]:
        return {
            "version": "0",
            "id": str(uuid.uuid4()),
            "detail-type": KINDS[source],
            "source": source,
            "account": ACCOUNT,
            "time": dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "region": self._cloud.region,
            "resources": [resource],
            "detail": detail,
        }


def _is_possible(pattern: dict[str, Any]) -> bool:
    """Whether anything that happens here could match. What is no plain text in a pattern could match anything."""

    def allows(field: str, value: str) -> bool:
        wanted = pattern.get(field, [value])
        return value in wanted or not all(isinstance(one, str) for one in wanted)

    return any(allows("source", source) and allows("detail-type", kind) for source, kind in KINDS.items())
