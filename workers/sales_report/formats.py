"""Numbers and times as people read them, in English."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from decimal import Context, Decimal, localcontext

from babel.dates import format_date
from babel.numbers import format_compact_currency, format_currency, format_decimal, get_currency_precision

from workers.sales_report.period import Period

LOCALE = "en_GB"  # which tells the dollars of different countries apart
WIDE = Context(prec=200)  # for sums of any size
NONE = "–"
_CODE = re.compile(r"[A-Z]{3}(?=\d)")
BEFORE = {"day": "the day before", "week": "the week before", "month": "the month before"}


def rounded(amount: Decimal, code: str) -> Decimal:
    """To the currency's smallest unit, a half to the even one; never −0."""
    exponent = Decimal(1).scaleb(-get_currency_precision(code))
    return amount.quantize(exponent, context=WIDE) + 0


def money(amount: Decimal, code: str) -> str:
    """€1,234.50, −¥12, CHF 5.00."""
    with localcontext(WIDE):
        return _spaced(_minus(format_currency(rounded(amount, code), code, locale=LOCALE)))


def short_money(amount: Decimal, code: str, digits: int = 1) -> str:
    """€1.2K, for where there is little room. digits: after the point, at most."""
    with localcontext(WIDE):
        text = format_compact_currency(amount, code, locale=LOCALE, fraction_digits=digits)
    return _spaced(_minus(text))


def whole(number: int) -> str:
    return _minus(format_decimal(number, locale=LOCALE))


def quantity(number: Decimal) -> str:
    """With at most three digits after the point."""
    with localcontext(WIDE):
        return _minus(format_decimal(number, format="#,##0.###", locale=LOCALE))


def change(percent: Decimal | None) -> str:
    """+4.2 %; an en dash where there is nothing to compare with."""
    if percent is None:
        return NONE
    with localcontext(WIDE):
        return _minus(format_decimal(percent, format="+#,##0.0;-#,##0.0" if percent else "0.0", locale=LOCALE)) + " %"


def share(percent: Decimal | None) -> str:
    if percent is None:
        return NONE
    return _minus(format_decimal(percent, format="#,##0.0", locale=LOCALE)) + " %"


def period_name(period: Period) -> str:
    """Sunday, 2 November 2025; Week 44, 27 October to 2 November 2025; November 2025."""
    if period.kind == "day":
        return format_date(period.first, "EEEE, d MMMM y", locale=LOCALE)
    if period.kind == "month":
        return format_date(period.first, "MMMM y", locale=LOCALE)
    last = period.after - timedelta(days=1)
    first = format_date(period.first, "d MMMM" if period.first.year == last.year else "d MMMM y", locale=LOCALE)
    return f"Week {period.first.isocalendar().week}, {first} to {format_date(last, 'd MMMM y', locale=LOCALE)}"


def format_day(day: date) -> str:
    """2 November."""
    return format_date(day, "d MMMM", locale=LOCALE)


def period_span(period: Period) -> str:
    """The zone, its offset and, for a day on which the clocks are changed, how long it is."""
    start, end = _offset(period.start), _offset(period.end)
    offsets = start if start == end else f"{start} to {end}"
    text = offsets if offsets == period.zone.key else f"{period.zone.key}, {offsets}"
    if period.kind == "day" and period.hours != 24:
        text += f"; the clocks were changed, it has {period.hours:g} hours"
    return text


def moment(value: datetime) -> str:
    """3 November 2025, 06:00 (UTC+1)."""
    return f"{format_date(value.date(), 'd MMMM y', locale=LOCALE)}, {value:%H:%M} ({_offset(value)})"


def counted(number: int, one: str, more: str | None = None) -> str:
    """1 order, 2 orders."""
    return f"{whole(number)} {one if number == 1 else more or one + 's'}"


def _offset(value: datetime) -> str:
    """UTC, UTC+1, UTC−3:30."""
    minutes = int((value.utcoffset() or timedelta()).total_seconds() // 60)
    if not minutes:
        return "UTC"
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{'+' if minutes > 0 else '−'}{hours}" + (f":{rest:02}" if rest else "")


def _spaced(text: str) -> str:
    """CHF 5.00: with a space that does not break where a currency has no sign but its code."""
    return _CODE.sub("\\g<0>\u00a0", text)


def _minus(text: str) -> str:
    """With the sign for minus, which is as wide as a digit; a hyphen is not."""
    return text.replace("-", "−")
