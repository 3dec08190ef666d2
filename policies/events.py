"""What the Pulumi command line said of the policies: its engine events, as JSON lines.

`pulumi up --json` prints them, and with PULUMI_ENABLE_STREAMING_JSON_PREVIEW set `pulumi preview --json`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping

from policies.model import STALE_EXEMPTION
from policies.reports.entries import LEVELS, MANDATORY, Entry
from policies.rules import BY_ID
from policies.settings import TELLING

_COLOUR = re.compile(r"<\{%.*?%\}>|\x1b\[[0-9;]*m")


class Unreadable(ValueError):
    """The text is not what the command line prints; says in which line."""


def said(lines: Iterable[str]) -> Iterator[Entry]:
    """What the policies said, in the events' order. Raises Unreadable, also if no policy was asked."""
    asked = False
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            event = json.loads(line)
        except (ValueError, RecursionError):
            raise Unreadable(
                f"line {number} is no JSON: expected are engine events, one a line, as `pulumi up --json` prints them, "
                "and with PULUMI_ENABLE_STREAMING_JSON_PREVIEW=1 `pulumi preview --json`"
            ) from None
        if not isinstance(event, dict):
            raise Unreadable(f"line {number} is no engine event, which is an object")
        try:
            told = [_finding(event["policyEvent"])] if "policyEvent" in event else []
            told += [_remediation(event["policyRemediationEvent"])] if "policyRemediationEvent" in event else []
            asked |= any(one.level == MANDATORY for one in told)  # a refusal needs no summary
            asked |= bool(event.get("summaryEvent", {}).get("PolicyPacks"))  # the key is written like this
        except (KeyError, TypeError, AttributeError, ValueError):
            raise Unreadable(f"line {number} is no event that the Pulumi command line prints") from None
        yield from told
    if not asked:
        raise Unreadable(
            "no policy was asked, or the events end before their summary: run the command with --policy-pack, and to "
            "its end"
        )


def _finding(told: Mapping[str, str]) -> Entry:
    level = told["enforcementLevel"]
    if level not in LEVELS:
        raise ValueError(level)
    policy = told["policyName"]
    return Entry(policy, level, told.get("resourceUrn", ""), _message(policy, told["message"]))


def _remediation(told: Mapping[str, str]) -> Entry:
    """Of the inputs before and after nothing is said: they may hold secrets."""
    policy = told["policyName"]
    rule = BY_ID.get(policy)
    return Entry(policy, "remediate", told.get("resourceUrn", ""), f"put right: {rule.description if rule else policy}")


def _message(policy: str, text: str) -> str:
    """Without colours and, of a policy of ours, without the description that the SDK puts above it."""
    plain = _COLOUR.sub("", text).strip()
    ours = policy in BY_ID or policy in (*TELLING, STALE_EXEMPTION)
    return (plain.partition("\n")[2].strip() if ours else "") or plain
