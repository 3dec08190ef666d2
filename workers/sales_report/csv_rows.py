"""A CSV file → its rows, one line at a time, whatever its encoding and separator."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from workers.sales_report.orders import COLUMNS, REQUIRED, Row, Unreadable

SEPARATORS = (",", ";", "\t", "|")
MAX_LINE = 64 * 1024  # characters; with a longer one the file is something else
CHUNK = 1024**2  # bytes


@dataclass(frozen=True)
class Csv:
    """encoding: as Python names it. guessed: whether it is none of Unicode's."""

    path: Path
    encoding: str
    separator: str
    header: list[str]  # names of the columns, in small letters

    @property
    def guessed(self) -> bool:
        return self.encoding == "cp1252"

    @property
    def decimal_comma(self) -> bool:
        """Only then a comma can stand in a number without quotes around it."""
        return self.separator != ","

    def rows(self) -> Iterator[Row]:
        """Unreadable if a line is too long to be one.

        Each line is read for itself: a quotation mark that is never closed spoils one row and not all that follow.
        """
        places = [(name, self.header.index(name)) for name in COLUMNS if name in self.header]
        with _opened(self.path, self.encoding) as file:
            _line(file, 1)
            number = 1
            while line := _line(file, number := number + 1):
                if not line.strip():
                    continue
                fields = _fields(line, self.separator)
                if isinstance(fields, str):
                    yield Row(number, {}, fields)
                elif len(fields) != len(self.header):
                    yield Row(number, {}, f"has {len(fields)} cells where the header has {len(self.header)}")
                else:
                    yield Row(number, {name: fields[place] for name, place in places})


def open_csv(path: Path) -> Csv:
    """Unreadable if the file is empty, or its first line does not name the columns of orders."""
    if not path.stat().st_size:
        raise Unreadable("is empty")
    encoding = _encoding(path)
    with _opened(path, encoding) as file:
        first = _line(file, 1).rstrip("\n")
    headers = {}
    for separator in SEPARATORS:
        fields = _fields(first, separator)
        headers[separator] = [name.strip().lower() for name in fields] if isinstance(fields, list) else []
    separator = max(SEPARATORS, key=lambda each: len(set(headers[each]) & set(COLUMNS)))
    header = headers[separator]
    if missing := [name for name in REQUIRED if name not in header]:
        columns = "column" if len(missing) == 1 else "columns"
        raise Unreadable(f"has no {columns} {', '.join(missing)}; its first line is {_shown(first)}")
    if twice := [name for name in COLUMNS if header.count(name) > 1]:
        raise Unreadable(f"has the column {twice[0]} more than once")
    return Csv(path, encoding, separator, header)


def _encoding(path: Path) -> str:
    """By the byte order mark; or UTF-8, if all of the file is; or else what Windows writes in western Europe."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with path.open("rb") as file:
        begin = file.read(2)
        if begin in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            return "utf-16"
        file.seek(0)
        try:
            while chunk := file.read(CHUNK):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return "cp1252"
    return "utf-8-sig"


def _opened(path: Path, encoding: str) -> IO[str]:
    return path.open(encoding=encoding, errors="replace")  # a file that ends within a character spoils its last row


def _line(file: IO[str], number: int) -> str:
    """The next line; "" at the end. Unreadable if it is longer than any row."""
    line = file.readline(MAX_LINE)
    if len(line) == MAX_LINE:
        raise Unreadable(f"has more than {MAX_LINE:,} characters in line {number}: it is no CSV file")
    return line


def _fields(line: str, separator: str) -> list[str] | str:
    """The cells of a line, or why it has none."""
    try:
        return next(csv.reader([line], delimiter=separator, strict=True), [])
    except csv.Error as error:
        return f"cannot be cut into cells: {error}"


def _shown(line: str) -> str:
    return repr(line if len(line) <= 60 else line[:59] + "…")
