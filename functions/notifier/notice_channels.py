"""Where a notice goes, and what it looks like there."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import boto3
from aws_lambda_powertools.utilities.parameters import get_secret
from botocore.exceptions import BotoCoreError, ClientError
from delivery import DeliveryError, post_json

from jobs import Job

SECRET_SECONDS = 300  # how long a secret is kept in memory
NOTION_VERSION = "2022-06-28"
# Limits of Slack's blocks, in characters.
MAX_SLACK_URL = 3000
MAX_SLACK_REASON = 1000


class Channel(Protocol):
    """A way to tell people. `DeliveryError` if the notice was not taken."""

    @property
    def name(self) -> str: ...

    def send(self, job: Job, result_url: str | None, /) -> None: ...


@dataclass(frozen=True)
class Slack:
    """A message by incoming webhook. secret_arn: of the secret that is the webhook's URL."""

    secret_arn: str
    name: str = "slack"

    def send(self, job: Job, result_url: str | None) -> None:
        lines = [f"*Job {job.status.lower()}*", f"Job ID: `{job.job_id}`"]
        lines += [f"{label}: {_escaped(value)}" for label, value in _facts(job).items()]
        section = {"type": "section", "text": {"type": "mrkdwn", "text": "\n".join(lines)}}
        blocks: list[dict[str, Any]] = [section]
        if result_url and len(result_url) <= MAX_SLACK_URL:
            label = {"type": "plain_text", "text": "Download Results"}
            blocks.append({"type": "actions", "elements": [{"type": "button", "text": label, "url": result_url}]})
        # `text` is what notifications on a phone show.
        post_json("Slack", _secret(self.secret_arn), {"text": _headline(job), "blocks": blocks})


@dataclass(frozen=True)
class Notion:
    """A page in a database. secret_arn: of the secret that is the integration's token."""

    secret_arn: str
    database_id: str
    url: str
    name: str = "notion"

    def send(self, job: Job, _: str | None) -> None:
        properties: dict[str, Any] = {
            "Task ID": {"title": [{"text": {"content": job.job_id}}]},
            "Status": {"select": {"name": str(job.status)}},
        }
        if job.duration_seconds is not None:
            properties["Processing Time"] = {"number": job.duration_seconds}
        if job.completed_at:
            properties["Completed At"] = {"date": {"start": job.completed_at}}
        page = {"parent": {"database_id": self.database_id}, "properties": properties}
        headers = {"Authorization": f"Bearer {_secret(self.secret_arn)}", "Notion-Version": NOTION_VERSION}
        post_json("Notion", f"{self.url}/v1/pages", page, headers)


@dataclass(frozen=True)
class Topic:
    """A message to an SNS topic."""

    arn: str
    sns: Any
    name: str = "sns"

    def send(self, job: Job, result_url: str | None) -> None:
        lines = [_headline(job), "", f"Job ID: {job.job_id}"]
        lines += [f"{label}: {value}" for label, value in _facts(job).items()]
        if result_url:
            where = f"s3://{job.result_bucket}/{job.document_key or job.result_key}"
            lines += ["", "Result (the link is good for up to 12 hours):", result_url, f"It stays at {where}"]
        attributes = {"job_id": job.job_id, "worker": job.worker, "status": str(job.status)}
        try:
            self.sns.publish(
                TopicArn=self.arn,
                Subject=_headline(job)[:100],
                Message="\n".join(lines),
                MessageAttributes={
                    name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
                },
            )
        except (ClientError, BotoCoreError) as error:
            raise DeliveryError(f"SNS did not take the message: {error}") from error


def channels(environment: Mapping[str, str] = os.environ) -> list[Channel]:
    """The channels that are on. One without its secret or topic is off."""
    found: list[Channel] = []
    if secret := environment.get("SLACK_SECRET_ARN"):
        found.append(Slack(secret))
    if (secret := environment.get("NOTION_SECRET_ARN")) and (database := environment.get("NOTION_DATABASE_ID")):
        found.append(Notion(secret, database, environment.get("NOTION_URL", "https://api.notion.com").rstrip("/")))
    if topic := environment.get("TOPIC_ARN"):
        found.append(Topic(topic, boto3.client("sns")))
    return found


def _headline(job: Job) -> str:
    return f"{job.worker}: job {job.status.lower()}"


def _facts(job: Job) -> dict[str, str]:
    facts = {"Worker": job.worker, "Status": str(job.status)}
    if job.duration_seconds is not None:
        facts["Duration"] = f"{job.duration_seconds:.1f} s"
    if job.summary:
        facts["Summary"] = job.summary
    if job.reason:
        facts["Reason"] = job.reason[:MAX_SLACK_REASON]
    return facts


def _escaped(text: str) -> str:
    """Slack reads these three characters as markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _secret(arn: str) -> str:
    return str(get_secret(arn, max_age=SECRET_SECONDS)).strip()
