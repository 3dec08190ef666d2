"""SARIF 2.1.0, which code hosts show beside the code."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from policies.model import Rule
from policies.reports.entries import Entry

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
LEVELS = {"mandatory": "error", "advisory": "warning", "remediate": "note"}
# Of GitHub's code scanning, which sorts by it. Source: GitHub documentation, SARIF support, security-severity.
SEVERITIES = {"low": "3.0", "medium": "5.0", "high": "8.0", "critical": "9.5"}
ANYWHERE = "Pulumi.yaml"  # where a finding is shown that belongs to no file


def render(stack: str, entries: Sequence[Entry]) -> str:
    rules: dict[str, Rule | None] = {entry.policy: entry.rule for entry in entries}
    places = {name: index for index, name in enumerate(rules)}
    driver = {
        "name": "serverless-batch policies",
        "rules": [_rule(name, rule) for name, rule in rules.items()],
    }
    run = {
        "tool": {"driver": driver},
        "automationDetails": {"id": f"policies/{stack}/"},
        "columnKind": "unicodeCodePoints",
        "results": [_result(entry, places[entry.policy]) for entry in entries],
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, ensure_ascii=False, indent=2) + "\n"


def _rule(name: str, rule: Rule | None) -> dict[str, Any]:
    if rule is None:
        return {"id": name, "shortDescription": {"text": name}}
    return {
        "id": name,
        "shortDescription": {"text": rule.description},
        "fullDescription": {"text": f"{rule.description} {rule.why}"},
        "defaultConfiguration": {"level": LEVELS[rule.level.value]},
        "help": {"text": rule.steps, "markdown": f"{rule.steps}\n\n{rule.why}\n\nSee `{rule.url}`."},
        "properties": {
            "tags": [rule.theme, *rule.references],
            "security-severity": SEVERITIES[rule.severity.value],
        },
    }


def _result(entry: Entry, rule: int) -> dict[str, Any]:
    file, line = (entry.place.file, entry.place.line) if entry.place else (ANYWHERE, 1)
    known = hashlib.sha256(f"{entry.policy} {entry.urn} {entry.message}".encode()).hexdigest()
    result: dict[str, Any] = {
        "ruleId": entry.policy,
        "ruleIndex": rule,
        "level": LEVELS[entry.level],
        "message": {"text": entry.message},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": file, "uriBaseId": "%SRCROOT%"},
                    "region": {"startLine": line},
                },
                "logicalLocations": [{"fullyQualifiedName": entry.urn or "stack", "kind": "resource"}],
            }
        ],
        "partialFingerprints": {"finding/v1": known},
    }
    if entry.exemption:
        result["suppressions"] = [{"kind": "external", "status": "accepted", "justification": entry.exemption}]
    return result
