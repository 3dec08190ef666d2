"""What the report says of its data, in sentences: what is missing from the totals, and how it was counted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from reportlab.platypus import Flowable, Paragraph

from workers.sales_report import formats, style
from workers.sales_report.document import Report
from workers.sales_report.formats import counted, whole
from workers.sales_report.lettering import MARK, Lettering
from workers.sales_report.parts import box
from workers.sales_report.quality import Trouble, Troubles


def verdict(report: Report, letters: Lettering) -> Flowable:
    """On the first page: can the totals be relied on."""
    quality = report.quality
    if quality.complete:
        text = "Complete: every row that was found could be used."
        if quality.duplicates.count:
            text += f" {counted(quality.duplicates.count, 'repeated row')} counted once."
        return box([Paragraph(text, style.BODY)], style.GOOD, style.GOOD_PALE)
    out = []
    if quality.missing:
        out.append(f"<b>{letters.markup(quality.missing)}</b>")
    parts = [
        (quality.unreadable, counted(quality.unreadable.count, "file") + " that could not be read"),
        (quality.broken, counted(quality.broken.count, "row") + " that could not be used"),
        (quality.conflicting, counted(quality.conflicting.count, "order") + " with rows that differ"),
    ]
    if named := [text for troubles, text in parts if troubles.count]:
        out.append(f"<b>Incomplete.</b> Not in the totals: {', '.join(named)}. See <i>About the data</i>.")
    grave = quality.missing or quality.unreadable.count
    edge, fill = (style.BAD, style.BAD_PALE) if grave else (style.WARNING, style.WARNING_PALE)
    return box([Paragraph(text, style.BODY) for text in out], edge, fill)


def about_data(report: Report, letters: Lettering) -> list[Flowable]:
    """The box on the quality of the data. To be made last: it says whether there were letters that the font lacks."""
    quality, zone = report.quality, report.period.zone.key
    content: list[Any] = [_read(report, letters)]

    def listed(troubles: Troubles, sentence: Callable[[int], str]) -> None:
        if troubles.count:
            content.append(Paragraph(sentence(troubles.count), style.BODY))
            content.extend(_bullets(troubles, letters))

    listed(quality.unreadable, lambda n: f"<b>{counted(n, 'file')} could not be read</b>; nothing of "
                                         f"{'it' if n == 1 else 'them'} is in the totals:")  # fmt: skip
    listed(quality.broken, lambda n: f"<b>{counted(n, 'row')} could not be used</b> and "
                                     f"{'is' if n == 1 else 'are'} not in the totals:")  # fmt: skip
    listed(quality.conflicting, lambda n: f"<b>{counted(n, 'order')} with rows that differ</b>; "
                                          f"{'it is' if n == 1 else 'they are'} not in the totals:")  # fmt: skip
    listed(quality.duplicates, lambda n: f"{counted(n, 'row')} repeat{'s' if n == 1 else ''} an order word for word; "
                                         "each order is counted once:")  # fmt: skip
    listed(quality.other_objects, lambda n: f"{counted(n, 'object')} of other formats {_were(n)} left aside:")
    listed(quality.guessed, lambda n: f"{counted(n, 'file')} {_were(n)} not in UTF-8; accents may be wrong:")
    if quality.missing_before and quality.missing_before != quality.missing:
        before = formats.BEFORE[report.period.kind]
        content.append(_plain(f"The changes say little about {before}. {letters.markup(quality.missing_before)}"))
    for section in report.sections:
        total = section.total
        left_out = [(total.cancelled, "cancelled order"), (total.pending, "pending order")]
        if named := [counted(number, name) for number, name in left_out if number]:
            content.append(_plain(f"Not in the sales in {section.currency}: {' and '.join(named)}."))
    for section in report.others:
        content.append(_plain(f"Not in this report, which is of {report.request.currency} only: "
                              f"{counted(section.total.orders, 'order')} in {section.currency}."))  # fmt: skip
    if quality.without_offset:
        number = counted(quality.without_offset, "time")
        content.append(_plain(f"{number} without an offset from UTC: taken for the time of {zone}."))
    if letters.transliterated:
        content.append(_plain(f"Names with {MARK} have letters that this report's font lacks; they are transliterated "
                              "here and as they are in report.json."))  # fmt: skip
    grave = quality.missing or quality.unreadable.count
    colors = (style.GOOD, style.GOOD_PALE) if quality.complete else (style.WARNING, style.WARNING_PALE)
    return [
        Paragraph("About the data", style.HEADING),
        box(content, *((style.BAD, style.BAD_PALE) if grave else colors)),
    ]


def about_figures(report: Report) -> list[Flowable]:
    """How the figures are made."""
    before = formats.BEFORE[report.period.kind]
    sentences = [
        "<b>Gross sales</b> are quantity × unit price of all orders, but for cancelled and pending ones; "
        "<b>refunds</b> are those of refunded orders and of goods that came back; <b>net sales</b> are the difference. "
        "The average order is gross sales by orders.",
        f"Change is against {before}: {formats.period_name(report.period.before())}. Shares are of net sales. "
        "An order belongs to the time at which it was placed, also if it was refunded later.",
        "Amounts are added up exactly and rounded once, where they are shown. Currencies are never added up.",
    ]
    return [
        Paragraph("How the figures are made", style.SUBHEADING),
        *[Paragraph(text, style.SMALL) for text in sentences],
    ]


def _read(report: Report, letters: Lettering) -> Paragraph:
    quality = report.quality
    text = f"Source: {letters.markup(report.source)}. {counted(quality.rows, 'row')} read"
    if report.request.table is None:
        text += f" from {counted(quality.files, 'file')}"
    if quality.outside:
        text += f", {whole(quality.outside)} of them of other times"
    text += "."
    if quality.not_opened:
        text += f" {counted(quality.not_opened, 'file')} not opened: the dates in the names are of other times."
    return Paragraph(text, style.BODY)


def _bullets(troubles: Troubles, letters: Lettering) -> list[Paragraph]:
    made = [Paragraph(_sentence(trouble, letters), style.BULLET, bulletText="•") for trouble in troubles.first]
    if more := troubles.count - len(troubles.first):
        made.append(Paragraph(f"and {whole(more)} more", style.BULLET))
    return made


def _sentence(trouble: Trouble, letters: Lettering) -> str:
    return f"{letters.markup(trouble.where)}: {letters.markup(trouble.what)}"


def _plain(text: str) -> Paragraph:
    return Paragraph(text, style.BODY)


def _were(number: int) -> str:
    return "was" if number == 1 else "were"
