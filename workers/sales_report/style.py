"""Colors, sizes and paragraph styles of the report."""

from __future__ import annotations

from reportlab.lib.colors import HexColor
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm

from workers.sales_report.lettering import BOLD, MEDIUM, REGULAR

PAGE_WIDTH, PAGE_HEIGHT = A4
MARGIN = 18 * mm
WIDTH = PAGE_WIDTH - 2 * MARGIN

INK, MUTED, LINE, PALE = HexColor("#1c2733"), HexColor("#5f6c7b"), HexColor("#d5dbe1"), HexColor("#f4f6f8")
ACCENT, EARLIER = HexColor("#1f5a96"), HexColor("#b9c4cf")
GOOD, WARNING, BAD = HexColor("#2b7a3d"), HexColor("#9a6700"), HexColor("#b3261e")
GOOD_PALE, WARNING_PALE, BAD_PALE = HexColor("#eaf5ec"), HexColor("#fdf4e0"), HexColor("#fbeceb")


def _style(name: str, font: str, size: float, leading: float, **more: object) -> ParagraphStyle:
    return ParagraphStyle(name, fontName=font, fontSize=size, leading=leading, **{"textColor": INK, **more})


TITLE = _style("title", BOLD, 24, 29)
SUBTITLE = _style("subtitle", MEDIUM, 13, 18, textColor=ACCENT)
HEADING = _style("heading", BOLD, 15, 19, spaceBefore=14, spaceAfter=4)
SUBHEADING = _style("subheading", BOLD, 11, 14, spaceBefore=10, spaceAfter=4)
BODY = _style("body", REGULAR, 9.5, 13.5)
SMALL = _style("small", REGULAR, 8.5, 12, textColor=MUTED)
BULLET = _style("bullet", REGULAR, 8.5, 12, leftIndent=10, bulletIndent=2)
CELL = _style("cell", REGULAR, 9, 11.5, splitLongWords=1)
CELL_RIGHT = _style("cell right", REGULAR, 9, 11.5, alignment=TA_RIGHT)
