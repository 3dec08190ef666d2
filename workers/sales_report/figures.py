"""Orders → what the report says: totals, growth, products, regions and the course of the period, for each currency.

Everything is summed exactly, as Decimal, and rounded where it is shown. Amounts of different currencies never meet.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Context, Decimal, Inexact, localcontext

from workers.sales_report.cells import CANCELLED, PENDING, REFUNDED
from workers.sales_report.orders import Order
from workers.sales_report.period import Period, Slot

TOP = 10  # products and regions that are named; the others are one line
ZERO = Decimal(0)
# A product of two cells has at most 70 digits, and as many orders as there can be add a dozen: nothing is ever rounded,
# and if it were, this would say so.
EXACT = Context(prec=100, traps=[Inexact])


@dataclass
class Tally:
    """Of a period, or a part of one. Amounts in the currency.

    gross: of all orders but cancelled and pending ones. refunds: what of that was given back, and goods that came back.
    orders: those in `gross`. units: sold less returned.
    """

    gross: Decimal = ZERO
    refunds: Decimal = ZERO
    orders: int = 0
    refunded: int = 0
    cancelled: int = 0
    pending: int = 0
    units: Decimal = ZERO

    @property
    def net(self) -> Decimal:
        return EXACT.subtract(self.gross, self.refunds)

    @property
    def average(self) -> Decimal | None:
        """Gross sales for each order, to 20 digits; None without orders."""
        return Context(prec=40).divide(self.gross, Decimal(self.orders)) if self.orders else None

    def add(self, order: Order) -> None:
        if order.status == CANCELLED:
            self.cancelled += 1
            return
        if order.status == PENDING:
            self.pending += 1
            return
        amount = order.quantity * order.unit_price
        if order.quantity > 0:
            self.orders += 1
            self.gross += amount
            self.units += order.quantity
        if order.quantity < 0 or order.status == REFUNDED:
            self.refunded += 1
            self.refunds += abs(amount)
            self.units -= abs(order.quantity)


@dataclass(frozen=True)
class Line:
    """A product or a region. name: "" where orders have none. share: of the net sales in percent, or None if these are
    not above 0.

    names: how many products or regions the line stands for, more than 1 for the others together.
    """

    name: str
    tally: Tally
    previous: Tally
    share: Decimal | None
    names: int = 1


@dataclass(frozen=True)
class Section:
    """One currency. slots: each with its tally, and that of the slot it is compared with in the period before."""

    currency: str
    total: Tally
    previous: Tally
    products: list[Line]
    regions: list[Line]
    slots: list[tuple[Slot, Tally, Tally | None]]


@dataclass
class _Sums:
    total: Tally = field(default_factory=Tally)
    products: defaultdict[str, Tally] = field(default_factory=lambda: defaultdict(Tally))
    regions: defaultdict[str, Tally] = field(default_factory=lambda: defaultdict(Tally))
    slots: defaultdict[int, Tally] = field(default_factory=lambda: defaultdict(Tally))

    def add(self, order: Order, slot: int) -> None:
        for tally in (self.total, self.products[order.product], self.regions[order.region], self.slots[slot]):
            tally.add(order)


def sections(orders: Iterable[Order], period: Period) -> list[Section]:
    """One for each currency of the period or the one before, by number of orders, then by code."""
    before = period.before()
    start = period.start
    now: defaultdict[str, _Sums] = defaultdict(_Sums)
    then: defaultdict[str, _Sums] = defaultdict(_Sums)
    with localcontext(EXACT):
        for order in orders:
            within = period if order.ordered_at >= start else before
            (now if within is period else then)[order.currency].add(order, within.slot(order.ordered_at))
        found = [_section(code, now[code], then[code], period, before) for code in sorted({*now, *then})]
    return sorted(found, key=lambda section: -section.total.orders)


def growth(now: Decimal | int, then: Decimal | int) -> Decimal | None:
    """In percent, to one decimal; None if there was nothing, or less, to grow from."""
    if then <= 0:
        return None
    change = Context(prec=40).divide(EXACT.multiply(EXACT.subtract(Decimal(now), Decimal(then)), 100), Decimal(then))
    return change.quantize(Decimal("0.1"), context=Context(prec=200))


def _section(code: str, now: _Sums, then: _Sums, period: Period, before: Period) -> Section:
    earlier = _by_match(before, then, {slot.match for slot in period.slots()})
    slots = [(slot, now.slots[index], earlier.get(slot.match)) for index, slot in enumerate(period.slots())]
    return Section(
        code,
        now.total,
        then.total,
        _lines(now.products, then.products, now.total.net),
        _lines(now.regions, then.regions, now.total.net),
        slots,
    )


def _by_match(before: Period, then: _Sums, wanted: set[tuple[int, int]]) -> dict[tuple[int, int], Tally]:
    """What the slots of a period are compared with. An hour that came twice only then counts as one."""
    found: defaultdict[tuple[int, int], list[Tally]] = defaultdict(list)
    for index, slot in enumerate(before.slots()):
        found[slot.match if slot.match in wanted else (slot.match[0], 0)].append(then.slots[index])
    return {match: _together(tallies) for match, tallies in found.items()}


def _lines(now: dict[str, Tally], then: dict[str, Tally], net: Decimal) -> list[Line]:
    """Those of the period, by net sales: the first TOP, and one line for the others, so that they add up."""
    sold = [(name, tally) for name, tally in now.items() if tally.orders or tally.refunded]
    sold.sort(key=lambda item: (-item[1].net, item[0]))
    named, others = (sold, []) if len(sold) <= TOP + 1 else (sold[:TOP], sold[TOP:])
    lines = [Line(name, tally, then.get(name) or Tally(), _share(tally, net)) for name, tally in named]
    if others:
        tally = _together(tally for _, tally in others)
        previous = _together(then[name] for name, _ in others if name in then)
        lines.append(Line("", tally, previous, _share(tally, net), len(others)))
    return lines


def _together(tallies: Iterable[Tally]) -> Tally:
    sums = Tally()
    for tally in tallies:
        for name, value in vars(tally).items():
            setattr(sums, name, getattr(sums, name) + value)
    return sums


def _share(tally: Tally, net: Decimal) -> Decimal | None:
    """In percent, to one decimal."""
    if net <= 0:
        return None
    return (
        Context(prec=40).divide(EXACT.multiply(tally.net, 100), net).quantize(Decimal("0.1"), context=Context(prec=200))
    )
