"""What has become of one source, an object `outcome.json` beside the index's result."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

NAME = "outcome.json"
ERROR = "error.json"  # the runtime's: also of attempts whose process was killed, and could say nothing itself

Failure = Mapping[str, Any]  # attempt, reason


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """attempt: the last one, from 1. final: no other would go better. failures: all of them, in their order.

    result: what was loaded; None if that attempt failed.
    """

    source: str
    attempt: int
    final: bool
    failures: tuple[Failure, ...]
    result: Mapping[str, Any] | None

    def text(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False)


def outcome_at(read: Callable[[str], bytes | None], prefix: str, source: str) -> Outcome | None:
    """Of the index that writes below the prefix, by itself or by the runtime; None if neither has written.

    read: gives an object, or None. source: its name, if only the runtime has told of it.
    """
    told, error = (json.loads(read(f"{prefix}/{name}") or "null") for name in (NAME, ERROR))
    outcome = Outcome(**{**told, "failures": tuple(told["failures"])}) if told else None
    if error is None or (outcome and outcome.attempt >= error["attempt"]):
        return outcome
    failure = {"attempt": error["attempt"], "reason": error["reason"]}
    return Outcome(
        source=outcome.source if outcome else source,
        attempt=error["attempt"],
        final=error["final"],
        failures=(*(outcome.failures if outcome else ()), failure),
        result=None,
    )
