"""What was read, and what of it could not be counted. Whatever is missing from the totals is said here."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

SHOWN = 8  # of each kind of trouble; the rest is counted


@dataclass(frozen=True)
class Trouble:
    """where: a file, or a file and a line. what: the reason, as the end of a sentence."""

    where: str
    what: str


@dataclass
class Troubles:
    """Counted all, kept the first few."""

    count: int = 0
    first: list[Trouble] = field(default_factory=list)

    def add(self, where: str, what: str) -> None:
        self.count += 1
        if len(self.first) < SHOWN:
            self.first.append(Trouble(where, what))

    def extend(self, others: Troubles) -> None:
        self.count += others.count
        self.first += others.first[: SHOWN - len(self.first)]


@dataclass
class Quality:
    """missing: why the period's orders cannot all have been there, "" if nothing says so. missing_before: the same of
    the period before; then the changes say little. files: that were read. outside: rows of other times. not_opened:
    objects whose names have dates of other times. unreadable: files of which nothing is in the totals. broken: rows
    left out. conflicting: orders left out, because rows of the same order_id differ. duplicates: rows that repeat an
    order, which is counted once. guessed: files in no encoding of Unicode. without_offset: orders whose time was taken
    for one of the report's time zone.
    """

    missing: str = ""
    missing_before: str = ""
    files: int = 0
    rows: int = 0
    outside: int = 0
    not_opened: int = 0
    other_objects: Troubles = field(default_factory=Troubles)
    unreadable: Troubles = field(default_factory=Troubles)
    broken: Troubles = field(default_factory=Troubles)
    conflicting: Troubles = field(default_factory=Troubles)
    duplicates: Troubles = field(default_factory=Troubles)
    guessed: Troubles = field(default_factory=Troubles)
    without_offset: int = 0

    @property
    def complete(self) -> bool:
        """Whether orders were looked for in the right place, and all that were found are in the totals."""
        return not (self.missing or self.unreadable.count or self.broken.count or self.conflicting.count)

    def as_json(self) -> dict[str, Any]:
        return {"complete": self.complete, **asdict(self)}
