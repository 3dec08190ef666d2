"""Posts JSON to services of others. What is secret in a request never gets into an error or a log."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import urllib3

TIMEOUT = urllib3.Timeout(connect=3, read=7)  # seconds
MAY_SAY_WHEN = {429, 503}

logging.getLogger("urllib3").setLevel(logging.WARNING)  # below that it writes the paths it calls
_http = urllib3.PoolManager(timeout=TIMEOUT, retries=False)  # nor redirects: the queue does the retrying


class DeliveryError(Exception):
    """A notice that was not taken. retry_after: seconds that the service asked to wait, if it did."""

    def __init__(self, reason: str, retry_after: float | None = None):
        super().__init__(reason)
        self.retry_after = retry_after


def post_json(service: str, url: str, content: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> None:
    """POST; `DeliveryError` unless the service takes it. service: its name in errors."""
    try:
        answer = _http.request(
            "POST",
            url,
            body=json.dumps(content).encode(),
            headers={"Content-Type": "application/json", **(headers or {})},
        )
    except Exception as error:  # whatever it is, its text may hold the URL or a header
        raise DeliveryError(f"{service} was not reached: {type(error).__name__}") from None
    if 200 <= answer.status < 300:
        return
    wait = _retry_after(answer.headers.get("Retry-After")) if answer.status in MAY_SAY_WHEN else None
    raise DeliveryError(f"{service} answered {answer.status}{_code(answer.data)}", wait)


def _retry_after(value: str | None) -> float | None:
    """Seconds, of a Retry-After header in seconds or as a date."""
    if value is None:
        return None
    if value.strip().isascii() and value.strip().isdigit():
        return float(value)
    try:
        when = parsedate_to_datetime(value)
    except ValueError:
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return max(0.0, (when - datetime.now(UTC)).total_seconds())


def _code(body: bytes) -> str:
    """` (error_code)` where the answer has one: Slack's is the text, Notion's a field of the JSON."""
    text = body[:2000].decode(errors="replace").strip()
    code = re.fullmatch(r"[a-z_]{2,40}", text) or re.search(r'(?<="code":")[a-z_]{2,40}(?=")', text)
    return f" ({code[0]})" if code else ""
