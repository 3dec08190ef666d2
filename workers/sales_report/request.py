"""A job's input → what the report is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from workers.runtime import BadInput
from workers.sales_report.cells import BadCell, currency
from workers.sales_report.period import Period, last_complete

PERIOD, TIMEZONE, PREFIX, TABLE, TITLE = "day", "UTC", "orders/", "orders", "Sales report"  # unless the input says


@dataclass(frozen=True, kw_only=True)
class Request:
    """scheduled_at: aware, in UTC. currency: the only one to report, or None."""

    scheduled_at: datetime
    period: Period
    title: str
    currency: str | None
    prefix: str
    table: str | None  # of the database; None: the orders are objects


def read_request(input: Mapping[str, Any]) -> Request:
    """See worker.yaml for `input`. BadInput for a time without offset, an unknown time zone or currency."""
    try:
        scheduled_at = datetime.fromisoformat(input["scheduled_at"])
    except ValueError as error:
        raise BadInput(f"scheduled_at {input['scheduled_at']!r} is not a time in ISO 8601") from error
    if scheduled_at.tzinfo is None:
        raise BadInput(f"scheduled_at {input['scheduled_at']!r} has no offset from UTC")
    name = input.get("timezone", TIMEZONE)
    try:
        zone = ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:  # OSError: the name is that of a folder
        raise BadInput(f"{name!r} is not the name of a time zone, such as Europe/Berlin") from error
    try:
        only = currency(input["currency"]) if "currency" in input else None
    except BadCell as error:
        raise BadInput(str(error)) from error
    return Request(
        scheduled_at=scheduled_at,
        period=last_complete(input.get("period", PERIOD), scheduled_at, zone),
        title=input.get("title", TITLE),
        currency=only,
        prefix=input.get("prefix", PREFIX),
        table=input.get("table", TABLE) if input.get("database") else None,
    )
