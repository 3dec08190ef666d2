"""One part in a process of its own: python memory_process.py FILE COLUMN. To stdout go the groups that it found and the
most memory that it held, in MiB."""

from __future__ import annotations

import resource
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


def main(path: str, column: str) -> None:
    bucket: Any = Folder()
    measures = [{"op": "count"}, {"op": "sum", "column": "amount"}]
    request = read_request({"key": path, "group_by": [column], "measures": measures})
    source = source_of(Object(path, "", Path(path).stat().st_size), None)
    assert source
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with closing(Groups(request, folder, memory=memory(), threads=threads())) as groups:
            read_text(Slice(source), request, bucket, groups, folder, BadRows())
            count = groups.write(folder / "partial.parquet", "{}")
    print(count, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)


if __name__ == "__main__":
    main(*sys.argv[1:])
