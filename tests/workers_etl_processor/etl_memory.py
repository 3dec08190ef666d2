"""One file in a process of its own: python etl_memory.py FILE. To stdout go the rows that were read, that are bad and
that are loaded, and the most memory that the process held, in MiB."""

from __future__ import annotations

import sys
import tempfile
from contextlib import closing
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

from workers.etl_processor.request import Request, Table
from workers.etl_processor.staging import Staging
from workers.etl_processor.texts import csv_rows

TABLE = Table("orders", {"id": "text", "note": "text", "amount": "decimal"}, ("id",))


def main(path: Path) -> None:
    request = Request(
        name="s", table=TABLE, prefix=None, query=None, database=None, day=date(2026, 3, 1), zone=ZoneInfo("UTC")
    )
    with tempfile.TemporaryDirectory() as name, closing(Staging(request, Path(name))) as staging:
        if path.suffix == ".parquet":
            staging.add_parquet(path, "file")
        else:
            staging.add(csv_rows(path, list(TABLE.columns), "file"), "file")
        loaded = staging.write(Path(name, "part.parquet"))
        print(staging.rows, staging.bad.count, loaded, peak())


def peak() -> int:
    """Not ru_maxrss, in which Linux counts what the process that started this one held then."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM:"))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
