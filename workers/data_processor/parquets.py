"""Parquet → groups, row group by row group.

Of a large object only the row groups of the slice, the columns that are asked for and the footer are fetched, into a
sparse file in which they stand where they stood; a condition on row numbers keeps DuckDB from reading anything else.
A row group belongs to the slice in which it begins.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb

from workers.data_processor.aggregate import DECIMAL, Counts, Groups, Relation, text_number, too_much
from workers.data_processor.bad_rows import BadRows, longer
from workers.data_processor.bucket import Bucket, Object
from workers.data_processor.columns import check_columns
from workers.data_processor.division import Slice
from workers.data_processor.request import Request
from workers.runtime import BadInput

MAGIC = b"PAR1"
MAX_FOOTER = 256 * 1024**2  # bytes
TEXT, FLOATS = "VARCHAR", ("FLOAT", "DOUBLE")
NESTED = ("STRUCT", "MAP", "UNION")


@dataclass(frozen=True)
class RowGroup:
    """rows: numbers of its first row and the one after its last. ranges: bytes of the columns that are asked for."""

    rows: tuple[int, int]
    begin: int
    ranges: tuple[tuple[int, int], ...]


def read_parquet(slice: Slice, request: Request, bucket: Bucket, groups: Groups, scratch: Path, bad: BadRows) -> Counts:
    """Add the slice's row groups to the groups. BadInput if the object is damaged, or lacks a column."""
    found, name = slice.source.object, bucket.address(slice.source.object.key)
    path, counts = scratch / "sparse.parquet", Counts()
    try:
        _fetch_footer(found, bucket, path, name)
        relation = _relation(groups, request, path, name)
        for group in _row_groups(groups, request, path):
            if slice.start <= group.begin < slice.end:
                with path.open("r+b") as file:
                    for start, end in group.ranges:
                        file.seek(start)
                        for block in bucket.stream(found, start, end):
                            file.write(block)
                first, after = group.rows
                numbered = Relation(
                    relation.sql, relation.cells, relation.numbers, relation.wrong, relation.broken,
                    {"path": str(path), "first": first, "last": after - 1},
                )  # fmt: skip
                added = groups.add(numbered)
                counts.add(added)
                if added.bad:
                    bad.add(added.bad, iter([_place(groups, numbered, request, name)]))
    except duckdb.OutOfMemoryException:
        raise  # see handler.py
    except duckdb.Error as error:
        reason = str(error).splitlines()[0].replace(str(path), "it")
        raise BadInput(f"{name} is damaged, or no Parquet file: {reason}") from error
    finally:
        path.unlink(missing_ok=True)
    return counts


def _fetch_footer(found: Object, bucket: Bucket, path: Path, name: str) -> None:
    """Make the sparse file, with the object's first bytes and its footer."""
    end = bucket.read(found, found.size - 8, found.size)
    length = int.from_bytes(end[:4], "little") + 8
    if end[4:] != MAGIC or length + len(MAGIC) > found.size:
        raise BadInput(f"{name} is truncated, or no Parquet file: it does not end with a footer")
    if length > MAX_FOOTER:
        raise BadInput(f"{name} has a footer of {length:,} bytes, more than {MAX_FOOTER:,}")
    with path.open("wb") as file:
        file.truncate(found.size)
        file.write(bucket.read(found, 0, len(MAGIC)))
        file.seek(found.size - length)
        file.write(bucket.read(found, found.size - length, found.size))


def _row_groups(groups: Groups, request: Request, path: Path) -> list[RowGroup]:
    """In their order."""
    rows = groups.database.execute(
        """
        SELECT row_group_id, any_value(row_group_num_rows),
               min(least(data_page_offset, coalesce(nullif(dictionary_page_offset, 0), data_page_offset))),
               list([least(data_page_offset, coalesce(nullif(dictionary_page_offset, 0), data_page_offset)),
                     total_compressed_size]) FILTER (WHERE list_contains($columns::VARCHAR[], path_in_schema)),
               list([bloom_filter_offset, bloom_filter_length])
                   FILTER (WHERE bloom_filter_length IS NOT NULL AND list_contains($columns::VARCHAR[], path_in_schema))
        FROM parquet_metadata($path) GROUP BY row_group_id ORDER BY row_group_id""",
        {"path": str(path), "columns": list(request.columns)},
    ).fetchall()
    found, row = [], 0
    for _, count, begin, columns, blooms in rows:
        ranges = tuple((start, start + length) for start, length in [*(columns or []), *(blooms or [])])
        found.append(RowGroup((row, row + count), begin, ranges))
        row += count
    return found


def _relation(groups: Groups, request: Request, path: Path, name: str) -> Relation:
    described = groups.database.execute("DESCRIBE SELECT * FROM read_parquet($path)", {"path": str(path)}).fetchall()
    types = {str(column): str(type) for column, type, *_ in described}
    check_columns(request.columns, types, name)
    cells, numbers, wrong = {}, {}, {}
    for column in request.columns:
        type = types[column]
        if type.startswith(NESTED) or type.endswith("]") or type == "BLOB":
            raise BadInput(f"{name}: the column {column!r} is {type}, of which nothing can be computed")
        quoted = '"' + column.replace('"', '""') + '"'
        cells[column] = f"nullif({quoted}::VARCHAR, '')"
        if column not in request.numeric:
            continue
        if type == TEXT:
            numbers[column], wrong[column] = text_number(cells[column])
        elif type in FLOATS:  # by its shortest decimal form, which may have an exponent
            numbers[column] = f"TRY_CAST({cells[column]} AS {DECIMAL})"
            wrong[column] = f"({quoted} IS NOT NULL AND {numbers[column]} IS NULL)"
        else:
            numbers[column] = f"TRY_CAST({quoted} AS {DECIMAL})"
            wrong[column] = f"({quoted} IS NOT NULL AND {numbers[column]} IS DISTINCT FROM {quoted})"
    sql = "SELECT * FROM read_parquet($path, file_row_number = true) WHERE file_row_number BETWEEN $first AND $last"
    return Relation(sql, cells, numbers, wrong, "false", {})


def _place(groups: Groups, relation: Relation, request: Request, name: str) -> str:
    """The first bad row."""
    for column in sorted(request.numeric):
        sql = f"SELECT file_row_number, {relation.cells[column]} FROM ({relation.sql}) WHERE {relation.wrong[column]} "
        found = groups.database.execute(f"{sql} ORDER BY file_row_number LIMIT 1", dict(relation.parameters)).fetchone()
        if found:
            return f"{name} row {found[0] + 1:,}: {column} {found[1]!r} is not a plain number"
    sql = f"SELECT min(file_row_number) FROM ({relation.sql}) WHERE {too_much(request, relation)}"
    [(row,)] = groups.database.execute(sql, dict(relation.parameters)).fetchall()
    return f"{name} row {row + 1:,}: {longer(request)}"
