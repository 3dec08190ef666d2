"""What the report's pages are made of: tiles with figures, tables with bars, boxes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import partial
from typing import Any

from reportlab.lib.colors import Color
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.platypus import Flowable, Paragraph, Table

from workers.sales_report import formats, style
from workers.sales_report.charts import share_bar
from workers.sales_report.figures import Line, Section, Tally, growth
from workers.sales_report.lettering import BOLD, MEDIUM, REGULAR, Lettering, fitting, shortened

MAX_NAME = 90  # characters of a product's or region's name; two lines of the table
WIDEST = 130.0  # points, for a column of amounts
NAME_WIDTH = 120.0  # at least
GAP = 12.0  # between columns
MAX_CHANGE = Decimal(9999)  # percent; beyond that a factor says more


class Tile(Flowable):
    """A figure with its label, and below it how it has changed, or something else to say."""

    def __init__(self, label: str, value: str, short: str, note: str, color: Color):
        super().__init__()
        self.height = 58.0
        self.label, self.value, self.short, self.note, self.color = label, value, short, note, color

    def wrap(self, aW: float, aH: float) -> tuple[float, float]:  # noqa: N803
        self.width = aW
        return aW, self.height

    def draw(self) -> None:
        canvas, inner = self.canv, self.width - 20
        canvas.setFillColor(style.PALE)
        canvas.roundRect(0, 0, self.width, self.height, 4, stroke=0, fill=1)
        canvas.setFillColor(style.MUTED)
        canvas.setFont(REGULAR, 8.5)
        canvas.drawString(10, self.height - 16, self.label)
        value, size = self.value, fitting(self.value, BOLD, inner, 18, 11)
        if size is None:  # in full in the table below
            value = self.short
            size = fitting(value, BOLD, inner, 18, 4) or 4
        canvas.setFillColor(style.INK)
        canvas.setFont(BOLD, size)
        canvas.drawString(10, self.height - 35, value)
        canvas.setFillColor(self.color)
        canvas.setFont(MEDIUM, 8.5)
        canvas.drawString(10, 9, shortened(self.note, MEDIUM, 8.5, inner))


def tiles(total: Tally, previous: Tally, code: str, before: str) -> Table:
    """Net sales, orders, average order and refunds, with their growth. before: such as "the day before"."""
    average, earlier = total.average or Decimal(0), previous.average or Decimal(0)
    since = before.removeprefix("the ")
    made = [
        _tile("Net sales", formats.money(total.net, code), formats.short_money(total.net, code, 2),
              growth(total.net, previous.net), since),
        _tile("Orders", formats.whole(total.orders), formats.whole(total.orders),
              growth(total.orders, previous.orders), since),
        _tile("Average order", formats.money(average, code), formats.short_money(average, code, 2),
              growth(average, earlier), since),
        Tile("Refunds", formats.money(total.refunds, code), formats.short_money(total.refunds, code, 2),
             f"{formats.counted(total.refunded, 'order or return', 'orders and returns')}", style.MUTED),
    ]  # fmt: skip
    gap = 8
    width = (style.WIDTH - 3 * gap) / 4
    cells, widths = [], []
    for tile in made:
        cells += [tile, ""]
        widths += [width, gap]
    return Table([cells[:-1]], widths[:-1], style=_BARE, hAlign="LEFT")


def currencies_table(sections: Sequence[Section]) -> Table:
    """One line for each currency, and no sum."""
    rows: list[list[Any]] = [["Currency", "Orders", "Net sales", "Change"]]
    for section in sections:
        total, previous = section.total, section.previous
        money, _ = _amounts([total.net], section.currency, WIDEST)
        change = _change(growth(total.net, previous.net))
        rows.append([section.currency, formats.whole(total.orders), money(total.net, section.currency), change])
    plain = [command for command in _LISTED if command[1] != (0, -1)]
    return Table(rows, [style.WIDTH - 260, 60.0, 140.0, 60.0], style=plain, hAlign="LEFT")


def lines_table(
    kind: str, lines: Sequence[Line], total: Tally, previous: Tally, code: str, letters: Lettering
) -> Table:
    """Products or regions with a bar each, and their sum. kind: product or region."""
    units = kind == "product"
    money, net = _amounts([total.net, *(line.tally.net for line in lines)], code, WIDEST)
    header = [kind.capitalize(), "", *(["Units"] if units else []), "Orders", "Net sales", "Share", "Change"]
    counts = [_width([formats.quantity(total.units)])] * units + [_width([formats.whole(total.orders)])]
    numbers = [*counts, net, 44.0, 54.0]
    bar = min(70.0 if units else 120.0, style.WIDTH - sum(numbers) - NAME_WIDTH)
    widths = [style.WIDTH - bar - sum(numbers), bar, *numbers]
    largest = max((abs(line.tally.net) for line in lines if line.names == 1), default=Decimal(0)) or Decimal(1)
    rows: list[list[Any]] = [header]
    for line in lines:
        rows.append(
            [
                Paragraph(_name(kind, line, letters), style.CELL),
                share_bar(line.tally.net, largest, bar - GAP) if line.names == 1 else "",
                *([formats.quantity(line.tally.units)] if units else []),
                formats.whole(line.tally.orders),
                money(line.tally.net, code),
                formats.share(line.share),
                _change(growth(line.tally.net, line.previous.net)),
            ]
        )
    hundred = formats.share(Decimal(100)) if total.net > 0 else formats.NONE
    rows.append(
        ["Total", "", *([formats.quantity(total.units)] if units else []), formats.whole(total.orders),
         money(total.net, code), hundred, _change(growth(total.net, previous.net))]
    )  # fmt: skip
    return Table(rows, widths, style=_LISTED, repeatRows=1, hAlign="LEFT")


def sums_table(total: Tally, previous: Tally, code: str, now: str, then: str) -> Table:
    """From gross to net sales, in this period and the one before."""
    column = (style.WIDTH - 182) / 2
    amounts = [total.gross, total.refunds, total.net, previous.gross, previous.refunds, previous.net]
    money, _ = _amounts(amounts, code, column - 12)
    rows: list[list[Any]] = [["", now, then, "Change"]]
    for name, value, earlier in (
        ("Gross sales", total.gross, previous.gross),
        ("Refunds and returns", -total.refunds, -previous.refunds),
        ("Net sales", total.net, previous.net),
    ):
        change = growth(abs(value), abs(earlier)) if name.startswith("Refunds") else growth(value, earlier)
        rows.append([name, money(value, code), money(earlier, code), _change(change)])
    rows.insert(
        1,
        ["Orders", formats.whole(total.orders), formats.whole(previous.orders),
         _change(growth(total.orders, previous.orders))],
    )  # fmt: skip
    return Table(rows, [130.0, column, column, 52.0], style=_LISTED, hAlign="LEFT")


def box(content: list[Any], edge: Color, fill: Color) -> Table:
    """Paragraphs in a box with a colored edge. It can be split between two of them."""
    rows = [[paragraph] for paragraph in content]
    commands = [
        ("BACKGROUND", (0, 0), (-1, -1), fill),
        ("LINEBEFORE", (0, 0), (0, -1), 3, edge),
        ("LEFTPADDING", (0, 0), (-1, -1), 12),
        ("RIGHTPADDING", (0, 0), (-1, -1), 10),
        ("TOPPADDING", (0, 0), (-1, -1), 1.5),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 1.5),
        ("TOPPADDING", (0, 0), (-1, 0), 7),
        ("BOTTOMPADDING", (0, -1), (-1, -1), 8),
    ]
    return Table(rows, [style.WIDTH], style=commands, hAlign="LEFT")


_BARE = [("LEFTPADDING", (0, 0), (-1, -1), 0), ("RIGHTPADDING", (0, 0), (-1, -1), 0)]
_LISTED = [
    ("FONT", (0, 0), (-1, -1), REGULAR, 9, 11.5),
    ("FONT", (0, 0), (-1, 0), MEDIUM, 8, 10),
    ("FONT", (0, -1), (-1, -1), BOLD, 9, 11.5),
    ("TEXTCOLOR", (0, 0), (-1, -1), style.INK),
    ("TEXTCOLOR", (0, 0), (-1, 0), style.MUTED),
    ("ALIGN", (1, 0), (-1, -1), "RIGHT"),
    ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
    ("LINEBELOW", (0, 0), (-1, 0), 0.75, style.MUTED),
    ("LINEBELOW", (0, 1), (-1, -3), 0.35, style.LINE),
    ("LINEABOVE", (0, -1), (-1, -1), 0.75, style.MUTED),
    ("LEFTPADDING", (0, 0), (-1, -1), 0),
    ("RIGHTPADDING", (0, 0), (-1, -1), 0),
    ("TOPPADDING", (0, 0), (-1, -1), 2.6),
    ("BOTTOMPADDING", (0, 0), (-1, -1), 2.6),
]


def _tile(label: str, value: str, short: str, change: Decimal | None, since: str) -> Tile:
    if change is None:
        return Tile(label, value, short, f"nothing the {since}", style.MUTED)
    color = style.GOOD if change > 0 else style.BAD if change < 0 else style.MUTED
    return Tile(label, value, short, f"{_change(change)} vs {since}", color)


def _amounts(amounts: Sequence[Decimal], code: str, widest: float) -> tuple[Callable[[Decimal, str], str], float]:
    """How to write the amounts of a column, in full if they are not too wide, and its width in points."""
    for write in (formats.money, partial(formats.short_money, digits=2)):
        width = _width([write(amount, code) for amount in amounts])
        if width - GAP <= widest:
            break
    return write, width


def _width(texts: list[str]) -> float:
    """Of a column, in points."""
    return max(44.0, GAP + max(stringWidth(text, BOLD, 9) for text in texts))


def _change(percent: Decimal | None) -> str:
    return f"× {formats.whole(int(percent / 100 + 1))}" if percent and percent > MAX_CHANGE else formats.change(percent)


def _name(kind: str, line: Line, letters: Lettering) -> str:
    if line.names > 1:
        return f"{formats.whole(line.names)} other {kind}s"
    name = line.name if len(line.name) <= MAX_NAME else line.name[: MAX_NAME - 1].rstrip() + "…"
    return letters.markup(name) if name else f"<font color='#5f6c7b'>no {kind} given</font>"
