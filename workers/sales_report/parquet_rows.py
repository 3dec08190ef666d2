"""A Parquet file → its rows, a few thousand at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from workers.sales_report.orders import COLUMNS, REQUIRED, Row, Unreadable

BATCH = 2000  # rows
MEMORY = "200MB"  # DuckDB's; it takes the most of the machine otherwise
SETTINGS = {
    "threads": 1,
    "memory_limit": MEMORY,
    "autoinstall_known_extensions": False,  # nothing is fetched because a file asks for it
    "autoload_known_extensions": False,
}


def parquet_rows(path: Path) -> Iterator[Row]:
    """`ordered_at` may be text, a date, or a timestamp of any unit with or without time zone.

    Unreadable if the file is damaged or lacks columns of orders; the former may show after some of the rows.
    """
    import duckdb  # 60 MB, and most reports are made of CSV files

    with duckdb.connect(config=SETTINGS) as database:
        try:
            described = database.execute("DESCRIBE SELECT * FROM read_parquet($1)", [str(path)]).fetchall()
            found = {str(name).strip().lower(): (str(name), str(type)) for name, type, *_ in described}
            if missing := [name for name in REQUIRED if name not in found]:
                columns = "column" if len(missing) == 1 else "columns"
                raise Unreadable(f"has no {columns} {', '.join(missing)}, but {', '.join(sorted(found))[:100]}")
            names = [name for name in COLUMNS if name in found]
            selected = ", ".join(_selected(*found[name]) for name in names)
            rows = database.execute(f"SELECT {selected} FROM read_parquet($1)", [str(path)])
            number = 0
            while batch := rows.fetchmany(BATCH):
                for cells in batch:
                    number += 1
                    yield Row(number, dict(zip(names, cells, strict=True)))
        except duckdb.OutOfMemoryException:
            raise  # which is not the file's fault
        except duckdb.Error as error:
            reason = str(error).splitlines()[0].split(": ", 1)[-1].replace(f"'{path}'", "it").replace(f'"{path}"', "it")
            raise Unreadable(f"is damaged, or no Parquet file: {reason}") from error


def _selected(column: str, type: str) -> str:
    """The column in SQL. A timestamp with time zone becomes text: for one of Python's, DuckDB wants another package."""
    quoted = '"' + column.replace('"', '""') + '"'
    if type == "TIMESTAMP WITH TIME ZONE":
        return f"strftime(make_timestamp(epoch_us({quoted})), '%Y-%m-%dT%H:%M:%S.%f+00:00')"
    return quoted
