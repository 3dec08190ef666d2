"""The report's letters: Roboto, embedded, which has the Latin, Greek and Cyrillic ones; others are transliterated."""

from __future__ import annotations

import unicodedata
from collections.abc import Container
from functools import cache
from itertools import groupby
from typing import Any
from xml.sax.saxutils import escape

from anyascii import anyascii
from font_roboto import font_files
from reportlab.pdfbase.pdfmetrics import getFont, registerFont, registerFontFamily, stringWidth
from reportlab.pdfbase.ttfonts import TTFont

REGULAR, MEDIUM, BOLD = "SalesReport", "SalesReport-Medium", "SalesReport-Bold"
MARK = "*"  # behind a name of which letters were transliterated
_INVISIBLE = {"Cc", "Cf", "Cs", "Zl", "Zp"}


@cache
def register() -> None:
    """Make the fonts known to ReportLab, once in a process."""
    for name, file in ((REGULAR, "Roboto"), (MEDIUM, "RobotoMedium"), (BOLD, "RobotoBold")):
        registerFont(TTFont(name, font_files[file]))
    registerFontFamily(REGULAR, normal=REGULAR, bold=BOLD, italic=REGULAR, boldItalic=BOLD)


class Lettering:
    """Texts from outside → texts that the fonts can show.

    transliterated: whether there was one that they cannot show as it is; it then ends with MARK.
    """

    def __init__(self) -> None:
        register()
        font: Any = getFont(REGULAR)  # a TTFont
        self._known: dict[int, int] = font.face.charToGlyph
        self.transliterated = False

    def plain(self, text: str) -> str:
        text = unicodedata.normalize("NFC", text)
        text = " ".join("".join(" " if unicodedata.category(c) in _INVISIBLE else c for c in text).split())
        parts = [run if known else _transliterated(run) for known, run in _runs(text, self._known)]
        shown = "".join(parts)
        if shown == text:
            return text
        self.transliterated = True
        return shown + MARK

    def markup(self, text: str) -> str:
        """As `plain`, for a Paragraph."""
        return escape(self.plain(text))


def fitting(text: str, font: str, width: float, largest: float, smallest: float) -> float | None:
    """The size in points at which a text is no wider than `width`; None if it would be smaller than `smallest`."""
    size = min(largest, largest * width / max(stringWidth(text, font, largest), 0.01))
    return size if size >= smallest else None


def shortened(text: str, font: str, size: float, width: float) -> str:
    """As much of a text as fits into a width in points, with an ellipsis if that is not all."""
    if stringWidth(text, font, size) <= width:
        return text
    end = len(text)
    while end and stringWidth(text[:end].rstrip() + "…", font, size) > width:
        end -= 1
    return text[:end].rstrip() + "…"


def _runs(text: str, known: Container[int]) -> list[tuple[bool, str]]:
    """A text cut where letters that the font has meet ones that it has not."""
    return [(has, "".join(letters)) for has, letters in groupby(text, lambda c: ord(c) in known)]


def _transliterated(letters: str) -> str:
    return " ".join((anyascii(letters) or "?").split())
