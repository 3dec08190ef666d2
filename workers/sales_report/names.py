"""What an object's key says of its content: the format, and the dates of the orders in it."""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import date, timedelta
from pathlib import PurePosixPath

from workers.sales_report.orders import Window

# An export is often named after the day on which it was made, or after the day in UTC.
MARGIN = timedelta(days=1)
_PATTERNS = (
    re.compile(r"year=(?P<y>20\d\d)/month=(?P<m>\d{1,2})(?:/day=(?P<d>\d{1,2}))?(?!\d)"),
    re.compile(r"(?<!\d)(?P<y>20\d\d)([-_/.])(?P<m>\d\d)(?:\2(?P<d>\d\d))?(?!\d)"),
    re.compile(r"(?<!\d)(?P<y>20\d\d)(?P<m>\d\d)(?P<d>\d\d)(?!\d)"),
)


def format_of(key: str) -> str | None:
    """csv or parquet; None for anything else."""
    return {".csv": "csv", ".parquet": "parquet"}.get(PurePosixPath(key).suffix.lower())


def is_marker(key: str) -> bool:
    """Whether a tool has put the object there for itself: a folder, `_SUCCESS`, `.crc`."""
    return key.endswith("/") or PurePosixPath(key).name.startswith(("_", "."))


def may_hold(key: str, window: Window) -> bool:
    """Whether there can be orders of the window in an object, by the dates in its key; True if there are none."""
    dates = _dates(key)
    if dates is None:
        return True
    first, last = window.period.before().first, window.period.after - timedelta(days=1)
    return dates[0] - MARGIN <= last and first <= dates[1] + MARGIN


def days_of(key: str, window: Window) -> set[date]:
    """The days of the window that an object is for, by the dates in its key; all of them if there are none."""
    days = {*window.period.before().days, *window.period.days}
    dates = _dates(key)
    return days if dates is None else {day for day in days if dates[0] <= day <= dates[1]}


def _dates(key: str) -> tuple[date, date] | None:
    """First and last of the dates in a key. A month without a day is all of the month."""
    found: list[date] = []
    for pattern in _PATTERNS:
        for match in pattern.finditer(key):
            year, month, day = int(match["y"]), int(match["m"]), match["d"]
            try:
                if day:
                    found.append(date(year, month, int(day)))
                else:
                    found += [date(year, month, 1), date(year, month, monthrange(year, month)[1])]
            except ValueError:  # looks like a date and is none
                continue
    return (min(found), max(found)) if found else None
