"""What the API reads of an API Gateway event, and what it answers with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from body import read_object


@dataclass(frozen=True, kw_only=True)
class Request:
    """A REST API proxy event (payload format 1.0).

    path: as described, with parameters in braces. headers: names in lower case.
    caller: id of the API key; "u" where the gateway asks for none.
    """

    id: str | None
    method: str
    path: str
    path_parameters: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    caller: str
    raw_body: str | None
    is_base64: bool

    @classmethod
    def from_event(cls, event: Mapping[str, Any]) -> Request:
        context = event.get("requestContext") or {}
        return cls(
            id=context.get("requestId"),
            method=event["httpMethod"],
            path=event["resource"],
            path_parameters=event.get("pathParameters") or {},
            query=event.get("queryStringParameters") or {},
            headers={name.lower(): value for name, value in (event.get("headers") or {}).items()},
            caller=(context.get("identity") or {}).get("apiKeyId") or "u",
            raw_body=event.get("body"),
            is_base64=bool(event.get("isBase64Encoded")),
        )

    def body(self) -> dict[str, Any]:
        """The body; `Problem` 400 if it is not a JSON object."""
        return read_object(self.raw_body, is_base64=self.is_base64)


@dataclass(frozen=True)
class Response:
    """body: becomes JSON."""

    status: int
    body: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)
    media_type: str = "application/json"

    def to_gateway(self) -> dict[str, Any]:
        # Answers hold links that are passwords for an hour.
        headers = {"Content-Type": self.media_type, "Cache-Control": "no-store", **self.headers}
        return {
            "statusCode": self.status,
            "headers": headers,
            "body": json.dumps(self.body),
            "isBase64Encoded": False,
        }
