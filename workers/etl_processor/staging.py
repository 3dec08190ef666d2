"""Rows on the scratch volume → typed rows, each key once, by DuckDB.

Cells come as text, whatever the source, and get their types here; so rows are judged in the same way everywhere. Beyond
its memory DuckDB goes to the disk, and of the text only so much is there at once as a chunk has.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import duckdb

from workers.etl_processor.columns import TYPES, places
from workers.etl_processor.limits import memory
from workers.etl_processor.request import Request
from workers.etl_processor.rows import MAX_ROW, SHOWN, BadRows, Row, Rows, checked
from workers.runtime import BadInput

CHUNK = 4 * 1024**2  # characters of text that are typed at a time, and not many more than MAX_ROW more
MAX_BYTES = 8 * MAX_ROW  # of a row in a chunk: four for a character, two for a quotation mark
ROW_GROUP = 32 * 1024**2  # bytes of a Parquet file that are in memory at once when it is written, or read
LONGEST = 40  # characters of a cell in a message
BATCH = 1000  # rows that are fetched at a time


class Staging:
    """The rows of a request so far. To be closed. rows: that were read. bad: of them, those that cannot be used."""

    def __init__(self, request: Request, folder: Path):
        self._table = request.table
        self._columns = list(request.table.columns)
        self._chunk = folder / "chunk.csv"
        self.rows, self.bad = 0, BadRows()
        config = {
            "threads": 1,  # and so the order of the rows, by which the last one with a key is known
            "memory_limit": f"{memory() // 1024**2}MiB",
            "temp_directory": str(folder / "spill"),
            "autoinstall_known_extensions": False,  # nothing is fetched because a file asks for it
            "autoload_known_extensions": False,
        }
        self._database = duckdb.connect(folder / "staging.duckdb", config=config)
        self._database.execute(f"SET TimeZone = '{request.zone.key}'")
        typed = ", ".join(f"v{at} {TYPES[type].sql}" for at, type in enumerate(self._table.columns.values()))
        self._database.execute(f"CREATE TABLE typed (line BIGINT, wrong INTEGER, cell VARCHAR, {typed})")

    def close(self) -> None:
        self._database.close()

    def add(self, rows: Rows, name: str) -> None:
        """name: of what they are read from, in messages."""
        judged = map(checked, rows)
        for first in judged:
            self._write_chunk(chain([first], judged), name)
            cells = ", ".join(f"'c{number}': 'VARCHAR'" for number in range(len(self._columns)))
            self._type(
                f"read_csv($path, auto_detect = false, header = false, delim = ',', quote = '\"', escape = '\"', "
                f"new_line = '\\n', parallel = false, max_line_size = {MAX_BYTES}, buffer_size = {2 * MAX_BYTES}, "
                f"columns = {{'line': 'BIGINT', {cells}}})",
                self._chunk,
                name,
            )

    def add_parquet(self, path: Path, name: str) -> None:
        """BadInput with `name` if the file is damaged, or lacks a column."""
        try:
            described = self._database.execute("DESCRIBE SELECT * FROM read_parquet($path)", {"path": str(path)})
            names = [str(found[0]) for found in described.fetchall()]
            at = places(names, self._columns, name)
            cells = "".join(f", {_quoted(names[place])}::VARCHAR AS c{number}" for number, place in enumerate(at))
            source = "read_parquet($path, file_row_number = true)"
            before = self._one("SELECT count(*) FROM typed")
            self._type(f"(SELECT file_row_number + 1 AS line {cells} FROM {source})", path, name, "row")
            self.rows += self._one("SELECT count(*) FROM typed") - before
        except duckdb.OutOfMemoryException:
            raise  # which is not the file's fault
        except duckdb.Error as error:
            reason = str(error).splitlines()[0].split(": ", 1)[-1].replace(f" '{path}'", "")
            raise BadInput(f"{name} is damaged, or no Parquet file: {reason}") from error

    def write(self, path: Path) -> int:
        """As Parquet, the same bytes for the same rows. Returns how many there are."""
        named = (f"v{at} AS {_quoted(name)}" for at, name in enumerate(self._columns))
        return self._one(
            f"COPY ({self._loaded(named)}) TO '{str(path).replace(chr(39), chr(39) * 2)}' "
            f"(FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE_BYTES {ROW_GROUP})"
        )

    def typed_rows(self) -> Iterator[tuple[Any, ...]]:
        """In the order of the table's columns; a timestamp as microseconds of the epoch."""
        selected = (
            f"epoch_us(v{at})" if type == "timestamp" else f"v{at}"
            for at, type in enumerate(self._table.columns.values())
        )
        found = self._database.cursor().execute(self._loaded(selected))
        while rows := found.fetchmany(BATCH):
            yield from rows

    def _loaded(self, selected: Iterable[str]) -> str:
        """In SQL: of the usable rows with the same key the last one."""
        key = ", ".join(f"v{self._columns.index(column)}" for column in self._table.key)
        last = f"SELECT max(rowid) FROM typed WHERE wrong IS NULL GROUP BY {key}"
        return f"SELECT {', '.join(selected)} FROM typed WHERE rowid IN ({last})"

    def _write_chunk(self, rows: Rows, name: str) -> None:
        """As many of the rows as a chunk holds."""
        size = 0
        with self._chunk.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            for row in rows:
                self.rows += 1
                if isinstance(row, Row):
                    size += writer.writerow([row.line, *row.cells])
                else:
                    self.bad.add(1, lambda row=row: iter([f"{name} line {row.line:,}: {row.what}"]))
                if size > CHUNK:
                    return

    def _type(self, source: str, path: Path, name: str, unit: str = "line") -> None:
        """source: in SQL, with the columns line, c0, c1 and so on, and the parameter path."""
        cells = [f"nullif(trim(c{number}, ' \t\r\n'), '') AS c{number}" for number in range(len(self._columns))]
        types = [TYPES[type] for type in self._table.columns.values()]
        faults, values = [], []
        for number, (column, type) in enumerate(zip(self._columns, types, strict=True)):
            cell, cast = f"c{number}", f"TRY_CAST(c{number} AS {type.sql})"
            wrong = f"NOT regexp_full_match({cell}, '{type.pattern}') OR {cast} IS NULL"
            empty = "true" if column in self._table.key else "false"
            faults.append(f"WHEN if({cell} IS NULL, {empty}, {wrong}) THEN {number}")
            values.append(cast)
        before = self._one("SELECT count(*) FROM typed")  # rows, of which the next one has this number
        chosen = " ".join(f"WHEN {number} THEN c{number}" for number in range(len(self._columns)))
        self._database.execute(
            f"INSERT INTO typed SELECT line, wrong, CASE wrong {chosen} END, {', '.join(values)} FROM "
            f"(SELECT *, CASE {' '.join(faults)} END AS wrong FROM (SELECT line, {', '.join(cells)} FROM {source}))",
            {"path": str(path)},
        )
        wrong = self._one(f"SELECT count(*) FROM typed WHERE wrong IS NOT NULL AND rowid >= {before}")
        self.bad.add(wrong, lambda: self._places(before, name, unit))

    def _places(self, before: int, name: str, unit: str) -> Iterator[str]:
        """Of the bad rows among those that came after so many."""
        found = self._database.execute(
            f"SELECT line, wrong, cell FROM typed WHERE wrong IS NOT NULL AND rowid >= {before} "
            f"ORDER BY rowid LIMIT {SHOWN}"
        ).fetchall()
        for line, wrong, cell in found:
            column = self._columns[wrong]
            shown = repr(cell if len(cell or "") <= LONGEST else cell[: LONGEST - 1] + "…")
            fault = (
                f"{shown} is not {TYPES[self._table.columns[column]].wanted}"
                if cell
                else "is empty, and part of the key"
            )
            yield f"{name} {unit} {line:,}: {column} {fault}"

    def _one(self, sql: str) -> int:
        [(value,)] = self._database.execute(sql).fetchall()
        return value


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
