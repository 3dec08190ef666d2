"""Bytes from a stranger → one upright RGB image of a size that is safe to work with."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from workers.runtime import BadInput

MAX_BYTES = 25 * 1024**2
MAX_PIXELS = 50_000_000  # decoded, four bytes each
WORK_SIDE = 1600  # pixels of the longer side that is looked at; smaller, and small print cannot be read
FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "AVIF")
_LYING = frozenset({5, 6, 7, 8})  # EXIF orientations that swap width and height
_DEEP = frozenset({"I", "I;16", "I;16B", "I;16L", "I;16N", "F"})  # more than 8 bits, which Pillow would clip


@dataclass(frozen=True)
class Picture:
    """image: RGB, upright, at most WORK_SIDE on a side. width, height: pixels of the original as it is shown."""

    image: Image.Image
    width: int
    height: int
    format: str
    animated: bool


def open_picture(data: bytes) -> Picture:
    """The picture in `data`: the first frame, on white where it is transparent.

    BadInput if it is empty, no image of a supported format, damaged, or larger than MAX_PIXELS; the size is checked
    from the header, before anything is decoded.
    """
    if not data:
        raise BadInput("the object is empty")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError as error:
        raise BadInput("the object is not a JPEG, PNG, GIF, WebP, BMP, TIFF or AVIF image") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise BadInput(_too_large()) from error
    except Exception as error:  # Pillow's readers raise whatever their parsers meet, from KeyError to struct.error
        raise BadInput("the image's header is damaged") from error
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise BadInput(_too_large(f"{width} x {height} pixels"))
    try:
        if image.getexif().get(ExifTags.Base.Orientation) in _LYING:
            width, height = height, width
        animated = bool(getattr(image, "is_animated", False))
        return Picture(_decoded(image), width, height, image.format or "", animated)
    except MemoryError:
        raise
    except Exception as error:
        raise BadInput("the image is damaged or incomplete") from error


def _too_large(size: str = "the image") -> str:
    return f"{size}: more than {MAX_PIXELS // 1_000_000} megapixels are not decoded"


def _decoded(image: Image.Image) -> Image.Image:
    image.seek(0)
    image.draft("RGB", (WORK_SIDE, WORK_SIDE))  # a JPEG is decoded at a half, a quarter or an eighth if that is enough
    image.load()
    upright = ImageOps.exif_transpose(image)
    if upright.mode in _DEEP:
        upright = _to_8_bits(upright)
    if upright.mode == "P":
        upright = upright.convert("RGBA" if "transparency" in upright.info else "RGB")
    upright.thumbnail((WORK_SIDE, WORK_SIDE), reducing_gap=2.0)
    if not upright.has_transparency_data:
        return upright.convert("RGB")
    upright = upright.convert("RGBA")
    white = Image.new("RGB", upright.size, "white")
    white.paste(upright, mask=upright.getchannel("A"))
    return white


def _to_8_bits(image: Image.Image) -> Image.Image:
    values = np.nan_to_num(np.asarray(image, dtype=np.float32))
    low, high = float(values.min()), float(values.max())
    return Image.fromarray(((values - low) * (255 / max(high - low, 1e-9))).astype(np.uint8))
