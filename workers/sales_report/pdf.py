"""The report as PDF: A4, the same bytes for the same report."""

from __future__ import annotations

import io
from typing import Any

from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    BaseDocTemplate,
    CondPageBreak,
    Flowable,
    Frame,
    KeepTogether,
    PageBreak,
    PageTemplate,
    Paragraph,
    Spacer,
)

from workers.sales_report import formats, style
from workers.sales_report.charts import course
from workers.sales_report.document import Report
from workers.sales_report.figures import Section
from workers.sales_report.lettering import REGULAR, Lettering, shortened
from workers.sales_report.parts import currencies_table, lines_table, sums_table, tiles
from workers.sales_report.remarks import about_data, about_figures, verdict

SLOTS = {"day": "hour", "week": "day", "month": "day"}


def render(report: Report) -> bytes:
    """Twice: how many pages there are, which each of them says, is known at the end."""
    _, pages = _built(report, 1)
    return _built(report, pages)[0]


def _built(report: Report, pages: int) -> tuple[bytes, int]:
    """The file with footers that say so many pages, and how many it has."""
    letters = Lettering()
    buffer = io.BytesIO()
    title, name = letters.plain(report.request.title), formats.period_name(report.period)
    document = BaseDocTemplate(
        buffer,
        pagesize=(style.PAGE_WIDTH, style.PAGE_HEIGHT),
        invariant=1,  # no date and no random id of the file's own
        title=f"{title}: {name}",
        author="sales_report",
        subject=f"{report.period.name} {report.period.zone.key}",
        lang="en-GB",
    )
    frame = Frame(
        style.MARGIN,
        style.MARGIN,
        style.WIDTH,
        style.PAGE_HEIGHT - 2 * style.MARGIN,
        leftPadding=0,
        rightPadding=0,
        topPadding=0,
        bottomPadding=0,
    )
    footer = f"{title} · {name} · {report.period.zone.key}"
    document.addPageTemplates(PageTemplate(frames=[frame], onPage=lambda canvas, _: _footer(canvas, footer, pages)))
    document.build(_story(report, title, letters))
    return buffer.getvalue(), document.page


def _footer(canvas: Canvas, text: str, pages: int) -> None:
    y = style.MARGIN - 18
    canvas.setFont(REGULAR, 8)
    canvas.setFillColor(style.MUTED)
    canvas.drawString(style.MARGIN, y, shortened(text, REGULAR, 8, style.WIDTH - 70))
    canvas.drawRightString(style.PAGE_WIDTH - style.MARGIN, y, f"Page {canvas.getPageNumber()} of {pages}")


def _story(report: Report, title: str, letters: Lettering) -> list[Flowable]:
    story: list[Flowable] = [*_cover(report, title, letters)]
    for number, section in enumerate(report.sections):
        if number:
            story.append(PageBreak())
        if len(report.sections) > 1:
            story.append(Paragraph(f"Sales in {section.currency}", style.HEADING))
        story += _section(section, report, letters)
    about = about_data(report, letters)
    story += [CondPageBreak(120), *about, KeepTogether(about_figures(report))]
    return story


def _cover(report: Report, title: str, letters: Lettering) -> list[Flowable]:
    period = report.period
    run = formats.moment(report.request.scheduled_at.astimezone(period.zone))
    facts = f"{formats.period_span(period)} · scheduled run of {run} · from {letters.plain(report.source)}"
    story: list[Flowable] = [
        Paragraph(letters.markup(title), style.TITLE),
        Paragraph(formats.period_name(period), style.SUBTITLE),
        Paragraph(letters.markup(facts), style.SMALL),
        Spacer(0, 8),
        verdict(report, letters),
        Spacer(0, 10),
    ]
    if not any(section.total.orders or section.total.refunded for section in report.sections):
        code = f" in {report.request.currency}" if report.request.currency else ""
        story.append(Paragraph(f"No orders{code} were found for this {period.kind}.", style.HEADING))
    elif len(report.sections) > 1:
        story.append(
            Paragraph("Orders came in several currencies. Each has its own part; nothing is added up.", style.BODY)
        )
        story += [Spacer(0, 4), currencies_table(report.sections), Spacer(0, 12)]
    return story


def _section(section: Section, report: Report, letters: Lettering) -> list[Flowable]:
    period = report.period
    before, total, previous, code = period.before(), section.total, section.previous, section.currency
    story: list[Flowable] = [tiles(total, previous, code, formats.BEFORE[period.kind])]
    now, then = formats.period_name(period), formats.period_name(before)
    if total.orders or total.refunded:
        story += [
            _together(f"Net sales by {SLOTS[period.kind]}", course(section, now, then)),
            _together(
                _top("product", section.products),
                lines_table("product", section.products, total, previous, code, letters),
            ),
            _together(
                _top("region", section.regions), lines_table("region", section.regions, total, previous, code, letters)
            ),
        ]
    story.append(_together("From gross to net sales", sums_table(total, previous, code, now, then)))
    return story


def _together(title: str, flowable: Flowable) -> Flowable:
    return KeepTogether([Paragraph(title, style.SUBHEADING), flowable])


def _top(kind: str, lines: list[Any]) -> str:
    return f"Top {kind}s" if lines and lines[-1].names > 1 else f"{kind.capitalize()}s"
