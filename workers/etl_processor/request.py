"""A job's input → which source is loaded, as what, for which day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from workers.etl_processor.columns import normalised
from workers.runtime import BadInput

TIMEZONE = "UTC"  # unless the input says
DAY = "{day}"
PARTITION = "day"  # the column that readers of the warehouse take from the names of its folders


@dataclass(frozen=True)
class Table:
    """What the rows of a source are. columns: types (columns.TYPES) by name. key: of them, what tells rows apart."""

    name: str
    columns: Mapping[str, str]
    key: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Request:
    """
    name: of the source, which has either a prefix of the uploads bucket, or a query and the variable that holds the
    URL of its database. zone: of times without an offset.
    """

    name: str
    table: Table
    prefix: str | None
    query: str | None
    database: str | None
    day: date
    zone: ZoneInfo


def read_request(input: Mapping[str, Any], now: datetime) -> Request:
    """See worker.yaml for `input`. now: aware; stands in for a schedule's time.

    BadInput for a table or key that is not described, an unknown time zone or a time without an offset.
    """
    source, name = input["source"], input.get("timezone", TIMEZONE)
    try:
        zone = ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:  # OSError: the name is that of a folder
        raise BadInput(f"{name!r} is not the name of a time zone, such as Europe/Berlin") from error
    # What is loaded in the night is the day that was over by then.
    day = _time(input["scheduled_at"]) if "scheduled_at" in input else now
    day = day.astimezone(zone).date() - timedelta(days=1)
    return Request(
        name=source["name"],
        table=_table(source, input["tables"]),
        prefix=source["prefix"].replace(DAY, day.isoformat()) if "prefix" in source else None,
        query=source.get("query"),
        database=source.get("database"),
        day=day,
        zone=zone,
    )


def _table(source: Mapping[str, Any], tables: Mapping[str, Any]) -> Table:
    name = source["table"]
    if name not in tables:
        raise BadInput(f"source {source['name']}: its table {name!r} is not under 'tables', which has {_list(tables)}")
    columns, key = tables[name]["columns"], tables[name]["key"]
    if PARTITION in columns:
        raise BadInput(
            f"table {name}: the column {PARTITION!r} is the day of the load; give it another name at its source"
        )
    if odd := [column for column in columns if column != normalised(column)]:
        raise BadInput(
            f"table {name}: write the column {odd[0]!r} as {normalised(odd[0])}, however its sources spell it"
        )
    if missing := [column for column in key if column not in columns]:
        raise BadInput(f"table {name}: its key {missing[0]!r} is not one of its columns {_list(columns)}")
    return Table(name, columns, tuple(key))


def _time(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadInput(f"scheduled_at {text!r} is not a time in ISO 8601") from error
    if time.tzinfo is None:
        raise BadInput(f"scheduled_at {text!r} has no offset from UTC")
    return time


def _list(names: Mapping[str, Any]) -> str:
    return ", ".join(names)
