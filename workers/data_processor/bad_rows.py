"""Rows that cannot be used: how many, and where the first ones are."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from workers.data_processor.request import NUMBER

SHOWN = 5  # places in a result or reason
LONGEST = 40  # characters of a cell in a message


@dataclass
class BadRows:
    """count: of all. places: of the first ones, such as `s3://uploads/a.csv line 7: has 2 cells where …`."""

    count: int = 0
    places: list[str] = field(default_factory=list)

    @property
    def full(self) -> bool:
        return len(self.places) >= SHOWN

    def add(self, count: int, places: Iterator[str]) -> None:
        self.count += count
        while not self.full and (place := next(places, None)):
            self.places.append(place)

    @property
    def text(self) -> str:
        rows = "1 row" if self.count == 1 else f"{self.count:,} rows"
        others = self.count - len(self.places)
        return f"{rows} cannot be used: " + "; ".join(self.places) + (f"; and {others:,} more" if others > 0 else "")


def bad_csv(
    path: Path, *, columns: int, numeric: Mapping[str, int], delimiter: str, quoted: bool
) -> Iterator[tuple[int, str]]:
    """Line, from 1, and what is wrong with the row that begins there. numeric: column → its place."""
    with path.open(encoding="utf-8", errors="surrogateescape", newline="\n") as file:
        quoting = csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE
        rows = csv.reader(file, delimiter=delimiter, quoting=quoting, strict=True)
        line = 1
        while True:
            try:
                row = next(rows)
            except StopIteration:
                return
            except csv.Error as error:
                yield line, f"cannot be cut into cells: {error}"
                row = []
            if row and len(row) != columns:
                yield line, f"has {len(row)} cells where the header has {columns}"
            elif any("\udc80" <= character <= "\udcff" for cell in row for character in cell):
                yield line, "is not in UTF-8"
            elif row:
                for name, place in numeric.items():
                    if row[place] and not re.fullmatch(NUMBER, row[place]):
                        yield line, f"{name} {_shown(row[place])} is not a plain number"
                        break
            line = rows.line_num + 1


def bad_json(path: Path, numeric: tuple[str, ...]) -> Iterator[tuple[int, str]]:
    """Line, from 1, and what is wrong with it."""
    with path.open("rb") as file:
        for line, text in enumerate(file, 1):
            if not text.strip():
                continue
            try:
                item = json.loads(text, parse_float=str, parse_int=str)
            except ValueError as error:
                yield line, f"is no JSON: {error}"
                continue
            if not isinstance(item, dict):
                yield line, "is no JSON object"
                continue
            for name in numeric:
                cell = item.get(name)
                if cell not in (None, "") and not (isinstance(cell, str) and re.fullmatch(NUMBER, cell)):
                    yield line, f"{name} {_shown(str(cell))} is not a plain number"
                    break
                if isinstance(cell, str) and "." in cell and len(cell.lstrip("-")) > 16:
                    yield line, f"{name} {cell} has more digits than a JSON number keeps; put it in quotation marks"
                    break


def _shown(cell: str) -> str:
    return repr(cell if len(cell) <= LONGEST else cell[: LONGEST - 1] + "…")
