"""Where records of a text begin, found from any byte on without reading what comes before.

Without quotation marks a record begins after each newline. With them a newline may stand inside a quoted cell, and
whether a byte is inside one depends on everything before it. Both cases are tried on the next bytes: in a well-formed
text a mark that opens a cell follows a delimiter or newline, and one that closes it comes before one, so the wrong case
soon contradicts itself. Where neither or both do, the marks are counted from the object's beginning.

Both neighbours of a boundary find the same one, so no record is read twice or left out. Should it be wrong, because the
text is malformed or a cell has more than WINDOW bytes, then the part before it ends inside a cell, and says so: see
chunks.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

QUOTE, NEWLINE = b'"', b"\n"
WINDOWS = (64 * 1024, 1024**2)  # bytes that are looked at; first few, then more
Read = Callable[[int, int], bytes]  # bytes start to end (exclusive), or to the object's end


def record_start(read: Read, blocks: Callable[[int], Iterator[bytes]], offset: int, size: int, quoting: bytes) -> int:
    """The first byte at or after `offset` with which a record begins; `size` if there is none.

    blocks: the object's bytes up to one, from the first on. quoting: the delimiter where cells may be quoted, else b"".
    """
    if offset == 0 or offset >= size:
        return min(offset, size)
    inside = bool(quoting) and _inside(read, blocks, offset, size, quoting)
    position = offset - 1  # where a newline makes `offset` itself a beginning
    if quoting and read(position, offset) == QUOTE:
        inside = not inside  # as it was before that mark, which is counted below
    while position < size:
        block = read(position, position + WINDOWS[0])
        for match in re.finditer(b'["\n]' if quoting else NEWLINE, block):
            if match[0] == QUOTE:
                inside = not inside
            elif not inside:
                return position + match.end()
        position += len(block)
    return size


def _inside(read: Read, blocks: Callable[[int], Iterator[bytes]], offset: int, size: int, delimiter: bytes) -> bool:
    """Whether the byte at `offset` is inside a quoted cell, or begins there."""
    text = b""
    for window in WINDOWS:
        text = read(offset - 1, offset + window)
        ends = offset + window >= size
        fits = [state for state in (False, True) if _is_legal(text, state, delimiter, ends=ends)]
        if len(fits) == 1:
            return fits[0]
    if QUOTE not in text[1:]:
        return False
    return sum(block.count(QUOTE) for block in blocks(offset)) % 2 == 1


def _is_legal(text: bytes, inside: bool, delimiter: bytes, *, ends: bool) -> bool:
    """Whether the marks after the first byte of `text` stand where they may, if its second is inside a cell or not.

    ends: whether the object ends with `text`.
    """
    around = delimiter + b"\r\n"
    closed = 0 if text[:1] == QUOTE else -1  # the last mark that may have closed a cell; one right after it doubles it
    for match in re.finditer(QUOTE, text[1:]):
        place = match.start() + 1
        if inside:
            closed = place
            following = text[place + 1 : place + 2]
            if following != QUOTE and following not in around:  # b"" is in it: the text ends
                return False
        elif closed != place - 1 and text[place - 1 : place] not in around:
            return False
        inside = not inside
    return not (ends and inside)
