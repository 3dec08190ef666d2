"""The formats that files are written in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from workers.image_processor.libvips import pyvips

QUALITY = 85  # of JPEG and WebP, 1 to 100
NO_METADATA = pyvips.ForeignKeep.NONE


@dataclass(frozen=True)
class Format:
    """alpha: whether it holds transparency. encode: pixels → file, without any metadata."""

    name: str
    content_type: str
    alpha: bool
    encode: Callable[[pyvips.Image], bytes]


def _jpeg(image: pyvips.Image) -> bytes:
    # Not progressive: that takes twice the time to encode and saves 6 % of the bytes.
    return image.jpegsave_buffer(Q=QUALITY, optimize_coding=True, keep=NO_METADATA)


def _png(image: pyvips.Image) -> bytes:
    return image.pngsave_buffer(keep=NO_METADATA)


def _webp(image: pyvips.Image) -> bytes:
    return image.webpsave_buffer(Q=QUALITY, keep=NO_METADATA)


JPEG = Format("jpeg", "image/jpeg", False, _jpeg)
PNG = Format("png", "image/png", True, _png)
WEBP = Format("webp", "image/webp", True, _webp)
_FORMATS = {format.name: format for format in (JPEG, PNG, WEBP)}


def chosen(name: str, uploaded: str) -> Format:
    """name: jpeg, png, webp or keep. uploaded: the upload's format; what cannot be kept becomes a PNG.

    ValueError for any other name.
    """
    if name == "keep":
        return _FORMATS.get(uploaded, PNG)
    if name not in _FORMATS:
        raise ValueError(f"FORMAT is {name!r}; it must be {', '.join(_FORMATS)} or keep")
    return _FORMATS[name]
