"""Photograph, chart, screenshot, page of text or graphic: told from what was measured and read."""

from __future__ import annotations

from dataclasses import dataclass

from workers.image_alt_generator.facts import Facts
from workers.image_alt_generator.reading import Line

PAGE_LINES, PAGE_WIDTH = 8, 0.4  # a page of text has so many lines, half of them at least so wide
TICKS = 3  # numbers in a row or in a column make an axis
SCREEN_LINES, SCREEN_SIDE = 8, 600  # a screenshot holds so many pieces of text and has so many pixels
SCREENS = (4 / 3, 3 / 2, 16 / 10, 16 / 9, 19.5 / 9, 20 / 9)  # longer by shorter side
UPRIGHT = 1.7  # a screen higher than wide is a phone's, and at least so much higher


@dataclass(frozen=True)
class Kind:
    """name: photograph, chart, screenshot, text, graphic, blank or unclear. confidence: 0–1."""

    name: str
    confidence: float


def tell(facts: Facts, lines: list[Line], width: int, height: int, *, original: tuple[int, int]) -> Kind:
    """width, height: of the image that the lines were read in. original: of the image as uploaded."""
    if facts.blank and not lines:
        return Kind("blank", 1.0)
    drawn = 1 - facts.photographic
    if drawn > 0.7 and len(lines) >= SCREEN_LINES and _like_a_screen(*original) and not _has_axis(lines):
        return Kind("screenshot", round(0.7 * drawn, 2))
    wide = [line for line in lines if line.width > PAGE_WIDTH * width]
    if len(lines) >= PAGE_LINES and 2 * len(wide) >= len(lines):
        return Kind("text", 0.9)
    if facts.photographic >= 0.7:
        return Kind("photograph", facts.photographic)
    if facts.photographic > 0.3:
        return Kind("unclear", 0.5)
    if _has_axis(lines):
        return Kind("chart", round(0.8 * drawn, 2))
    return Kind("graphic", round(drawn, 2))


def _has_axis(lines: list[Line]) -> bool:
    """Three numbers or more with one right edge, or three on one level."""
    numbers = [line for line in lines if line.numeric]
    for line in numbers:
        level = [other for other in numbers if abs(other.y - line.y) < 0.5 * line.height]
        column = [other for other in numbers if abs(other.x + other.width - line.x - line.width) < 0.5 * line.height]
        if max(len(level), len(column)) >= TICKS:
            return True
    return False


def _like_a_screen(width: int, height: int) -> bool:
    shape = max(width, height) / min(width, height)
    if min(width, height) < SCREEN_SIDE or (height > width and shape < UPRIGHT):
        return False
    return any(abs(shape - screen) < 0.03 * screen for screen in SCREENS)
