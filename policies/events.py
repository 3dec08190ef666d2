"""What the Pulumi command line said of the policies: its engine events, as JSON lines.

`pulumi up --json` prints them, and with PULUMI_ENABLE_STREAMING_JSON_PREVIEW set `pulumi preview --json`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping

from policies.model import Level
from policies.reports.entries import Entry

_COLOUR = re.compile(r"<\{%.*?%\}>|\x1b\[[0-9;]*m")


class Unreadable(ValueError):
    """The text is not what the command line prints; says in which line."""


def said(lines: Iterable[str]) -> Iterator[Entry]:
    """What the policies said, in the events' order. Raises Unreadable."""
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            event = json.loads(line)
        except ValueError:
            raise Unreadable(
                f"line {number} is no JSON: expected are engine events, one a line, as `pulumi up --json` prints them, "
                "and with PULUMI_ENABLE_STREAMING_JSON_PREVIEW=1 `pulumi preview --json`"
            ) from None
        if not isinstance(event, dict):
            raise Unreadable(f"line {number} is no engine event, which is an object")
        if "policyEvent" not in event:
            continue
        try:
            yield _entry(event["policyEvent"])
        except (KeyError, TypeError, AttributeError, ValueError):
            raise Unreadable(f"line {number} is no policy event that the Pulumi command line prints") from None


def _entry(told: Mapping[str, str]) -> Entry:
    return Entry(
        policy=told["policyName"],
        level=Level(told["enforcementLevel"]).value,
        urn=told.get("resourceUrn", ""),
        message=_message(told["message"]),
    )


def _message(text: str) -> str:
    """Without colours, and without the description that the SDK puts above it."""
    plain = _COLOUR.sub("", text).strip()
    return plain.partition("\n")[2].strip() or plain
