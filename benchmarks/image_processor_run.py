"""One way to make the three sizes, in a process of its own: python image_processor_run.py WAY FILE CORE

Says what it holds once it has imported what it needs; then, for each line on stdin, makes the three sizes and says what
that took. A line that names a folder also puts them there.
"""

from __future__ import annotations

import io
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # where workers/ is

SIZES = {"thumbnail": 150, "medium": 800, "large": 1920}
Way = Callable[[bytes], dict[str, bytes]]  # JPEG → file of each size


def document() -> Way:
    """The function of the document: everything decoded, and a copy of it resized for each size."""
    from PIL import Image

    def make(data: bytes) -> dict[str, bytes]:
        original = Image.open(io.BytesIO(data))
        made = {}
        for name, side in SIZES.items():
            image = original.copy()
            image.thumbnail((side, side), Image.Resampling.LANCZOS)
            made[name] = _pillow_jpeg(image)
        return made

    return make


def worker() -> Way:
    """workers/image_processor, through its handle()."""
    from workers.image_processor.handler import handle

    def make(data: bytes) -> dict[str, bytes]:
        objects = _Objects(data)
        del data
        handle({"key": "it"}, SimpleNamespace(objects=objects))  # type: ignore[arg-type]
        return objects.written

    return make


def pillow_draft() -> Way:
    """Pillow, with the decoder's scaling down to the largest size and each size made from the one before."""
    from PIL import Image

    def make(data: bytes) -> dict[str, bytes]:
        image = Image.open(io.BytesIO(data))
        image.draft("RGB", _fitted(*image.size, SIZES["large"]))
        made = {}
        for name, side in reversed(SIZES.items()):
            image.thumbnail((side, side), Image.Resampling.LANCZOS)
            made[name] = _pillow_jpeg(image)
        return made

    return make


def libvips_shrunk() -> Way:
    """libvips, with the decoder's scaling down to the largest size."""
    from workers.image_processor import scaling

    scaling.MARGIN = 1
    return worker()


def opencv() -> Way:
    """OpenCV; its Lanczos does not average, so it is by area."""
    import cv2
    import numpy as np

    cv2.setNumThreads(1)

    def make(data: bytes) -> dict[str, bytes]:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        assert image is not None
        made = {}
        for name, side in reversed(SIZES.items()):
            size = _fitted(image.shape[1], image.shape[0], side)
            image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
            options = [cv2.IMWRITE_JPEG_QUALITY, 85, cv2.IMWRITE_JPEG_OPTIMIZE, 1]
            made[name] = cv2.imencode(".jpg", image, options)[1].tobytes()
        return made

    return make


def turbojpeg_libvips() -> Way:
    """libjpeg-turbo's decoder at 5/8, which libvips does not offer, and libvips for the rest."""
    import simplejpeg  # type: ignore[import-not-found] # only for the comparison

    from workers.image_processor.formats import JPEG
    from workers.image_processor.libvips import pyvips
    from workers.image_processor.scaling import scale

    def make(data: bytes) -> dict[str, bytes]:
        height, width, *_ = simplejpeg.decode_jpeg_header(data)
        pixels = simplejpeg.decode_jpeg(data, min_width=width * 5 // 8, min_height=height * 5 // 8)
        image = pyvips.Image.new_from_memory(pixels, pixels.shape[1], pixels.shape[0], 3, "uchar")
        image = image.copy(interpretation="srgb")
        made = {}
        for name, side in reversed(SIZES.items()):
            image = scale(image, side)
            made[name] = JPEG.encode(image)
        return made

    return make


WAYS: dict[str, Callable[[], Way]] = {
    "document": document,
    "worker": worker,
    "pillow-draft": pillow_draft,
    "libvips-shrunk": libvips_shrunk,
    "opencv": opencv,
    "turbojpeg-libvips": turbojpeg_libvips,
}


class _Objects:
    """What the worker reads from and writes to."""

    def __init__(self, data: bytes):
        self._data: bytes | None = data
        self.written: dict[str, bytes] = {}

    def read(self, bucket: str | None, key: str, *, max_bytes: int) -> bytes | None:
        data, self._data = self._data, None  # S3 keeps nothing in our memory either
        return data

    def write(self, name: str, data: bytes, content_type: str) -> dict[str, str]:
        self.written[name.split("/")[1]] = data
        return {"bucket": "results", "key": name}


def _pillow_jpeg(image: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=85, optimize=True)
    return buffer.getvalue()


def _fitted(width: int, height: int, side: int) -> tuple[int, int]:
    factor = side / max(width, height)
    return int(width * factor + 0.5), int(height * factor + 0.5)


def _memory(field: str) -> int:
    """Bytes. VmRSS: resident now. VmHWM: the most that was resident (ru_maxrss would count the parent's)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field))


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main(way: str, file: Path, core: int) -> None:
    os.sched_setaffinity(0, {core})
    make = WAYS[way]()
    print(json.dumps({"resident": _memory("VmRSS")}), flush=True)
    for line in sys.stdin:
        wall, cpu = time.perf_counter(), _cpu_seconds()
        made = make(file.read_bytes())
        wall, cpu = time.perf_counter() - wall, _cpu_seconds() - cpu
        said = {"wall": wall, "cpu": cpu, "peak": _memory("VmHWM")}
        for name, data in made.items() if line.strip() else ():
            (Path(line.strip()) / f"{way}-{name}.jpg").write_bytes(data)
        del made
        print(json.dumps(said), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
