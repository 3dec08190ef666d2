"""The report as JSON: the figures of the PDF, rounded as there, and everything that is said about the data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from workers.sales_report import formats
from workers.sales_report.figures import Line, Section, Tally, growth
from workers.sales_report.period import Period
from workers.sales_report.quality import Quality
from workers.sales_report.request import Request


@dataclass(frozen=True, kw_only=True)
class Report:
    """sections: of the currencies that are reported. others: those that were not asked for."""

    request: Request
    source: str
    sections: Sequence[Section]
    others: Sequence[Section]
    quality: Quality

    @property
    def period(self) -> Period:
        return self.request.period


def headline(report: Report) -> str:
    """The result in a sentence or two."""
    period = report.period
    when = f"{'on' if period.kind == 'day' else 'in'} {_lower(formats.period_name(period))}"
    sold = [section for section in report.sections if section.total.orders or section.total.refunded]
    if not sold:
        text = f"No orders found {when}."
    elif len(sold) == 1:
        net, change = sold[0].total.net, growth(sold[0].total.net, sold[0].previous.net)
        compared = f", {formats.change(change)} against {formats.BEFORE[period.kind]}" if change is not None else ""
        text = f"Net sales of {formats.money(net, sold[0].currency)} {when}{compared}."
    else:
        text = f"Net sales {when}: {', '.join(formats.money(each.total.net, each.currency) for each in sold)}."
    return text if report.quality.complete else f"{text} Not everything could be counted: see data_quality."


def as_json(report: Report) -> dict[str, Any]:
    """Amounts and other decimals are text, since not every reader's numbers are exact; growth and shares in percent."""
    period, before = report.period, report.period.before()
    return {
        "headline": headline(report),
        "complete": report.quality.complete,
        "title": report.request.title,
        "period": {"kind": period.kind, "timezone": period.zone.key, "hours": period.hours, **_span(period)},
        "compared_with": _span(before),
        "scheduled_at": report.request.scheduled_at.isoformat(),
        "source": report.source,
        "currencies": {section.currency: _section(section) for section in report.sections},
        "other_currencies": {section.currency: {"orders": section.total.orders} for section in report.others},
        "data_quality": report.quality.as_json(),
    }


def _span(period: Period) -> dict[str, str]:
    return {"name": period.name, "start": period.start.isoformat(), "end": period.end.isoformat()}


def _section(section: Section) -> dict[str, Any]:
    code, total, previous = section.currency, section.total, section.previous
    return {
        **_tally(total, code),
        "previous": _tally(previous, code),
        "growth": {
            "net": _text(growth(total.net, previous.net)),
            "orders": _text(growth(total.orders, previous.orders)),
            "average": _text(growth(total.average or 0, previous.average or 0)),
        },
        "products": [_line("product", line, code) for line in section.products],
        "regions": [_line("region", line, code) for line in section.regions],
        "slots": [
            {
                "start": slot.start.isoformat(),
                "label": slot.label,
                "net": _amount(tally.net, code),
                "orders": tally.orders,
                "previous_net": _amount(earlier.net, code) if earlier else None,
            }
            for slot, tally, earlier in section.slots
        ],
    }


def _tally(tally: Tally, code: str) -> dict[str, Any]:
    return {
        "net": _amount(tally.net, code),
        "gross": _amount(tally.gross, code),
        "refunds": _amount(tally.refunds, code),
        "average": _amount(tally.average, code) if tally.average is not None else None,
        "orders": tally.orders,
        "refunded": tally.refunded,
        "cancelled": tally.cancelled,
        "pending": tally.pending,
        "units": _text(tally.units),
    }


def _line(kind: str, line: Line, code: str) -> dict[str, Any]:
    name = {kind: line.name} if line.names == 1 else {"others": line.names}
    return {
        **name,
        "net": _amount(line.tally.net, code),
        "orders": line.tally.orders,
        "units": _text(line.tally.units),
        "share": _text(line.share),
        "previous_net": _amount(line.previous.net, code),
        "growth": _text(growth(line.tally.net, line.previous.net)),
    }


def _amount(amount: Decimal, code: str) -> str:
    return format(formats.rounded(amount, code), "f")


def _text(value: Decimal | None) -> str | None:
    return None if value is None else format(value, "f")


def _lower(text: str) -> str:
    """`Week 44` within a sentence."""
    return text.replace("Week", "week", 1)
