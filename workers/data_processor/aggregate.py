"""Rows → groups with counts, sums, least and greatest values, by DuckDB.

DuckDB's grouping goes to the disk when memory_limit is reached, so neither the size of the input nor the number of
groups needs more memory. It adds DECIMAL exactly, and takes the caller's names and values as parameters: there is no
SQL of the caller's. benchmarks/data_processor.md has the measurements.

Numbers are DECIMAL(38, 10): 28 digits before the point and 10 after it, and any order of additions gives the same sum.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import duckdb

from workers.data_processor.request import MAX_KEPT, NUMBER, ORDERED, Condition, Request
from workers.runtime import BadInput

DECIMAL = "DECIMAL(38, 10)"
KEPT, FILTERED, BAD = 0, 1, 2
ROW_GROUP = 8 * 1024**2  # bytes of a result that are in memory at once when it is written, or read
FOLD_ROWS = 500_000  # so many new rows at least, and as many as there are groups, are folded into those at a time


@dataclass
class Counts:
    """rows: all that were read. kept: of them, that fulfil the filter. bad: that could not be used."""

    rows: int = 0
    kept: int = 0
    bad: int = 0

    def add(self, other: Counts) -> None:
        for field in fields(self):
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))


@dataclass(frozen=True)
class Relation:
    """Rows in SQL. cells: for each of the request's columns its cell, as text or NULL.

    numbers: of the numeric ones, the cell as DECIMAL. wrong: whether that cannot be had, exactly. broken: rows that are
    none, whatever their cells. parameters: of the SQL.
    """

    sql: str
    cells: Mapping[str, str]
    numbers: Mapping[str, str]
    wrong: Mapping[str, str]
    broken: str
    parameters: Mapping[str, Any]


class Groups:
    """The groups so far, in a database on the scratch volume. To be closed.

    memory: bytes that DuckDB may hold. threads: that it uses.
    """

    def __init__(self, request: Request, folder: Path, *, memory: int, threads: int):
        self._request = request
        self._fresh = self._folded = 0
        spill = folder / "spill"
        config = {
            "threads": threads,
            "memory_limit": f"{memory // 1024**2}MiB",
            "temp_directory": str(spill),
            "preserve_insertion_order": False,  # which would keep rows in memory for the sake of their order
            "autoinstall_known_extensions": False,  # nothing is fetched because a file asks for it
            "autoload_known_extensions": False,
        }
        self.database = duckdb.connect(folder / "groups.duckdb", config=config)
        self.database.execute("SET TimeZone = 'UTC'")
        self.keys = [f"g{number}" for number in range(len(request.group_by))]
        self.tallies = tallies(request)
        columns = [*(f"{key} VARCHAR" for key in self.keys), "rows BIGINT"]
        columns += [f"{tally.name} {tally.type}" for tally in self.tallies]
        self._table = ", ".join(columns)
        self.database.execute(f"CREATE TABLE groups ({self._table})")

    def close(self) -> None:
        self.database.close()

    def add(self, relation: Relation) -> Counts:
        """Group the rows. BadInput if a sum is too large."""
        request = self._request
        places = {column: number for number, column in enumerate(request.columns)}
        parameters = dict(relation.parameters)
        cells = [f"{relation.cells[column]} AS k{place}" for column, place in places.items()]
        cells += [f"{relation.numbers[column]} AS d{places[column]}" for column in sorted(request.numeric)]
        wrong = [relation.broken, *(relation.wrong[column] for column in sorted(request.numeric))]
        wrong.append(too_much(request, relation))
        fulfilled = [_condition(one, places, number, parameters) for number, one in enumerate(request.conditions)]
        keys = [f"CASE WHEN state = {KEPT} THEN k{places[column]} END" for column in request.group_by]
        named = "".join(f"{key} AS {name}, " for key, name in zip(keys, self.keys, strict=True))
        measured = "".join(f", {t.over(places)} FILTER (WHERE state = {KEPT}) AS {t.name}" for t in self.tallies)
        sql = f"""
            WITH source AS (SELECT *, {_all_of(wrong, "OR", "false")} AS wrong FROM ({relation.sql})),
            cells AS (SELECT wrong {"".join(f", {cell}" for cell in cells)} FROM source),
            judged AS (SELECT *, CASE WHEN wrong THEN {BAD} WHEN {_all_of(fulfilled, "AND", "true")} THEN {KEPT}
                                 ELSE {FILTERED} END AS state FROM cells)
            SELECT state, {named} count(*) AS rows {measured}
            FROM judged GROUP BY state {"".join(f", {name}" for name in self.keys)}"""
        execute = self.database.execute
        try:
            execute(f"CREATE OR REPLACE TEMP TABLE fresh AS {sql}", parameters)
        except duckdb.OutOfRangeException as error:
            raise BadInput(f"a sum has more than 28 digits before the point: {_first_line(error)}") from error
        by_state = dict(execute("SELECT state, sum(rows)::BIGINT FROM fresh GROUP BY state").fetchall())
        execute(f"INSERT INTO groups SELECT * EXCLUDE (state) FROM fresh WHERE state = {KEPT}")
        self._added("SELECT count(*) FROM fresh")
        execute("DROP TABLE fresh")
        return Counts(sum(by_state.values()), by_state.get(KEPT, 0), by_state.get(BAD, 0))

    def add_partial(self, path: Path) -> None:
        """Groups of a part, which `write` has written."""
        self.database.execute("INSERT INTO groups SELECT * FROM read_parquet($path)", {"path": str(path)})
        self._added("SELECT count(*) FROM read_parquet($path)", {"path": str(path)})

    def write(self, path: Path, metadata: str) -> int:
        """As Parquet, with `metadata` in it under the key `part`. Returns how many groups there are."""
        self.fold()
        self.database.execute(
            f"COPY groups TO '{_quoted(path)}' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE_BYTES {ROW_GROUP}, "
            "KV_METADATA {part: $metadata})",
            {"metadata": metadata},
        )
        return self._folded

    def fold(self) -> None:
        """Make one row of those of each group. BadInput if a sum is too large."""
        keys = ", ".join(self.keys)
        folded = "".join(f", {tally.fold} AS {tally.name}" for tally in self.tallies)
        try:
            self.database.execute(
                f"CREATE TABLE folded AS SELECT {keys}{', ' if keys else ''}sum(rows)::BIGINT AS rows{folded} "
                f"FROM groups {f'GROUP BY {keys}' if keys else 'HAVING count(*) > 0'}"
            )
        except duckdb.OutOfRangeException as error:
            raise BadInput(f"a sum has more than 28 digits before the point: {_first_line(error)}") from error
        self.database.execute("DROP TABLE groups")
        self.database.execute("ALTER TABLE folded RENAME TO groups")
        self._folded, self._fresh = self._count(), 0

    def _added(self, count: str, parameters: Mapping[str, Any] | None = None) -> None:
        [(rows,)] = self.database.execute(count, parameters or {}).fetchall()
        self._fresh += rows
        if self._fresh > max(FOLD_ROWS, self._folded):
            self.fold()

    def _count(self) -> int:
        [(count,)] = self.database.execute("SELECT count(*) FROM groups").fetchall()
        return count


@dataclass(frozen=True)
class Tally:
    """What is kept of a column for each group.

    kind: n (how many cells are not empty), s (sum), lo and hi (least and greatest number), tlo and thi (text).
    """

    kind: str
    place: int

    @property
    def name(self) -> str:
        return f"{self.kind}{self.place}"

    @property
    def type(self) -> str:
        return {"n": "BIGINT", "tlo": "VARCHAR", "thi": "VARCHAR"}.get(self.kind, DECIMAL)

    @property
    def _function(self) -> str:
        return {"n": "sum", "s": "sum", "lo": "min", "tlo": "min", "hi": "max", "thi": "max"}[self.kind]

    def over(self, places: Mapping[str, int]) -> str:
        """In SQL, of the cells."""
        if self.kind == "n":
            return f"count(k{self.place})"
        return f"{self._function}({'k' if self.kind in ('tlo', 'thi') else 'd'}{self.place})"

    @property
    def fold(self) -> str:
        """In SQL, of the same tally of several parts."""
        return f"{self._function}({self.name})::{self.type}"


def tallies(request: Request) -> list[Tally]:
    """Each once, in an order that follows from the request alone."""
    places = {column: number for number, column in enumerate(request.columns)}
    kinds = {"count": ("n",), "sum": ("n", "s"), "average": ("n", "s"), "min": ("lo",), "max": ("hi",)}
    found: dict[Tally, None] = {}
    for measure in request.measures:
        if measure.column:
            for kind in kinds[measure.op]:
                found[Tally(f"t{kind}" if measure.text else kind, places[measure.column])] = None
    return list(found)


def text_number(cell: str) -> tuple[str, str]:
    """Of a cell that is text, in SQL: the number, and whether it is none that is exact."""
    return f"TRY_CAST({cell} AS {DECIMAL})", f"({cell} IS NOT NULL AND NOT regexp_full_match({cell}, '{NUMBER}'))"


def too_much(request: Request, relation: Relation) -> str:
    """Of a row, in SQL: whether its texts that would be kept are too long together."""
    sizes = "".join(f" + coalesce(strlen({relation.cells[column]}), 0)" for column in request.kept)
    return f"0{sizes} > {MAX_KEPT}"


def _condition(one: Condition, places: Mapping[str, int], number: int, parameters: dict[str, Any]) -> str:
    """In SQL; its values become parameters."""
    place = places[one.column]
    names = [f"f{number}_{position}" for position in range(len(one.values))]
    parameters.update(zip(names, one.values, strict=True))
    cell = f"d{place}" if one.numeric else f"k{place}"
    given = [f"CAST(${name} AS {DECIMAL if one.numeric else 'VARCHAR'})" for name in names]
    match one.op:
        case "is_empty":
            return f"{cell} IS NULL"
        case "in":
            return f"{cell} IN ({', '.join(given)})"
        case "contains" | "starts_with":
            return f"{one.op}({cell}, {given[0]})"
        case _:
            return f"{cell} {ORDERED[one.op]} {given[0]}"


def _all_of(terms: list[str], operator: str, nothing: str) -> str:
    return f" {operator} ".join(f"({term})" for term in terms) or nothing


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
