"""Uploaded image → three smaller ones."""

from __future__ import annotations

import os
from pathlib import PurePosixPath
from typing import Any

from workers.image_processor.formats import chosen
from workers.image_processor.picture import MAX_BYTES, open_picture
from workers.image_processor.scaling import decode, scale
from workers.runtime import BadInput, Context

SIZES = {"large": 1920, "medium": 800, "thumbnail": 150}  # pixels of the longer side; each is made from the one before
MAX_KEY_BYTES = 900  # S3 takes 1024, and the files' keys are longer than the upload's


def handle(input: dict[str, Any], context: Context) -> dict[str, Any]:
    """Write `processed/<size>/<key>` for each size; see worker.yaml for `input`.

    BadInput if the object is missing, too large, or no image that can be decoded, or if its key cannot be written to.
    """
    key = input["key"]
    _check(key)
    picture = open_picture(context.objects.read(input.get("bucket"), key, max_bytes=MAX_BYTES))
    format = chosen(os.environ.get("FORMAT", "jpeg"), picture.format)
    source = {"format": picture.format, "width": picture.width, "height": picture.height, "bytes": len(picture.data)}
    image = decode(picture, max(SIZES.values()), alpha=format.alpha)
    del picture  # and with it the upload's bytes, before those of the files come
    sizes = {}
    for name, side in SIZES.items():
        image = scale(image, side)
        data = format.encode(image)
        location = context.objects.write(f"processed/{name}/{key}", data, format.content_type)
        sizes[name] = {"width": image.width, "height": image.height, "bytes": len(data), **location}
    return {"format": format.name, "source": source, "sizes": sizes}


def _check(key: str) -> None:
    """Before anything is read: whether the files can have this key in their names."""
    path = PurePosixPath("processed", key)
    if str(path) != f"processed/{key}" or ".." in path.parts:
        raise BadInput(f"{key!r} cannot be part of a file's name: it has an empty folder name, or one of dots")
    if len(key.encode()) > MAX_KEY_BYTES:
        raise BadInput(f"the key has {len(key.encode())} bytes; at most {MAX_KEY_BYTES} are accepted")
