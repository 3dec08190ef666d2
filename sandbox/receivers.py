"""Slack and Notion on this machine: what the notifier sends is received, checked for its form and kept."""

from __future__ import annotations

import json
from typing import Any

from werkzeug import Request, Response

from sandbox.cloud import Cloud
from sandbox.http_server import HttpServer
from sandbox.program import PROJECT


class Receivers:
    """Two services on one port: a Slack webhook under `/slack`, Notion's API under `/v1/pages`."""

    def __init__(self) -> None:
        self.slack: list[dict[str, Any]] = []
        self.notion: list[dict[str, Any]] = []
        self._server = HttpServer(self._receive)
        self.url = self._server.url

    def close(self) -> None:
        self._server.close()

    def _receive(self, request: Request) -> Response:
        message = request.get_json(silent=True)
        if request.path == "/slack":
            if not isinstance(message, dict) or not message.get("blocks"):
                return Response("invalid_payload", 400)
            self.slack.append(message)
            return Response("ok")
        if request.path == "/v1/pages":
            if "Notion-Version" not in request.headers or not isinstance(message, dict) or "parent" not in message:
                return Response('{"object":"error","status":400,"code":"validation_error"}', 400)
            self.notion.append(message)
            return Response('{"object":"page"}', mimetype="application/json")
        return Response(status=404)


def local_channels(cloud: Cloud, receivers: Receivers) -> dict[str, str]:
    """Configuration that turns both channels on: their secrets in this cloud, their services on this machine."""
    manager = cloud.client("secretsmanager")
    slack = manager.create_secret(Name="local/slack", SecretString=f"{receivers.url}/slack")["ARN"]
    notion = manager.create_secret(Name="local/notion", SecretString="sandbox-token")["ARN"]
    cloud.compute.functions.overrides["NOTION_URL"] = receivers.url
    channels = {"slackSecretArn": slack, "notion": {"secretArn": notion, "databaseId": "0" * 32}}
    return {f"{PROJECT}:notifications": json.dumps(channels)}
