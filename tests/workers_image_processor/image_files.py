"""Images as files, made for the tests, and what reads the results back; by Pillow, which the worker does not use."""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image

from workers.runtime import BadInput

RED, BLUE = (255, 0, 0), (0, 0, 255)


def encoded(image: Image.Image, format: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def halves(size: tuple[int, int] = (120, 80), upper: Any = RED, lower: Any = BLUE, mode: str = "RGB") -> Image.Image:
    image = Image.new(mode, size, upper)
    image.paste(Image.new(mode, size, lower), (0, size[1] // 2))
    return image


def noise(size: tuple[int, int] = (200, 150)) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), np.uint8))


def png_claiming(width: int, height: int) -> bytes:
    """A PNG whose header claims a size and whose data is a few bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(b"\0" * 100)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def profile(name: str) -> bytes:
    """An ICC profile that comes with libvips: srgb, p3 or cmyk."""
    import pyvips

    return bytes(pyvips.Operation.call("profile_load", name))


@dataclass
class Bucket:
    """uploads: what can be read. written: name → (data, content type)."""

    uploads: dict[str, bytes] = field(default_factory=dict)
    written: dict[str, tuple[bytes, str]] = field(default_factory=dict)

    def read(self, bucket: str | None, key: str, *, max_bytes: int) -> bytes:
        if len(self.uploads[key]) > max_bytes:
            raise BadInput(f"{key} is larger than {max_bytes} bytes")
        return self.uploads[key]

    def write(self, name: str, data: bytes, content_type: str) -> dict[str, str]:
        self.written[name] = (data, content_type)
        return {"bucket": "results", "key": f"image_processor/{name}"}

    def image(self, size: str, key: str = "it") -> Image.Image:
        image = Image.open(io.BytesIO(self.written[f"processed/{size}/{key}"][0]))
        image.load()
        return image
