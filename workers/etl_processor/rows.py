"""What a source is read as, before its cells have types."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

SHOWN = 10  # places in a result or reason
MAX_ROW = 32 * 1024  # characters: DuckDB holds 2,048 rows at a time, whatever they weigh


@dataclass(frozen=True)
class Row:
    """line: from 1; of a query or Parquet file the row. cells: of the table's columns, in their order."""

    line: int
    cells: Sequence[str | None]


@dataclass(frozen=True)
class Unreadable:
    """A line that is no row; `what` is the end of a sentence."""

    line: int
    what: str


Rows = Iterator[Row | Unreadable]


def checked(row: Row | Unreadable) -> Row | Unreadable:
    """The row, unless its text is none that a warehouse takes."""
    if isinstance(row, Unreadable):
        return row
    text = "".join(cell for cell in row.cells if cell)
    try:
        text.encode()
    except UnicodeEncodeError:  # also half a character of JSON, such as "\\ud83d"
        return Unreadable(row.line, "is not in UTF-8")
    if "\0" in text:
        return Unreadable(row.line, "has a NUL character")
    return row if len(text) <= MAX_ROW else Unreadable(row.line, f"has more than {MAX_ROW:,} characters")


@dataclass
class BadRows:
    """count: of all. places: of the first ones, such as `s3://uploads/a.csv line 7: has 2 cells where …`."""

    count: int = 0
    places: list[str] = field(default_factory=list)

    def add(self, count: int, place: Callable[[], Iterator[str]]) -> None:
        """place: says where they are; asked only as long as places are wanted."""
        self.count += count
        if count and len(self.places) < SHOWN:
            self.places += list(place())[: SHOWN - len(self.places)]

    @property
    def text(self) -> str:
        others = self.count - len(self.places)
        return "; ".join(self.places) + (f"; and {others:,} more" if others else "")
