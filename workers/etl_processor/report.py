"""Which sources of a run are loaded, which are not and why: `report.json` and `report.md` beside the indexes' folders.

No index knows that it is the last one, and one that is killed says nothing any more. So each writes the report anew
when it ends, from what all have left, and looks again afterwards: whoever has written last has seen everything.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from workers.etl_processor.bucket import Bucket
from workers.etl_processor.outcome import ERROR, NAME, Outcome, outcome_at
from workers.etl_processor.report_text import markdown

STATES = ("succeeded", "failed", "retrying", "unknown")
"""unknown: not begun, at work for the first time, or ended without a word."""

Entry = dict[str, Any]


class Report:
    """run: prefix of all indexes, `<worker>/<run>`. sources: names, one for each index. attempts: each may have."""

    def __init__(self, bucket: Bucket, run: str, sources: Sequence[str], attempts: int):
        self._bucket, self._run = bucket, run
        self._sources, self._attempts = sources, attempts

    def publish(self) -> None:
        """To be called when an outcome has been written."""
        written: dict[str, str] | None = None
        while (there := self._outcomes()) != written:
            document = self._document(there)
            data = json.dumps(document, ensure_ascii=False, indent=1).encode()
            self._bucket.put(f"{self._run}/report.json", data, "application/json")
            self._bucket.put(f"{self._run}/report.md", markdown(document).encode(), "text/markdown; charset=utf-8")
            written = there

    def _outcomes(self) -> dict[str, str]:
        """Key → ETag."""
        found = self._bucket.list(f"{self._run}/")
        return {one.key: one.etag for one in found if one.key.endswith((f"/{NAME}", f"/{ERROR}"))}

    def _document(self, there: dict[str, str]) -> dict[str, Any]:
        before = json.loads(self._bucket.read(f"{self._run}/report.json") or '{"outcomes": []}')
        known = {entry["index"]: entry for entry in before["outcomes"]}
        entries = [self._entry(index, there, known.get(index)) for index in range(len(self._sources))]
        count = Counter(entry["state"] for entry in entries)
        return {
            "run": self._run.rpartition("/")[2],
            "as_of": datetime.now(UTC).isoformat(timespec="seconds"),
            "sources": len(entries),
            **{state: count[state] for state in STATES},
            "outcomes": entries,
        }

    def _entry(self, index: int, there: dict[str, str], known: Entry | None) -> Entry:
        """known: the one of an earlier report. It is read again only if it has changed: there may be many."""
        prefix = f"{self._run}/{index}"
        etags = [there.get(f"{prefix}/{name}") for name in (NAME, ERROR)]
        if known and known["etags"] == etags:
            return known
        outcome = outcome_at(lambda key: self._bucket.read(key) if key in there else None, prefix, self._sources[index])
        entry: Entry = {"index": index, "source": self._sources[index], "state": self._state(outcome)}
        if outcome:
            entry |= {"attempt": outcome.attempt, "failures": list(outcome.failures), **(outcome.result or {})}
        return {**entry, "etags": etags}

    def _state(self, outcome: Outcome | None) -> str:
        if outcome is None:
            return "unknown"
        if outcome.result is not None:
            return "succeeded"
        return "failed" if outcome.final or outcome.attempt >= self._attempts else "retrying"
