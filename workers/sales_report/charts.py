"""Charts: the course of the period beside the one before, and the bars of tables."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from reportlab.graphics.charts.barcharts import VerticalBarChart
from reportlab.graphics.shapes import Drawing, Rect, String
from reportlab.lib.colors import Color
from reportlab.lib.units import mm

from workers.sales_report.figures import Section
from workers.sales_report.formats import short_money
from workers.sales_report.lettering import REGULAR
from workers.sales_report.style import ACCENT, BAD, EARLIER, LINE, MUTED, WIDTH

HEIGHT = 50 * mm
LABELS = 16  # below the bars, at most; of more slots every third has one
BAR_HEIGHT = 7.0  # points


def course(section: Section, now: str, before: str) -> Drawing:
    """Net sales of each slot. now, before: what the two periods are called in the legend."""
    drawing = Drawing(WIDTH, HEIGHT)
    chart: Any = VerticalBarChart()  # whose attributes have no types
    chart.x, chart.y = 46, 18
    chart.width, chart.height = WIDTH - 46, HEIGHT - 42
    earlier = [float(tally.net) if tally else 0.0 for _, _, tally in section.slots]
    current = [float(tally.net) for _, tally, _ in section.slots]
    chart.data = [tuple(earlier), tuple(current)]
    for series, color in enumerate((EARLIER, ACCENT)):
        chart.bars[series].fillColor = color
        chart.bars[series].strokeColor = None
    chart.barSpacing, chart.groupSpacing = 0, 4
    _categories(chart, [slot.label for slot, _, _ in section.slots])
    _values(chart, [*earlier, *current], section.currency)
    drawing.add(chart)
    _legend(drawing, [(ACCENT, now), (EARLIER, before)])
    return drawing


def share_bar(net: Decimal, largest: Decimal, width: float) -> Drawing:
    """A bar as long as the share of the longest one; red for what is below 0. largest: above 0."""
    drawing = Drawing(width, BAR_HEIGHT)
    length = float(abs(net) / largest) * width
    color = ACCENT if net >= 0 else BAD
    drawing.add(_filled(0, 0, min(max(length, 0.5), width), BAR_HEIGHT, color))
    return drawing


def _categories(chart: Any, labels: list[str]) -> None:
    axis = chart.categoryAxis
    every = 1 if len(labels) <= LABELS else 3
    axis.categoryNames = [label if index % every == 0 else "" for index, label in enumerate(labels)]
    axis.strokeColor, axis.visibleTicks = LINE, 0
    axis.labels.fontName, axis.labels.fontSize, axis.labels.fillColor = REGULAR, 7.5, MUTED
    axis.labels.dy = -3
    axis.labelAxisMode = "low"  # below the chart even where bars reach below 0


def _values(chart: Any, values: list[float], currency: str) -> None:
    axis = chart.valueAxis
    low, high = min(0.0, *values), max(0.0, *values)
    if low == high:
        high = 1.0
    axis.valueMin, axis.valueMax, axis.valueStep = _nice(low, high)
    axis.strokeColor, axis.visibleTicks, axis.visibleGrid = None, 0, 1
    axis.gridStrokeColor, axis.gridStrokeWidth = LINE, 0.5
    axis.labels.fontName, axis.labels.fontSize, axis.labels.fillColor = REGULAR, 7.5, MUTED
    digits = 2 if axis.valueStep < 1 else 1
    axis.labelTextFormat = lambda value: short_money(Decimal(repr(round(value, 6))), currency, digits)


def _nice(low: float, high: float) -> tuple[float, float, float]:
    """Ends and step of an axis with four to eight round steps."""
    rough = (high - low) / 4
    power = 10.0 ** len(str(int(rough))) / 10 if rough >= 1 else 0.01
    while power * 10 <= rough:
        power *= 10
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough)
    return -(-low // -step) * -step if low < 0 else 0.0, -(-high // step) * step, step


def _legend(drawing: Drawing, entries: list[tuple[Color, str]]) -> None:
    x = 46.0
    for color, text in entries:
        drawing.add(_filled(x, HEIGHT - 12, 8, 8, color))
        label = String(x + 12, HEIGHT - 11, text)
        label.fontName, label.fontSize, label.fillColor = REGULAR, 8, MUTED
        drawing.add(label)
        x = label.getEast() + 16


def _filled(x: float, y: float, width: float, height: float, color: Color) -> Rect:
    rect = Rect(x, y, width, height)
    rect.fillColor, rect.strokeColor = color, None
    return rect
