"""A cell of a file or table, text or already typed → a value that can be counted with, or the reason why not."""

from __future__ import annotations

import re
from datetime import datetime, tzinfo
from decimal import Decimal
from functools import cache
from typing import Any

from babel.numbers import list_currencies

MAX_TEXT = 200  # characters
_NUMBER = re.compile(r"[+-]?\d{1,15}(\.\d{1,20})?")
_DECIMAL_COMMA = re.compile(r"[+-]?\d{1,15},\d{1,20}")
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")

# What becomes of an order, by its status; one that is not here is not guessed.
SOLD, REFUNDED, CANCELLED, PENDING = "sold", "refunded", "cancelled", "pending"
STATUSES = {
    **dict.fromkeys(("", "completed", "complete", "paid", "shipped", "delivered", "fulfilled"), SOLD),
    **dict.fromkeys(("refunded", "returned"), REFUNDED),
    **dict.fromkeys(("cancelled", "canceled", "voided"), CANCELLED),
    **dict.fromkeys(("pending", "unpaid"), PENDING),
}


class BadCell(Exception):
    """A cell that cannot be used; the text says why."""


def text(name: str, cell: Any, *, required: bool = True) -> str:
    """The cell without the spaces around it; "" for None."""
    value = "" if cell is None else str(cell).strip()
    if required and not value:
        raise BadCell(f"{name} is empty")
    if len(value) > MAX_TEXT:
        raise BadCell(f"{name} has {len(value):,} characters, more than {MAX_TEXT}")
    return value


def number(name: str, cell: Any, *, decimal_comma: bool = False) -> Decimal:
    """Exact, with at most 15 digits before the point and 20 after it; BadCell otherwise.

    decimal_comma: 12,50 is a number, too, as in files whose cells are separated by semicolons.
    """
    value = _plain(cell) if isinstance(cell, Decimal | float) else text(name, cell)
    if decimal_comma and _DECIMAL_COMMA.fullmatch(value):
        if _THOUSANDS.fullmatch(value):
            raise BadCell(f"{name} {value!r} may mean {value.replace(',', '.')} or {value.replace(',', '')}")
        value = value.replace(",", ".")
    if not _NUMBER.fullmatch(value):
        raise BadCell(f"{name} {_shown(value)} is not a plain number")
    return Decimal(value)


def time(name: str, cell: Any, zone: tzinfo) -> tuple[datetime, bool]:
    """The moment, aware, and whether its offset had to be taken from `zone` because it has none of its own."""
    if isinstance(cell, datetime):
        value = cell
    else:
        given = text(name, cell)
        try:
            value = datetime.fromisoformat(given)
        except ValueError:
            raise BadCell(f"{name} {_shown(given)} is not a time in ISO 8601") from None
    return (value, False) if value.tzinfo else (value.replace(tzinfo=zone), True)


def currency(cell: Any) -> str:
    """A code of ISO 4217, in capitals."""
    code = text("currency", cell).upper()
    if code not in _currencies():
        raise BadCell(f"currency {_shown(code)} is not a code of ISO 4217")
    return code


def status(cell: Any) -> str:
    """SOLD, REFUNDED, CANCELLED or PENDING."""
    given = text("status", cell, required=False)
    try:
        return STATUSES[given.lower()]
    except KeyError:
        raise BadCell(f"status {_shown(given)} is not known") from None


def _plain(value: Decimal | float) -> str:
    """In digits, without an exponent; a float as the shortest number that stands for it."""
    return format(value if isinstance(value, Decimal) else Decimal(repr(value)), "f")


def _shown(value: str) -> str:
    return repr(value if len(value) <= 40 else value[:39] + "…")


@cache
def _currencies() -> set[str]:
    return list_currencies()
