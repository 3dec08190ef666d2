"""Databases by the URLs that a stack's secrets hold. A URL has a password, and is in no error."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, ProgrammingError, SQLAlchemyError

from workers.etl_processor.columns import places
from workers.etl_processor.request import Request
from workers.etl_processor.rows import Row, Rows
from workers.runtime import BadInput, Downstream

CONNECT_SECONDS = 10
BATCH = 2000  # rows that are fetched at a time
DAY = "day"  # what a query may ask for
DRIVERS = {
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
    "sqlite": "sqlite",
}


@contextmanager
def connected(environment: Mapping[str, str], variable: str) -> Iterator[sa.Connection]:
    """A connection to the database whose URL the variable holds.

    BadInput if there is none, or the database refuses a statement as wrong; Downstream if it fails otherwise.
    """
    url = environment.get(variable)
    if not url:
        raise BadInput(
            f"{variable} is not set: the stack names no secret for it, under workers: etl_processor: secrets"
        )
    engine = _engine(url, variable)
    try:
        with engine.connect() as connection:
            yield connection
    except ProgrammingError as error:
        raise BadInput(f"the database of {variable} refuses the statement: {_first_line(error)}") from None
    except DBAPIError as error:
        state = getattr(error.orig, "sqlstate", None)
        kind = f"{type(error.orig).__name__} {state or ''}".rstrip()
        raise Downstream(f"the database of {variable} failed: {kind}") from None
    except SQLAlchemyError as error:
        raise Downstream(f"the database of {variable} failed: {type(error).__name__}") from None
    finally:
        engine.dispose()


def query_rows(environment: Mapping[str, str], request: Request) -> Rows:
    """Rows of the request's query, in which `:day` is the day. Raises as `connected` does; BadInput for columns that
    it lacks."""
    assert request.query and request.database
    with connected(environment, request.database) as connection:
        statement = sa.text(request.query)
        wanted = set(statement.compile().params)
        if unknown := wanted - {DAY}:
            raise BadInput(f"source {request.name}: its query has :{min(unknown)}; there is only :{DAY}")
        parameters = {DAY: request.day} if wanted else {}
        result = connection.execution_options(yield_per=BATCH).execute(statement, parameters)
        if not result.returns_rows:
            raise BadInput(f"source {request.name}: its query gives no rows; it must begin with SELECT or WITH")
        at = places(list(result.keys()), list(request.table.columns), f"source {request.name}: its query")
        for number, row in enumerate(result, 1):
            yield Row(number, [_text(row[place]) for place in at])


def _text(cell: Any) -> str | None:
    """As a cell of CSV has it."""
    match cell:
        case None | str():
            return cell
        case bool():
            return str(cell).lower()
        case date():
            return cell.isoformat()
        case Decimal():
            return format(cell, "f")
        case dict() | list():
            return json.dumps(cell, ensure_ascii=False, default=str)
        case _:
            return str(cell)


def _engine(url: str, variable: str) -> sa.Engine:
    try:
        made = make_url(url)
        made = made.set(drivername=DRIVERS[made.get_backend_name() if "+" in made.drivername else made.drivername])
        timeout = {"timeout" if made.get_backend_name() == "sqlite" else "connect_timeout": CONNECT_SECONDS}
        return sa.create_engine(made, poolclass=sa.NullPool, connect_args=timeout, hide_parameters=True)
    except (ArgumentError, NoSuchModuleError, KeyError, ValueError):
        raise BadInput(f"{variable} is not the URL of a PostgreSQL, MySQL, MariaDB or SQLite database") from None


def _first_line(error: DBAPIError) -> str:
    return (str(error.orig).splitlines() or [type(error.orig).__name__])[0]
