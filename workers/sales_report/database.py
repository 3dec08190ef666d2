"""Orders from a database: one query, streamed, for the window's time."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, NoSuchTableError, SQLAlchemyError

from workers.runtime import BadInput
from workers.runtime.context import Downstream
from workers.sales_report.orders import COLUMNS, REQUIRED, Row, Window

VARIABLE = "DATABASE_URL"
CONNECT_SECONDS = 10
BATCH = 2000  # rows
DRIVERS = {
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
    "sqlite": "sqlite",
}
_NAME = re.compile(r"([A-Za-z_]\w{0,62}\.)?[A-Za-z_]\w{0,62}", re.ASCII)


class Database:
    """Orders in a table. Its URL holds a password and is in no error."""

    def __init__(self, environment: Mapping[str, str], table: str):
        """BadInput if the name is not a plain one, or the URL is missing or of no known database."""
        if not _NAME.fullmatch(table):
            raise BadInput(f"{table!r} is not the name of a table, or of a schema and a table")
        if not environment.get(VARIABLE):
            raise BadInput(f"{VARIABLE} is not set: the stack gives this worker no database")
        url = _url(environment[VARIABLE])
        self.kind = url.get_backend_name()
        self.table = table
        timeout = {"timeout" if self.kind == "sqlite" else "connect_timeout": CONNECT_SECONDS}
        self._engine = sa.create_engine(url, poolclass=sa.NullPool, connect_args=timeout, hide_parameters=True)

    def rows(self, window: Window) -> Iterator[Row]:
        """Those of the window, and those without a time, in the order of their ids.

        BadInput if there is no such table, or it lacks columns; Downstream if the database fails.
        """
        try:
            with self._engine.connect().execution_options(yield_per=BATCH) as connection:
                if self.kind in ("mysql", "mariadb"):  # otherwise a TIMESTAMP comes in the server's zone
                    connection.exec_driver_sql("SET time_zone = '+00:00'")
                table = self._reflected(connection)
                universal = _universal(table.c.ordered_at.type)
                for number, row in enumerate(connection.execute(_query(table, window)), 1):
                    cells = dict(row._mapping)
                    if universal and isinstance(cells["ordered_at"], datetime):
                        cells["ordered_at"] = cells["ordered_at"].replace(tzinfo=cells["ordered_at"].tzinfo or UTC)
                    yield Row(number, cells)
        except DBAPIError as error:
            state = getattr(error.orig, "sqlstate", None)
            raise Downstream(f"the database failed: {type(error.orig).__name__} {state or ''}".rstrip()) from None
        except SQLAlchemyError as error:
            raise Downstream(f"the database failed: {type(error).__name__}") from None
        finally:
            self._engine.dispose()

    def _reflected(self, connection: sa.Connection) -> sa.Table:
        schema, _, name = self.table.rpartition(".")
        try:
            columns = sa.inspect(connection).get_columns(name, schema or None)
        except NoSuchTableError:
            raise BadInput(f"the database has no table {self.table}, or does not show it to this worker") from None
        found = {column["name"].lower(): column for column in columns}
        if missing := [column for column in REQUIRED if column not in found]:
            raise BadInput(f"the table {self.table} has no column {', '.join(missing)}")
        types = {column: found[column]["type"] for column in COLUMNS if column in found}
        if not isinstance(types["ordered_at"], sa.DateTime | sa.Date):
            raise BadInput(f"ordered_at of the table {self.table} is {types['ordered_at']}, not a time")
        named = [sa.Column(found[column]["name"], type, key=column) for column, type in types.items()]
        return sa.Table(name, sa.MetaData(), *named, schema=schema or None)


def _query(table: sa.Table, window: Window) -> sa.Select[Any]:
    at = table.c.ordered_at
    start, end = window.start, window.end
    if not getattr(at.type, "timezone", False) and not _universal(at.type):
        # The column has the wall clock's time, taken for that of the report's zone, as in files.
        start, end = (moment.astimezone(window.period.zone).replace(tzinfo=None) for moment in (start, end))
    elif _universal(at.type):
        start, end = start.replace(tzinfo=None), end.replace(tzinfo=None)
    columns = [table.c[name].label(name) for name in COLUMNS if name in table.c]
    return sa.select(*columns).where(((at >= start) & (at < end)) | at.is_(None)).order_by(table.c.order_id)


def _universal(type: Any) -> bool:
    """Whether it is MySQL's TIMESTAMP, which comes without an offset, in the session's zone: UTC."""
    return type.__class__.__module__.startswith("sqlalchemy.dialects.mysql") and isinstance(type, sa.TIMESTAMP)


def _url(given: str) -> URL:
    try:
        url = make_url(given)
        url = url.set(drivername=DRIVERS[url.get_backend_name() if "+" in url.drivername else url.drivername])
        url.get_dialect()
    except (ArgumentError, NoSuchModuleError, KeyError, ValueError):
        raise BadInput(f"{VARIABLE} is not the URL of a PostgreSQL, MySQL, MariaDB or SQLite database") from None
    return url
