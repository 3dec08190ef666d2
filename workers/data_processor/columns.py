"""Which columns an object has, from its first bytes."""

from __future__ import annotations

import csv
import difflib
import json
from collections.abc import Iterable
from dataclasses import dataclass

from workers.data_processor.chunks import BOM
from workers.runtime import BadInput

HEAD = 256 * 1024  # bytes; a header must fit in, and of JSON lines every column must occur there
SHOWN = 20  # names of columns in a message


@dataclass(frozen=True)
class Header:
    """names: of a CSV object's columns, in order. end: the byte after it; 0 if the object has nothing but blanks."""

    names: tuple[str, ...]
    end: int


def read_header(head: bytes, *, delimiter: str, quoted: bool, whole: bool, name: str) -> Header:
    """head: the first bytes. whole: whether those are all. BadInput with `name` if no header is in them."""
    quoting = csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE
    start = len(BOM) if head.startswith(BOM) else 0
    end, inside = start, False
    while True:
        newline = head.find(b"\n", end)
        if newline < 0:
            carriage = head.find(b"\r", start)
            newline = carriage if carriage >= 0 else len(head) - 1
            if carriage < 0 and not whole:
                raise BadInput(f"{name} has no line end in its first {HEAD:,} bytes: it is no CSV file")
        line, begun = head[end : newline + 1], end
        end = newline + 1
        inside ^= quoted and line.count(b'"') % 2 == 1
        if inside and end < len(head):
            continue
        if head[start:end].strip():
            break
        if end >= len(head):
            return Header((), 0)
        start = end if begun == start else start
    try:
        text = head[start:end].decode()
        names = next(csv.reader([text], delimiter=delimiter, quoting=quoting, strict=True))
    except UnicodeDecodeError as error:
        raise BadInput(f"{name} is not in UTF-8: byte {error.start + 1} of its header") from error
    except csv.Error as error:
        raise BadInput(f"the header of {name} cannot be cut into cells: {error}") from error
    return Header(tuple(one.strip() for one in names), end)


def keys_of(head: bytes, *, whole: bool) -> tuple[str, ...]:
    """Keys of the JSON objects in the first lines, in the order in which they occur; bad lines have none."""
    lines = head.removeprefix(BOM).split(b"\n")
    found: dict[str, None] = {}
    for line in lines if whole else lines[:-1]:
        try:
            item = json.loads(line)
        except ValueError:
            continue
        if isinstance(item, dict):
            found.update(dict.fromkeys(item))
    return tuple(found)


def check_columns(wanted: Iterable[str], known: Iterable[str], name: str) -> None:
    """BadInput if one is not there, with the nearest that is, or is there twice."""
    listed = list(known)
    for column in wanted:
        if column not in listed:
            lower = {one.lower(): one for one in listed}
            near = difflib.get_close_matches(column.lower(), lower, n=1, cutoff=0.5)
            more = f", and {len(listed) - SHOWN} more" if len(listed) > SHOWN else ""
            hint = f"; did you mean {lower[near[0]]!r}?" if near else ""
            raise BadInput(f"{name} has no column {column!r}{hint} It has {', '.join(listed[:SHOWN]) or 'none'}{more}")
        if listed.count(column) > 1:
            raise BadInput(f"{name} has the column {column!r} more than once")
