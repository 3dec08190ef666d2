"""The container agent's endpoint: tells a task who it is, and takes its wish not to be scaled in."""

from __future__ import annotations

import datetime as dt
import json
import threading
import time
from collections.abc import Callable
from typing import Any

from werkzeug import Request, Response

from sandbox.http_server import HttpServer

DEFAULT_MINUTES, MAX_MINUTES = 120, 2880  # Source: Amazon ECS task scale-in protection endpoint


class Agent:
    """One for all tasks, which are told apart by the path.

    blocked: whether a deployment waits for the task to go, so that it gets no more protection.
    changed: called when a task's protection may have changed.
    now: seconds of the epoch, real ones: the processes that ask for protection live in real time.
    """

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self.blocked: Callable[[str], bool] = lambda arn: False
        self.changed: Callable[[], None] = lambda: None
        self._now = now
        self._expires: dict[str, float] = {}
        self._lock = threading.Lock()
        self._server = HttpServer(self._answer)

    def environment(self, arn: str) -> dict[str, str]:
        """The variables under which a task finds this endpoint."""
        return {
            "ECS_CONTAINER_METADATA_URI_V4": f"{self._server.url}/v4/{arn}",
            "ECS_AGENT_URI": f"{self._server.url}/api/{arn}",
        }

    def protects(self, arn: str) -> bool:
        """Whether a scale-in or a deployment must not stop the task."""
        with self._lock:
            return self._expires.get(arn, 0) > self._now()

    def close(self) -> None:
        self._server.close()

    def _answer(self, request: Request) -> Response:
        kind, _, path = request.path.lstrip("/").partition("/")
        if kind == "v4" and path.endswith("/task"):
            return _json(_metadata(path.removesuffix("/task")))
        arn, _, rest = path.partition("/task-protection/")
        if kind == "api" and rest == "v1/state":
            return self._protection(arn, request)
        return Response(status=404)

    def _protection(self, arn: str, request: Request) -> Response:
        if request.method == "PUT":
            wish = request.get_json(silent=True)
            enabled = wish.get("ProtectionEnabled") if isinstance(wish, dict) else None
            minutes = wish.get("ExpiresInMinutes", DEFAULT_MINUTES) if isinstance(wish, dict) else None
            if not isinstance(enabled, bool) or not isinstance(minutes, int) or not 1 <= minutes <= MAX_MINUTES:
                error = {"Arn": arn, "Code": "InvalidParameterException", "Message": "Invalid protection request"}
                return _json({"error": error}, 400)
            if enabled and self.blocked(arn):
                return _json({"failure": {"Arn": arn, "Detail": None, "Reason": "DEPLOYMENT_BLOCKED"}})
            with self._lock:
                self._expires[arn] = self._now() + 60 * minutes if enabled else 0.0
            self.changed()
        return _json({"protection": self._state(arn)})

    def _state(self, arn: str) -> dict[str, Any]:
        state: dict[str, Any] = {"ExpirationDate": None, "ProtectionEnabled": self.protects(arn), "TaskArn": arn}
        if state["ProtectionEnabled"]:
            expires = dt.datetime.fromtimestamp(self._expires[arn], dt.UTC)
            state["ExpirationDate"] = expires.strftime("%Y-%m-%dT%H:%M:%SZ")
        return state


def _metadata(arn: str) -> dict[str, str]:
    return {"TaskARN": arn, "Cluster": arn.split("/")[-2], "LaunchType": "FARGATE"}


def _json(body: dict[str, Any], status: int = 200) -> Response:
    return Response(json.dumps(body), status, mimetype="application/json")
