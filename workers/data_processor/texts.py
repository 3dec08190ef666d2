"""CSV and JSON lines → groups, chunk by chunk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path

import duckdb

from workers.data_processor.aggregate import Counts, Groups, Relation, text_number
from workers.data_processor.bad_rows import BadRows, bad_csv, bad_json
from workers.data_processor.boundaries import record_start
from workers.data_processor.bucket import Bucket
from workers.data_processor.chunks import BOM, MAX_RECORD, Chunk, chunks, too_long, universal_newlines, unzipped
from workers.data_processor.columns import HEAD, check_columns, keys_of, read_header
from workers.data_processor.division import Slice
from workers.data_processor.request import Request

FAR = 1024**3  # bytes that are read, at most, to tell the number of a bad row's line
NO_DELIMITER = "\x1f"  # a control character that JSON text cannot have as such
BUFFER = 2 * MAX_RECORD  # bytes
PIECE_LINES, PIECE_BLOCK = 20_000, 64 * 1024  # bytes of a block


@dataclass(frozen=True)
class _Layout:
    """How the cells of a chunk are found. columns: names of a CSV object's; of JSON lines those that are asked for."""

    columns: tuple[str, ...]
    delimiter: str
    quoted: bool


def read_text(slice: Slice, request: Request, bucket: Bucket, groups: Groups, scratch: Path, bad: BadRows) -> Counts:
    """Add the slice's records to the groups. BadInput if the object cannot be read as what it should be."""
    found, name = slice.source.object, bucket.address(slice.source.object.key)
    csv = slice.source.format == "csv"
    head = _head(slice, bucket, name)
    whole = len(head) < HEAD
    delimiter = request.delimiter or ("\t" if ".tsv" in found.key.lower() else ",")
    if csv:
        header = read_header(head, delimiter=delimiter, quoted=request.quoted, whole=whole, name=name)
        if not header.end:
            return Counts()
        check_columns(request.columns, header.names, name)
        layout, begin = _Layout(header.names, delimiter, request.quoted), header.end
    else:
        check_columns(request.columns, keys_of(head, whole=whole), name)
        layout, begin = _Layout(request.columns, NO_DELIMITER, False), len(BOM) if head.startswith(BOM) else 0
    skipped = sum(block.count(b"\n") for block in universal_newlines(iter([head[:begin]]))) + 1
    if slice.of == 1:
        blocks = bucket.stream(found, 0, found.size)
        blocks, far = _without(unzipped(blocks, name) if slice.source.zipped else blocks, begin), 0
    else:
        quoting = layout.delimiter.encode() if layout.quoted else b""
        start, end = (
            max(begin, record_start(
                lambda a, b: bucket.read(found, a, b), lambda b: bucket.stream(found, 0, b), at, found.size, quoting
            ))
            for at in (slice.start, slice.end)
        )  # fmt: skip
        blocks, far = bucket.stream(found, start, end), start if start > begin else 0
    counts = Counts()
    line = 1 if far else skipped
    relation = partial(_csv, request, layout) if csv else partial(_json, request)
    for chunk in chunks(blocks, scratch / "chunk", line=line, quoted=layout.quoted, name=name):
        try:
            added = groups.add(relation(chunk, rejects=False))
        except duckdb.InvalidInputException:  # rows that are none; nothing has been added
            added = _add_without_rejects(chunk, relation, layout, groups, scratch / "piece", name)
        counts.add(added)
        if added.bad:
            before = 0
            if far and not bad.full:
                before = _lines_before(bucket, slice, far)
            bad.add(added.bad, _places(chunk, request, layout, name, before, csv=csv))
    return counts


def _head(slice: Slice, bucket: Bucket, name: str) -> bytes:
    """The first HEAD bytes of the text, or all if there are fewer."""
    found = slice.source.object
    if not slice.source.zipped:
        return bucket.read(found, 0, HEAD)
    text = b""
    for block in unzipped(bucket.stream(found, 0, found.size), name):
        text += block
        if len(text) >= HEAD:
            break
    return text[:HEAD]


def _without(blocks: Iterator[bytes], count: int) -> Iterator[bytes]:
    """All but the first bytes."""
    for block in blocks:
        if count < len(block):
            yield from chain([block[count:]], blocks)
            return
        count -= len(block)


def _add_without_rejects(
    chunk: Chunk, relation: Callable[..., Relation], layout: _Layout, groups: Groups, path: Path, name: str
) -> Counts:
    """Add the chunk's rows, and count those that DuckDB refuses, in pieces: it holds 2 KB for each, beyond its limit.

    BadInput if a record is too long.
    """
    counts = Counts()
    with chunk.path.open("rb") as file:
        blocks = iter(lambda: file.read(PIECE_BLOCK), b"")
        for piece in chunks(blocks, path, line=chunk.line, quoted=layout.quoted, name=name, lines=PIECE_LINES):
            counts.add(groups.add(relation(piece, rejects=True)))
            execute = groups.database.execute
            [(rejected, long)] = execute(
                "SELECT count(DISTINCT line_byte_position), count(*) FILTER (error_type = 'LINE SIZE OVER MAXIMUM') "
                "FROM reject_errors"
            ).fetchall()
            execute("DROP TABLE reject_errors")
            execute("DROP TABLE reject_scans")
            if long:
                raise too_long(name, piece.line, quoted=layout.quoted)
            counts.add(Counts(rejected, 0, rejected))
    return counts


def _read_csv(structure: str, *, quoted: bool, rejects: bool) -> str:
    """In SQL, with the parameters path and delimiter. rejects: whether rows that are none are left out, and noted in
    the table reject_errors; otherwise they are an InvalidInputException."""
    mark = '"' if quoted else ""
    noted = ", store_rejects = true, rejects_limit = 0, rejects_line_size_limit = 1" if rejects else ""
    return f"""
        read_csv($path, auto_detect = false, header = false, delim = $delimiter, quote = '{mark}', escape = '{mark}',
            new_line = '\\n', columns = {{{structure}}}, max_line_size = {MAX_RECORD}, buffer_size = {BUFFER}{noted})"""


def _csv(request: Request, layout: _Layout, chunk: Chunk, *, rejects: bool) -> Relation:
    names = [f"c{place}" for place in range(len(layout.columns))]
    structure = ", ".join(f"'{name}': 'VARCHAR'" for name in names)
    sql = f"SELECT * FROM {_read_csv(structure, quoted=layout.quoted, rejects=rejects)}"
    cells = {column: names[layout.columns.index(column)] for column in request.columns}
    numbers = {column: text_number(cells[column]) for column in request.numeric}
    return Relation(
        sql,
        cells,
        {column: number for column, (number, _) in numbers.items()},
        {column: wrong for column, (_, wrong) in numbers.items()},
        "false",
        {"path": str(chunk.path), "delimiter": layout.delimiter},
    )


def _json(request: Request, chunk: Chunk, *, rejects: bool) -> Relation:
    """A number with a point and more than 15 digits has lost some of them when it was read, so it is refused."""
    paths = [f'$."{column}"' for column in request.columns]
    sql = f"""
        SELECT CASE WHEN json_valid(line) THEN json_type(line) = 'OBJECT' ELSE false END AS valid,
            CASE WHEN json_valid(line) THEN json_extract(line, $paths::VARCHAR[]) END AS items
        FROM {_read_csv("'line': 'VARCHAR'", quoted=False, rejects=rejects)}
        WHERE trim(line) <> ''"""
    items = {column: f"items[{place + 1}]" for place, column in enumerate(request.columns)}
    cells = {column: f"nullif({item} ->> '$', '')" for column, item in items.items()}
    numbers, wrongs = {}, {}
    for column in request.numeric:
        raw = f"{items[column]}::VARCHAR"
        numbers[column], wrong = text_number(cells[column])
        inexact = f"NOT starts_with({raw}, '\"') AND contains({raw}, '.') AND length(ltrim({raw}, '-')) > 16"
        wrongs[column] = f"{wrong} OR coalesce({inexact}, false)"
    parameters = {"path": str(chunk.path), "delimiter": NO_DELIMITER, "paths": paths}
    return Relation(sql, cells, numbers, wrongs, "NOT valid", parameters)


def _places(
    chunk: Chunk, request: Request, layout: _Layout, name: str, before: int | None, *, csv: bool
) -> Iterator[str]:
    """before: lines of the object before the slice; None if that would take too long to find out."""
    found = (
        bad_csv(chunk.path, layout.columns, request, delimiter=layout.delimiter, quoted=layout.quoted)
        if csv
        else bad_json(chunk.path, request)
    )
    for line, reason in found:
        number = chunk.line + line - 1
        place = f"line {number:,} of this part" if before is None else f"line {before + number:,}"
        yield f"{name} {place}: {reason}"


def _lines_before(bucket: Bucket, slice: Slice, start: int) -> int | None:
    if start > FAR:
        return None
    blocks = bucket.stream(slice.source.object, 0, start)
    return sum(block.count(b"\n") for block in universal_newlines(blocks))
