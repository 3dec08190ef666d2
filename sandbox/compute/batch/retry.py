"""Whether a failed attempt is followed by another: Batch's retry strategy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

CONDITIONS = {"onStatusReason": "statusReason", "onReason": "reason", "onExitCode": "exitCode"}
MAX_CONDITIONS = 5  # Source: AWS Batch API reference, EvaluateOnExit


def tries_again(strategy: Mapping[str, Any], attempts: int, ending: Mapping[str, str]) -> bool:
    """attempts: that have been made. ending: statusReason, reason and exitCode of the last, as text, empty if unknown.

    The first condition that holds decides; if none does there is another attempt, as long as there are any.
    """
    if attempts >= int(strategy.get("attempts") or 1):
        return False
    for condition in strategy.get("evaluateOnExit") or []:
        patterns = {CONDITIONS[key]: str(value) for key, value in condition.items() if key in CONDITIONS and value}
        if all(matches(pattern, ending.get(about, "")) for about, pattern in patterns.items()):
            return condition["action"].upper() == "RETRY"
    return True


def matches(pattern: str, text: str) -> bool:
    """An asterisk may stand at the end, and only there."""
    return text.startswith(pattern[:-1]) if pattern.endswith("*") else text == pattern


def problem(strategy: Mapping[str, Any]) -> str | None:
    """Why Batch would not take the strategy."""
    conditions = strategy.get("evaluateOnExit") or []
    if len(conditions) > MAX_CONDITIONS:
        return f"evaluateOnExit has {len(conditions)} conditions, of which at most {MAX_CONDITIONS} are allowed"
    for condition in conditions:
        for key in CONDITIONS:
            if "*" in str(condition.get(key) or "")[:-1]:
                return f"{key}: an asterisk may only stand at the end of {condition[key]!r}"
    return None
