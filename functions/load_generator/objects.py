"""Small objects that a worker can work on, made without any library; always the same for the same number."""

from __future__ import annotations

import json
import random
import struct
import zlib
from collections.abc import Callable, Sequence

from schedule import BadRequest

SIDE = 256  # pixels


def maker(suffixes: Sequence[str]) -> tuple[str, Callable[[int], bytes]]:
    """A suffix of the worker's for which objects can be made, and what makes the object of a number.

    `BadRequest` if there is none.
    """
    for suffix in suffixes or (".txt",):
        for ending, make in MAKERS.items():
            if suffix.lower().endswith(ending):
                return suffix, make
    raise BadRequest(f"no object can be made that ends with {', '.join(suffixes)}; give the key of a sample")


def image(number: int) -> bytes:
    """A PNG with a gradient of its own."""
    start, end = (random.Random(f"{number} {side}").randbytes(3) for side in ("top", "bottom"))
    rows = bytearray()
    for y in range(SIDE):
        color = bytes(a + (b - a) * y // (SIDE - 1) for a, b in zip(start, end, strict=True))
        rows += b"\0" + color * SIDE  # each row begins with its filter: none
    header = struct.pack(">2I5B", SIDE, SIDE, 8, 2, 0, 0, 0)  # 8 bits a channel, RGB
    chunks = (b"IHDR", header), (b"IDAT", zlib.compress(bytes(rows))), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def text(number: int) -> bytes:
    return f"Sample {number} of a test load.\n".encode()


def document(number: int) -> bytes:
    return json.dumps({"sample": number}).encode()


MAKERS: dict[str, Callable[[int], bytes]] = {".png": image, ".json": document, ".txt": text, ".csv": text, ".md": text}
