"""What Kubernetes tells about its objects."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox.compute.kubernetes.times import timestamp


class Events:
    """The same said again of the same object is one event, and counted."""

    def __init__(self, now: Callable[[], float]):
        self._now = now
        self._found: dict[tuple[str, ...], dict[str, Any]] = {}

    def add(self, kind: str, namespace: str, name: str, type_: str, reason: str, message: str) -> None:
        now = timestamp(self._now())
        event = self._found.setdefault(
            (kind, namespace, name, type_, reason, message),
            {
                "involvedObject": {"kind": kind, "namespace": namespace, "name": name},
                "type": type_,
                "reason": reason,
                "message": message,
                "firstTimestamp": now,
                "count": 0,
            },
        )
        event["count"] += 1
        event["lastTimestamp"] = now

    def of(self, kind: str, namespace: str, name: str) -> list[dict[str, Any]]:
        """Of one object, in the order in which they were first said."""
        return [dict(event) for key, event in list(self._found.items()) if key[:3] == (kind, namespace, name)]
