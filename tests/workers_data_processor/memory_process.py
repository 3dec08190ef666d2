"""One part in a process of its own: python memory_process.py INPUT, which is JSON, its key a file. To stdout go the
groups that it found, its bad rows and the most memory that it held, in MiB."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from workers.data_processor.aggregate import Groups
from workers.data_processor.bad_rows import BadRows
from workers.data_processor.bucket import Object
from workers.data_processor.division import Slice, source_of
from workers.data_processor.limits import memory, threads
from workers.data_processor.parquets import read_parquet
from workers.data_processor.request import read_request
from workers.data_processor.texts import read_text


class Folder:
    """A bucket whose objects are files: an account in this process would hold them in memory."""

    def address(self, key: str) -> str:
        return key

    def stream(self, found: Object, start: int, end: int) -> Iterator[bytes]:
        with Path(found.key).open("rb") as file:
            file.seek(start)
            while block := file.read(min(1024**2, end - start)):
                start += len(block)
                yield block

    def read(self, found: Object, start: int, end: int) -> bytes:
        return b"".join(self.stream(found, start, min(end, found.size)))


def main(text: str) -> None:
    bucket: Any = Folder()
    request = read_request(json.loads(text))
    path = request.key or ""
    source = source_of(Object(path, "", Path(path).stat().st_size), None)
    assert source
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with closing(Groups(request, folder, memory=memory(), threads=threads())) as groups:
            read = read_parquet if source.format == "parquet" else read_text
            counts = read(Slice(source), request, bucket, groups, folder, BadRows())
            count = groups.write(folder / "partial.parquet", "{}")
    print(count, counts.bad, peak())


def peak() -> int:
    """Not ru_maxrss, in which Linux counts what the process that started this one held then."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM:"))


if __name__ == "__main__":
    main(sys.argv[1])
