"""CSV and JSON lines → rows, one at a time."""

from __future__ import annotations

import csv
import gzip
import json
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import IO, Any

from workers.etl_processor.columns import normalised, places
from workers.etl_processor.rows import Row, Rows, Unreadable
from workers.runtime import BadInput

SEPARATORS = (",", ";", "\t", "|")
MAX_LINE = 4 * 1024**2  # characters; with a longer one the file is something else
MAX_CELL = 1024**2  # the same


def csv_rows(path: Path, columns: Sequence[str], name: str) -> Rows:
    """BadInput with `name` if the file is empty, lacks a column, or ends inside a quoted cell."""
    with _opened(path, name) as file:
        lines = _Lines(file, name)
        header, separator = _header(next(lines, ""), columns, name)
        at = places(header, columns, name)
        csv.field_size_limit(MAX_CELL)
        reader = csv.reader(lines, delimiter=separator, strict=True)
        while True:
            line = lines.number + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                if "expected after" not in str(error):  # what follows would be cut at the wrong marks
                    raise BadInput(
                        f"{name} line {line:,}: a quotation mark is never closed, or a cell has more than {MAX_CELL:,} "
                        "characters; write marks inside a cell twice"
                    ) from error
                yield Unreadable(line, f"cannot be cut into cells: {error}")
                continue
            if not cells:
                continue
            if len(cells) != len(header):
                yield Unreadable(line, f"has {len(cells)} cells where the header has {len(header)}")
            else:
                yield Row(line, [cells[place] for place in at])


def json_rows(path: Path, columns: Sequence[str], name: str) -> Rows:
    """An object on each line; a column that it lacks is empty. BadInput with `name` if a line is too long for one."""
    with _opened(path, name) as file:
        lines = _Lines(file, name)
        for text in lines:
            if text.strip():
                yield _json_row(text, columns, lines.number)


def _json_row(text: str, columns: Sequence[str], line: int) -> Row | Unreadable:
    try:
        item = json.loads(text.strip(), parse_float=Decimal, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        return Unreadable(line, f"is no JSON: {error.msg.removesuffix(' at')} at character {error.pos + 1}")
    except (ValueError, RecursionError) as error:
        return Unreadable(line, f"is no JSON: {error}")
    if not isinstance(item, dict):
        return Unreadable(line, "is no JSON object")
    cells = {normalised(key): cell for key, cell in item.items()}
    if len(cells) < len(item):
        return Unreadable(line, "has two names for the same column")
    return Row(line, [_text(cells.get(column)) for column in columns])


def _text(cell: Any) -> str | None:
    """As a cell of CSV has it. Of numbers inside lists and objects a float's digits are kept."""
    if cell is None or isinstance(cell, str):
        return cell
    return str(cell) if isinstance(cell, Decimal) else json.dumps(cell, ensure_ascii=False, default=float)


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no number")


def _header(line: str, columns: Sequence[str], name: str) -> tuple[list[str], str]:
    """The names in the first line, and the separator by which most of them are known."""
    if not line.strip():
        raise BadInput(f"{name} is empty: its first line must name the columns {', '.join(columns)}")
    headers = {separator: next(csv.reader([line], delimiter=separator), []) for separator in SEPARATORS}
    known = {
        separator: len({normalised(cell) for cell in cells} & set(columns)) for separator, cells in headers.items()
    }
    separator = max(SEPARATORS, key=lambda each: known[each])
    return headers[separator], separator


class _Lines(Iterator[str]):
    """number: of the last line that was read."""

    def __init__(self, file: IO[str], name: str):
        self._file, self._name = file, name
        self.number = 0

    def __next__(self) -> str:
        try:
            line = self._file.readline(MAX_LINE)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            what = f"{self._name} is damaged, or not gzip, after line {self.number:,}: {error}"
            raise BadInput(what) from error
        if not line:
            raise StopIteration
        self.number += 1
        if len(line) == MAX_LINE:
            raise BadInput(f"{self._name} line {self.number:,} has more than {MAX_LINE:,} characters; rows are lines")
        return line


@contextmanager
def _opened(path: Path, name: str) -> Iterator[IO[str]]:
    """Bytes that are not UTF-8 come as halves of characters, which `rows.checked` finds."""
    opener: Any = gzip.open if name.endswith(".gz") else open
    with opener(path, "rt", encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        yield file
