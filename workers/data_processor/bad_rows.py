"""Rows that cannot be used: how many, and where the first ones are."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workers.data_processor.chunks import MAX_RECORD
from workers.data_processor.request import MAX_KEPT, NUMBER, Request

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
    path: Path, columns: Sequence[str], request: Request, *, delimiter: str, quoted: bool
) -> Iterator[tuple[int, str]]:
    """Line, from 1, and what is wrong with the row that begins there. columns: the names of all."""
    csv.field_size_limit(MAX_RECORD)
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
            if row and (len(row) < len(columns) or any(row[len(columns) :])):
                yield line, f"has {len(row)} cells where the header has {len(columns)}"
            elif row:
                cells = dict(zip(columns, row, strict=False))
                if fault := _fault({name: cells[name] for name in request.columns}, request):
                    yield line, fault
            line = rows.line_num + 1


def bad_json(path: Path, request: Request) -> Iterator[tuple[int, str]]:
    """Line, from 1, and what is wrong with it."""
    with path.open("rb") as file:
        for line, text in enumerate(file, 1):
            if not text.strip():
                continue
            try:
                item = json.loads(text, parse_float=_Number, parse_int=_Number)
            except ValueError as error:
                yield line, f"is no JSON: {error}"
                continue
            if not isinstance(item, dict):
                yield line, "is no JSON object"
                continue
            cells = {name: item[name] for name in request.columns if item.get(name) is not None}
            if fault := _fault({name: _text(cell) for name, cell in cells.items()}, request):
                yield line, fault
                continue
            for name in sorted(request.numeric):
                cell = cells.get(name)
                if isinstance(cell, _Number) and "." in cell and len(cell.lstrip("-")) > 16:
                    yield line, f"{name} {cell} has more digits than a JSON number keeps; put it in quotation marks"
                    break


def longer(request: Request) -> str:
    return f"more than {MAX_KEPT:,} bytes in {', '.join(request.kept)}, which is too much for the result"


class _Number(str):
    """A number of JSON, as it is written."""


def _text(cell: Any) -> str:
    return cell if isinstance(cell, str) else json.dumps(cell, ensure_ascii=False, separators=(",", ":"))


def _fault(cells: Mapping[str, str], request: Request) -> str | None:
    if any("\udc80" <= character <= "\udcff" for cell in cells.values() for character in cell):
        return "is not in UTF-8"
    for name in sorted(request.numeric):
        if cells.get(name) and not re.fullmatch(NUMBER, cells[name]):
            return f"{name} {_shown(cells[name])} is not a plain number"
    if sum(len(cells.get(name, "").encode(errors="replace")) for name in request.kept) > MAX_KEPT:
        return longer(request)
    return None


def _shown(cell: str) -> str:
    return repr(cell if len(cell) <= LONGEST else cell[: LONGEST - 1] + "…")
