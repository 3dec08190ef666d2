"""For people."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence

from policies.reports.entries import Entry

WIDTH = 100


def render(stack: str, entries: Sequence[Entry]) -> str:
    """One block a finding: what is wrong, where, what to do, and the URN that an exemption needs."""
    return "\n".join(_lines(stack, entries)) + "\n"


def _lines(stack: str, entries: Sequence[Entry]) -> Iterator[str]:
    for entry in entries:
        where = f" · {entry.place}" if entry.place else ""
        level = "exempt" if entry.exemption else entry.level
        at = f" (at {' and '.join(entry.phases)})" if entry.phases else ""
        yield _one_line(f"{level} {entry.policy} · {entry.resource}{where}{at}")
        yield _paragraph(entry.message)
        if entry.exemption:
            yield _paragraph(f"Exempt: {entry.exemption}")
        elif entry.rule and entry.level != "remediate":
            yield _paragraph(f"What to do: {entry.rule.steps}")
            yield _paragraph(f"Why: {entry.rule.why} See {entry.rule.url}")
        if entry.urn:
            yield _one_line(f"  {entry.urn}")
        yield ""
    yield verdict(stack, entries)


def verdict(stack: str, entries: Sequence[Entry]) -> str:
    count = Counter("exempt" if entry.exemption else entry.level for entry in entries)
    said = ", ".join(f"{number} {level}" for level, number in sorted(count.items())) or "nothing to say"
    return f"Stack {stack} {'refused' if count['mandatory'] else 'passes'}: {said}."


def _one_line(text: str) -> str:
    return text.replace("\n", " ")


def _paragraph(text: str) -> str:
    return textwrap.fill(
        text, WIDTH, initial_indent="  ", subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
    )
