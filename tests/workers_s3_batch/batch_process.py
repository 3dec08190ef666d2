"""The worker in a process of its own: python batch_process.py ATTEMPT. To stdout go the names of what it processes."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from workers.s3_batch import handler, journal
from workers.s3_batch.items import Output, Source
from workers.s3_batch.process import process


def told(source: Source, folder: Path) -> Iterator[Output]:
    os.write(1, f"{source.name}\n".encode())
    yield from process(source, folder)


def main() -> None:
    handler.process = told
    journal.PART_OBJECTS = 5
    with tempfile.TemporaryDirectory() as folder:
        context: Any = SimpleNamespace(
            job_id="monday",
            attempt=int(sys.argv[1]),
            uploads="uploads",
            results="results",
            workdir=Path(folder),
            remaining_seconds=lambda: 3600.0,
        )
        handler.handle({"scheduled_at": "2026-03-02T01:00:00Z"}, context)


if __name__ == "__main__":
    main()
