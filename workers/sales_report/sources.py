"""Where the orders are → orders in the ledger, and what there is to say about it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import date
from pathlib import Path

from workers.runtime import Context
from workers.sales_report.bucket import Bucket
from workers.sales_report.cells import BadCell
from workers.sales_report.csv_rows import open_csv
from workers.sales_report.formats import counted, format_day
from workers.sales_report.ledger import Ledger
from workers.sales_report.names import days_of, format_of, is_marker, may_hold
from workers.sales_report.orders import OrderReader, Row, Unreadable, Window
from workers.sales_report.parquet_rows import parquet_rows
from workers.sales_report.period import Period
from workers.sales_report.quality import SHOWN, Quality, Troubles
from workers.sales_report.request import Request


def read_orders(request: Request, context: Context, ledger: Ledger) -> tuple[Quality, str]:
    """Fills the ledger. Returns what happened on the way, and the name of the source, as it stands in the report.

    BadInput if the database or table that is asked for is not there.
    """
    window, quality = Window(request.period), Quality()
    if request.table is not None:
        source = _read_database(request.table, window, ledger, quality)
    else:
        source = _read_bucket(request, context, window, ledger, quality)
    ledger.index()
    quality.duplicates, quality.conflicting = ledger.repeated()
    return quality, source


def _read_bucket(request: Request, context: Context, window: Window, ledger: Ledger, quality: Quality) -> str:
    bucket = Bucket(context.uploads)
    source = f"s3://{bucket.name}/{request.prefix}"
    copy = context.workdir / "orders"
    found: set[date] = set()
    for key in bucket.keys(request.prefix):
        if is_marker(key):
            continue
        format = format_of(key)
        if format is None:
            quality.other_objects.add(key, "is neither .csv nor .parquet")
        elif not may_hold(key, window):
            quality.not_opened += 1
        else:
            found |= days_of(key, window)
            try:
                bucket.copy(key, copy)
                _read_file(key, format, copy, window, ledger, quality)
                quality.files += 1
            except Unreadable as error:
                quality.unreadable.add(key, str(error))
            finally:
                copy.unlink(missing_ok=True)
    now, before = window.period, window.period.before()
    anything = bool(quality.files or quality.not_opened or quality.unreadable.count)
    quality.missing = _missing(now, found, source, anything)
    quality.missing_before = _missing(before, found, source, anything)
    return source


def _missing(period: Period, found: set[date], source: str, anything: bool) -> str:
    """That there are days of a period which no object is for; "" if there are none."""
    missing = [day for day in period.days if day not in found]
    if not missing:
        return ""
    if not anything:
        return f"No CSV or Parquet object was found below {source}."
    named = ", ".join(format_day(day) for day in missing[:SHOWN]) + (" …" if len(missing) > SHOWN else "")
    return f"No object was found below {source} for {len(missing)} of {counted(len(period.days), 'day')}: {named}."


def _read_file(key: str, format: str, path: Path, window: Window, ledger: Ledger, quality: Quality) -> None:
    if format == "parquet":
        _add("row", key, parquet_rows(path), OrderReader(window), ledger, quality)
        return
    file = open_csv(path)
    _add("line", key, file.rows(), OrderReader(window, decimal_comma=file.decimal_comma), ledger, quality)
    if file.guessed:
        quality.guessed.add(key, "is not in UTF-8 and was read as Windows-1252")


def _read_database(table: str, window: Window, ledger: Ledger, quality: Quality) -> str:
    from workers.sales_report.database import Database  # SQLAlchemy takes a fifth of a second

    database = Database(os.environ, table)
    _add("row", f"table {table}", database.rows(window), OrderReader(window), ledger, quality)
    return f"table {table} ({database.kind})"


def _add(unit: str, name: str, rows: Iterable[Row], reader: OrderReader, ledger: Ledger, quality: Quality) -> None:
    """All rows or, if the file turns out to be unreadable on the way, none: half a file would pass for a whole one."""
    broken, seen = Troubles(), 0
    with ledger.source(name, unit):
        for row in rows:
            seen += 1
            try:
                order = reader.read(row)
            except BadCell as error:
                broken.add(f"{name}, {unit} {row.line}", str(error))
                continue
            if order:
                ledger.add(order, row.line)
    quality.rows += seen
    quality.outside += reader.outside
    quality.without_offset += reader.without_offset
    quality.broken.extend(broken)
