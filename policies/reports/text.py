"""For people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from policies.reports.entries import Entry


def render(stack: str, entries: Sequence[Entry]) -> str:
    """One block a finding: what is wrong, where, and what to do."""
    return "\n".join(_lines(stack, entries)) + "\n"


def _lines(stack: str, entries: Sequence[Entry]) -> Iterator[str]:
    for entry in entries:
        where = f" · {entry.place}" if entry.place else ""
        level = "exempt" if entry.exemption else entry.level
        at = f" (at {' and '.join(entry.phases)})" if entry.phases else ""
        yield f"{level} {entry.policy} · {entry.resource}{where}{at}"
        yield f"  {entry.message}"
        if entry.exemption:
            yield f"  Exempt: {entry.exemption}"
        elif entry.rule:
            yield f"  What to do: {entry.rule.steps}"
            yield f"  Why: {entry.rule.why}  See {entry.rule.url}"
        yield ""
    count = Counter("exempt" if entry.exemption else entry.level for entry in entries)
    said = ", ".join(f"{number} {level}" for level, number in sorted(count.items())) or "nothing to say"
    verdict = "refused" if count["mandatory"] else "passes"
    yield f"Stack {stack} {verdict}: {said}."
