"""A stream of text → files of some 4 MiB that end with a record, one at a time; the next is written when the one
before has been read. A file bounds what its reader holds at once, however long the cells are.

Newlines are those of Python's text files: CR LF and CR become LF, also inside quoted cells.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from workers.runtime import BadInput

CHUNK = 4 * 1024**2  # bytes
MAX_RECORD = 4 * 1024**2  # bytes
UNPACKED = 1024**2  # bytes that are unpacked at a time, whatever they were packed to
NEWLINE, QUOTE, BOM = b"\n", b'"', b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Chunk:
    """line: number of its first line in the object, from 1, or in the slice if that does not begin with the object."""

    path: Path
    line: int


def chunks(
    blocks: Iterator[bytes], path: Path, *, line: int, quoted: bool, name: str, lines: float = math.inf
) -> Iterator[Chunk]:
    """blocks: of a text from the beginning of a record to the end of one. path: where each chunk is written in turn.

    lines: a chunk ends in the block in which it gets so many, or CHUNK bytes. BadInput with `name` if a record is too
    long, or the text ends inside a quoted cell.
    """
    inside, size, count, unended = False, 0, 0, 0
    file = path.open("wb")
    try:
        for block in universal_newlines(blocks):
            end = _last_end(block, inside, quoted)
            unended = len(block) - end + (0 if end else unended)
            if unended > MAX_RECORD:
                raise too_long(name, line + count, quoted=quoted)
            inside ^= quoted and block.count(QUOTE) % 2 == 1
            newlines = block.count(NEWLINE)
            if end and (size + len(block) >= CHUNK or count + newlines >= lines):
                file.write(block[:end])
                file.close()
                yield Chunk(path, line)
                rest = block.count(NEWLINE, end)
                line += count + newlines - rest
                file, size, count, block, newlines = path.open("wb"), 0, 0, block[end:], rest
            file.write(block)
            size += len(block)
            count += newlines
        file.close()
        if size:
            yield Chunk(path, line)
        if inside:
            raise BadInput(
                f"{name} has a quotation mark that is never closed, or stands inside a cell, after line {line:,}. If "
                "marks are ordinary characters there, say so with quoted: false; if a cell has more than 1 MiB, or "
                "cells have marks in their middle, with split: false"
            )
    finally:
        file.close()
        path.unlink(missing_ok=True)


def too_long(name: str, line: int, *, quoted: bool) -> BadInput:
    return BadInput(
        f"{name} has a record of more than {MAX_RECORD:,} bytes after line {line:,}"
        + (", or a quotation mark that is never closed" if quoted else "")
    )


def unzipped(blocks: Iterator[bytes], name: str) -> Iterator[bytes]:
    """The content of a gzip file, also of several in a row. BadInput with `name` if it is truncated or damaged."""
    inflate, total, begun = zlib.decompressobj(wbits=31), 0, False
    for block in blocks:
        left = block
        while left:
            if inflate.eof:
                left = left.lstrip(b"\0")  # padding, as tapes have it
                if not left:
                    break
                inflate = zlib.decompressobj(wbits=31)
            try:
                unpacked = inflate.decompress(left, UNPACKED)
            except zlib.error as error:
                raise BadInput(f"{name} is damaged, or not gzip, after {total:,} unpacked bytes: {error}") from error
            begun = True
            left = inflate.unused_data if inflate.eof else inflate.unconsumed_tail
            total += len(unpacked)
            if unpacked:
                yield unpacked
    while begun and not inflate.eof and (unpacked := inflate.decompress(b"", UNPACKED)):
        total += len(unpacked)
        yield unpacked
    if begun and not inflate.eof:
        raise BadInput(f"{name} is truncated: it ends after {total:,} unpacked bytes, in the middle of its gzip data")


def universal_newlines(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """CR LF and CR as LF."""
    held = b""
    for block in blocks:
        text = held + block
        held = b""
        if b"\r" in text:
            if text.endswith(b"\r"):  # whose newline may be in the next block
                text, held = text[:-1], b"\r"
            text = text.replace(b"\r\n", NEWLINE).replace(b"\r", NEWLINE)
        if text:
            yield text
    if held:
        yield NEWLINE


def _last_end(block: bytes, inside: bool, quoted: bool) -> int:
    """Where the last record that ends in the block does, 0 if none does. inside: a quoted cell, at its beginning."""
    if not quoted:
        return block.rfind(NEWLINE) + 1
    odd = inside ^ (block.count(QUOTE) % 2 == 1)  # whether the end is inside
    end = len(block)
    while end:
        mark, newline = block.rfind(QUOTE, 0, end), block.rfind(NEWLINE, 0, end)
        if newline < 0:
            return 0
        if newline > mark and not odd:
            return newline + 1
        if mark < 0:
            return 0
        end, odd = mark, not odd
    return 0
