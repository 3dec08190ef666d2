"""What is done with each object. This is the file to replace; all the others are the frame around it."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Iterator
from pathlib import Path

from workers.s3_batch.items import Output, Source

CHUNK = 1024**2  # bytes
# How files begin whose content is compressed already; what their names say is not asked.
COMPRESSED = (
    b"\x1f\x8b",  # gzip
    b"\x1f\x9d",  # compress
    b"BZh",  # bzip2
    b"\xfd7zXZ\0",  # xz
    b"(\xb5/\xfd",  # Zstandard
    b"\x04\x22M\x18",  # LZ4
    b"\xff\x06\0\0sNaPpY",  # Snappy
    b"PK\x03\x04",  # ZIP, and with it Office documents
    b"7z\xbc\xaf\x27\x1c",  # 7-Zip
    b"Rar!\x1a\x07",
    b"PAR1",  # Parquet
    b"\xff\xd8\xff",  # JPEG
    b"\x89PNG\r\n\x1a\n",
    b"GIF8",
    b"\x1aE\xdf\xa3",  # WebM, Matroska
    b"OggS",
    b"fLaC",
    b"ID3",  # MP3
)
INSIDE = {4: (b"ftyp",), 8: (b"WEBP",)}  # from this byte on: MP4 and its kin, HEIC and AVIF; WebP


def process(source: Source, folder: Path) -> Iterator[Output]:
    """Archive an object: as `gzip/<name>.gz` or, if it is compressed already, unchanged as `copied/<name>`.

    So each name is that of one object only, and tells how to get it back; gzip's header has neither name nor time, so
    that the same content gives the same file. An object that changes from the one kind to the other leaves the file
    that was made of it before in the other folder: the manifest says which one counts.

    For a function of your own:
    - source.path has the content, and `folder` is empty and there for the outputs; both are gone afterwards. Memory
      need not grow with the size of the object.
    - Yield as many outputs as you like, each a file of its own. Their names must follow from the object alone, and no
      two objects may give the same one: the second is refused. An object without outputs may be done again when the
      task is killed, since nothing tells of it until a part of the manifest is written.
    - It runs for several objects at a time, in threads.
    - Whatever it raises is recorded as the reason why this object failed, and it is tried again in the next run.
      `Downstream` from workers.runtime, and errors of AWS, end the run instead: they would hit the next object, too.
    - What has been done is done: a changed function works on new and changed objects. To do all of them with it, give
      the run another destination.
    """
    if is_compressed(source.path):
        yield Output(f"copied/{source.name}", source.path, source.content_type)
        return
    path = folder / "content.gz"
    with source.path.open("rb") as content, path.open("wb") as file:
        with gzip.GzipFile("", "wb", compresslevel=6, fileobj=file, mtime=0) as packed:
            shutil.copyfileobj(content, packed, CHUNK)
    yield Output(f"gzip/{source.name}.gz", path, "application/gzip")


def is_compressed(path: Path) -> bool:
    """Whether gzip would gain nothing, by how the file begins."""
    with path.open("rb") as file:
        head = file.read(16)
    return head.startswith(COMPRESSED) or any(head.startswith(marks, at) for at, marks in INSIDE.items())
