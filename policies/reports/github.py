"""Annotations of GitHub Actions: commands in a job's output."""

from __future__ import annotations

from collections.abc import Sequence

from policies.reports.entries import Entry

LEVELS = {"mandatory": "error", "advisory": "warning", "remediate": "notice"}


def render(_stack: str, entries: Sequence[Entry]) -> str:
    return "".join(f"{_annotation(entry)}\n" for entry in entries)


def _annotation(entry: Entry) -> str:
    level = "notice" if entry.exemption else LEVELS[entry.level]
    place = f"file={_property(entry.place.file)},line={entry.place.line}," if entry.place else ""
    told = f"exempt ({entry.exemption}): {entry.message}" if entry.exemption else entry.message
    return f"::{level} {place}title={_property(f'{entry.policy}: {entry.resource}')}::{_data(told)}"


# Source: actions/toolkit, command.ts: what a message and a property must not hold.
def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
