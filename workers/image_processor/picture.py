"""Bytes from a stranger → an opened image: known format, size within bounds, nothing decoded yet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from workers.image_processor.libvips import pyvips
from workers.runtime import BadInput

MAX_BYTES = 50 * 1024**2
# What cannot be decoded strip by strip, such as a progressive JPEG, needs up to 8 bytes of memory a pixel.
MAX_PIXELS = 50_000_000
# As in JPEG and GIF. A strip of a PNG that is a million pixels wide would not fit into the task.
MAX_SIDE = 65_535


@dataclass(frozen=True)
class Picture:
    """format: jpeg, png, webp or gif. width, height: pixels as stored, before the EXIF orientation is applied."""

    data: bytes
    format: str
    width: int
    height: int

    def load(self, **options: Any) -> pyvips.Image:
        """The pixels, from top to bottom and only once; what is truncated or damaged raises pyvips.Error on the way."""
        return _load(self.data, **options)


def open_picture(data: bytes) -> Picture:
    """BadInput if `data` is empty, no image of a supported format, has a damaged header, or too many pixels."""
    if not data:
        raise BadInput("the object is empty")
    format = _format(data)
    if format is None:
        raise BadInput("the object is not a JPEG, PNG, WebP or GIF image")
    try:
        header = _load(data)
    except pyvips.Error as error:
        raise BadInput("the image's header is damaged") from error
    size = f"{header.width} x {header.height} pixels"
    if header.width * header.height > MAX_PIXELS:
        raise BadInput(f"{size}: more than {MAX_PIXELS // 1_000_000} megapixels are not decoded")
    if max(header.width, header.height) > MAX_SIDE:
        raise BadInput(f"{size}: a side of more than {MAX_SIDE:,} pixels is not decoded")
    return Picture(data, format, header.width, header.height)


def _load(data: bytes, **options: Any) -> pyvips.Image:
    source = pyvips.Source.new_from_memory(data)  # unlike a buffer, not copied
    return pyvips.Image.new_from_source(source, "", access="sequential", fail_on="error", **options)


def _format(data: bytes) -> str | None:
    """By its first bytes; a file's name may say anything."""
    if data.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "gif"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "webp"
    return None
