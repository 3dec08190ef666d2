"""A run's report for people, as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

UNKNOWN = "nothing is known of it: it has not begun or not ended, or was ended without a word, as for want of memory"


def markdown(report: Mapping[str, Any]) -> str:
    """report: as `Report` has it. What went wrong comes first."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Mapping[str, Any]) -> Iterator[str]:
    loaded = [one for one in report["outcomes"] if one["state"] == "succeeded"]
    others = [one for one in report["outcomes"] if one["state"] != "succeeded"]
    yield f"# {report['succeeded']} of {report['sources']} sources are loaded"
    yield f"\nRun {report['run']}, as of {report['as_of']}."
    if others:
        yield "\n## Not loaded\n"
        yield from _table(("index", "source", "state", "attempts", "why"), [_other(one) for one in others])
    if again := [one for one in loaded if one["failures"]]:
        yield "\n## Loaded after failures\n"
        yield from _table(("index", "source", "attempts", "why not before"), [_again(one) for one in again])
    if flawed := [one for one in loaded if one["rows_bad"]]:
        yield "\n## Rows left out\n"
        yield from _table(("source", "rows read", "bad", "the first"), [_flawed(one) for one in flawed])
    if loaded:
        yield "\n## Loaded\n"
        header = ("index", "source", "rows read", "bad", "duplicates", "loaded", "seconds", "where")
        yield from _table(header, [_loaded(one) for one in loaded])


def _other(one: Mapping[str, Any]) -> Sequence[Any]:
    why = _reasons(one["failures"]) if one.get("failures") else UNKNOWN
    return one["index"], one["source"], one["state"], one.get("attempt", "–"), why


def _again(one: Mapping[str, Any]) -> Sequence[Any]:
    return one["index"], one["source"], one["attempt"], _reasons(one["failures"])


def _flawed(one: Mapping[str, Any]) -> Sequence[Any]:
    return one["source"], f"{one['rows_read']:,}", f"{one['rows_bad']:,}", one["bad_rows"][0]


def _loaded(one: Mapping[str, Any]) -> Sequence[Any]:
    counts = (f"{one[name]:,}" for name in ("rows_read", "rows_bad", "rows_duplicate", "rows_loaded"))
    return one["index"], one["source"], *counts, one["seconds"], one["where"]


def _reasons(failures: Sequence[Mapping[str, Any]]) -> str:
    """Each once, with the attempts that it ended."""
    attempts: dict[str, list[str]] = {}
    for failure in failures:
        attempts.setdefault(failure["reason"], []).append(str(failure["attempt"]))
    return "; ".join(f"{reason} (attempt {', '.join(numbers)})" for reason, numbers in attempts.items())


def _table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> Iterator[str]:
    yield f"| {' | '.join(header)} |"
    yield "|" + "---|" * len(header)
    for row in rows:
        yield f"| {' | '.join(_cell(cell) for cell in row)} |"


def _cell(value: Any) -> str:
    return " ".join(str(value).split()).replace("|", "\\|")
