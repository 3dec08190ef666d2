"""What an order is, and how one is read from a row."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from workers.sales_report import cells
from workers.sales_report.cells import BadCell
from workers.sales_report.period import Period

REQUIRED = ("order_id", "ordered_at", "product", "region", "quantity", "unit_price", "currency")
COLUMNS = (*REQUIRED, "status")
_encode = json.JSONEncoder(ensure_ascii=False).encode  # made once: it is asked for each order
MAX_AMOUNT = Decimal(10**15)  # of an order; more is a mistake in any currency


class Unreadable(Exception):
    """A file that cannot be read as a whole, and then none of it is used; the text says why."""


@dataclass(frozen=True)
class Row:
    """line: of a CSV file, counted from 1 with its header; of other sources, the number of the row, from 1.

    cells: column → cell. problem: why the row could not even be cut into cells; then there are none.
    """

    line: int
    cells: Mapping[str, Any]
    problem: str = ""


@dataclass(frozen=True)
class Order:
    """ordered_at: in UTC. quantity: never 0; below 0 for goods that came back. status: see `cells`."""

    order_id: str
    ordered_at: datetime
    product: str
    region: str
    quantity: Decimal
    unit_price: Decimal
    currency: str
    status: str

    def content(self) -> str:
        """All but the id, as text: equal for equal orders, however their numbers and times were written."""
        fields = (
            self.ordered_at.isoformat(),
            self.product,
            self.region,
            _canonical(self.quantity),
            _canonical(self.unit_price),
            self.currency,
            self.status,
        )
        return _encode(fields)

    @classmethod
    def from_content(cls, order_id: str, content: str) -> Order:
        at, product, region, quantity, price, currency, status = json.loads(content)
        return cls(
            order_id, datetime.fromisoformat(at), product, region, Decimal(quantity), Decimal(price), currency, status
        )


def differences(contents: list[str]) -> list[str]:
    """Names of the columns in which contents of orders differ."""
    columns = zip(*(json.loads(content) for content in contents), strict=True)
    return [name for name, values in zip(COLUMNS[1:], columns, strict=True) if len(set(values)) > 1]


@dataclass(frozen=True)
class Window:
    """The time that orders are wanted from: a period and the one before it."""

    period: Period

    @property
    def start(self) -> datetime:
        return self.period.before().start.astimezone(UTC)

    @property
    def end(self) -> datetime:
        return self.period.end.astimezone(UTC)


class OrderReader:
    """Rows → orders of a window. decimal_comma: see `cells.number`."""

    def __init__(self, window: Window, *, decimal_comma: bool = False):
        self._start, self._end, self._zone = window.start, window.end, window.period.zone
        self._decimal_comma = decimal_comma
        self.outside = 0  # rows of another time; nothing else of them is looked at
        self.without_offset = 0  # orders whose time was taken for one of the report's time zone

    def read(self, row: Row) -> Order | None:
        """None if the row is of another time; BadCell if it cannot be used."""
        if row.problem:
            raise BadCell(row.problem)
        given = row.cells
        moment, without_offset = cells.time("ordered_at", given["ordered_at"], self._zone)
        try:
            moment = moment.astimezone(UTC)
        except OverflowError:  # in the year 1 or 9999
            moment = moment.replace(tzinfo=UTC)
        if not self._start <= moment < self._end:
            self.outside += 1
            return None
        quantity = cells.number("quantity", given["quantity"], decimal_comma=self._decimal_comma)
        price = cells.number("unit_price", given["unit_price"], decimal_comma=self._decimal_comma)
        if quantity == 0:
            raise BadCell("quantity is 0")
        if price < 0:
            raise BadCell("unit_price is below 0; what came back has a quantity below 0, or the status refunded")
        if abs(quantity * price) >= MAX_AMOUNT:
            raise BadCell("quantity × unit_price has more than 15 digits")
        order = Order(
            cells.text("order_id", given["order_id"]),
            moment,
            cells.text("product", given["product"]),
            cells.text("region", given["region"], required=False),
            quantity,
            price,
            cells.currency(given["currency"]),
            cells.status(given.get("status")),
        )
        self.without_offset += without_offset
        return order


def _canonical(value: Decimal) -> str:
    """1.50 and 1.5 are the same number."""
    digits = format(value, "f")
    return digits.rstrip("0").rstrip(".") if "." in digits else digits
