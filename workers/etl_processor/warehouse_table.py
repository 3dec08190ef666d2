"""Staged rows → a table of the warehouse's database, in one transaction for a source and day."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.exc import DBAPIError

from workers.etl_processor.database import connected
from workers.etl_processor.request import Request, Table
from workers.etl_processor.staging import Staging
from workers.runtime import BadInput

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
BATCH = 1000  # rows of an insertion
NAME = 63  # characters of a source or table
TYPES: Mapping[str, sa.types.TypeEngine[Any]] = {
    "text": sa.Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb"),
    "integer": sa.BigInteger(),
    "decimal": sa.Numeric(38, 10),
    "float": sa.Double(),
    "boolean": sa.Boolean(),
    "date": sa.Date(),
    "timestamp": sa.DateTime(timezone=True).with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb"),
}
# What is loaded. Its key makes one of two loads of the same source and day wait for the other, and then fail.
LOADS = sa.Table(
    "etl_loads",
    sa.MetaData(),
    sa.Column("table", sa.String(NAME), primary_key=True),
    sa.Column("source", sa.String(NAME), primary_key=True),
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("loaded_at", sa.DateTime(timezone=True), nullable=False),
)


def load_table(environment: Mapping[str, str], variable: str, request: Request, staging: Staging) -> int:
    """Rows that were loaded. The table gets `_source` and `_day` beside its columns, and is made if it is not there.

    Raises as `connected` does; BadInput if there is such a table without these columns.
    """
    table, own = _table(request.table), {"_source": request.name, "_day": request.day}
    load = {"table": request.table.name, "source": request.name, "day": request.day}
    with connected(environment, variable) as connection:
        for wanted in (table, LOADS):
            _create(connection, wanted)
        with connection.begin():
            connection.execute(sa.delete(LOADS).filter_by(**load))
            connection.execute(sa.insert(LOADS).values(**load, loaded_at=datetime.now(UTC)))
            connection.execute(sa.delete(table).filter_by(**own))
            count, rows = 0, _rows(request.table, staging, own)
            while batch := list(islice(rows, BATCH)):
                connection.execute(sa.insert(table), batch)
                count += len(batch)
    return count


def _table(table: Table) -> sa.Table:
    return sa.Table(
        table.name,
        sa.MetaData(),
        sa.Column("_source", sa.String(NAME), nullable=False),
        sa.Column("_day", sa.Date, nullable=False),
        *(sa.Column(name, TYPES[type], nullable=name not in table.key) for name, type in table.columns.items()),
        sa.Index(f"{table.name}_load", "_source", "_day"),
    )


def _create(connection: sa.Connection, table: sa.Table) -> None:
    """Unless it is there; another index may be making it at the same time. BadInput if it lacks columns."""
    try:
        with connection.begin():
            table.create(connection, checkfirst=True)
    except DBAPIError:
        with connection.begin():
            if not sa.inspect(connection).has_table(table.name):
                raise
    with connection.begin():
        there = {column["name"] for column in sa.inspect(connection).get_columns(table.name)}
    if missing := [column.name for column in table.columns if column.name not in there]:
        raise BadInput(f"the warehouse's table {table.name} has no column {', '.join(missing)}; add it there")


def _rows(table: Table, staging: Staging, own: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    names = list(table.columns)
    times = {name for name, type in table.columns.items() if type == "timestamp"}
    for cells in staging.typed_rows():
        row = dict(zip(names, cells, strict=True))
        for name in times:
            if row[name] is not None:
                row[name] = EPOCH + timedelta(microseconds=row[name])
        yield {**row, **own}
