"""For programs, as JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from policies.reports.entries import Entry

VERSION = 1


def render(stack: str, entries: Sequence[Entry]) -> str:
    count = Counter("exempt" if entry.exemption else entry.level for entry in entries)
    document = {
        "version": VERSION,
        "stack": stack,
        "passes": not count["mandatory"],
        "count": {level: count[level] for level in ("mandatory", "advisory", "remediate", "exempt")},
        "findings": [_finding(entry) for entry in entries],
    }
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def _finding(entry: Entry) -> dict[str, Any]:
    rule = entry.rule
    return {
        "rule": entry.policy,
        "level": entry.level,
        "severity": rule.severity.value if rule else "low",
        "theme": rule.theme if rule else None,
        "urn": entry.urn or None,
        "type": entry.type or None,
        "name": entry.resource if entry.urn else None,
        "message": entry.message,
        "phases": list(entry.phases),
        "file": entry.place.file if entry.place else None,
        "line": entry.place.line if entry.place else None,
        "exemption": entry.exemption or None,
        "steps": rule.steps if rule else None,
        "references": list(rule.references) if rule else [],
        "url": rule.url if rule else None,
    }
