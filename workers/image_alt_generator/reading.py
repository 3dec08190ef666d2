"""Text in an image, by RapidOCR: its models come with the package, so nothing is downloaded."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from functools import cache
from statistics import median
from typing import Any

import numpy as np
from PIL import Image

READABLE = 0.6  # confidence of a line that is kept
READABLE_SHORT = 0.8  # of a line of up to three characters: texture likes to look like one
SHORT = 3
SMALLEST = 8  # pixels; no letter is lower
LONGEST = 3  # longer by shorter side, as given to the reader
SAME_LINE = 0.5  # two boxes are one line if their centers differ by less than this share of the height,
NEXT_WORD = 1.2  # and the gap between them is less than this multiple of it


@dataclass(frozen=True)
class Line:
    """x, y: upper left corner; all in pixels of the image. confidence: 0–1."""

    text: str
    confidence: float
    x: float
    y: float
    width: float
    height: float

    @property
    def size(self) -> float:
        """Height of the type, which for a line written upwards is the width of its box."""
        upwards = len(self.text) > 2 and self.height > 2 * self.width
        return self.width if upwards else self.height

    @property
    def numeric(self) -> bool:
        digits = sum(character.isdigit() for character in self.text)
        return digits > sum(character.isalpha() for character in self.text)


def read_lines(image: Image.Image) -> list[Line]:
    """The lines of text, from top to bottom. Latin, Greek, Chinese and Japanese letters; others are not seen."""
    if min(image.size) < SMALLEST:
        return []
    found = _reader()(_padded(np.asarray(image))[:, :, ::-1])  # OpenCV's order of channels
    if not found.txts:
        return []
    lines = []
    for text, confidence, box in zip(found.txts, found.scores, found.boxes, strict=True):
        left, top = box.min(axis=0).tolist()
        right, bottom = box.max(axis=0).tolist()
        lines.append(Line(text.strip(), float(confidence), left, top, right - left, bottom - top))
    return joined([line for line in lines if _readable(line)])


def joined(lines: list[Line]) -> list[Line]:
    """Neighbors on one line become one; the reader cuts long lines into overlapping pieces."""
    whole: list[Line] = []
    for line in lines:
        last = whole[-1] if whole else None
        if last and _continues(last, line):
            overlap = line.x < last.x + last.width
            text = f"{last.text} {_without_repeat(last.text, line.text) if overlap else line.text}"
            right = max(last.x + last.width, line.x + line.width)
            whole[-1] = Line(
                text,
                min(last.confidence, line.confidence),
                last.x,
                min(last.y, line.y),
                right - last.x,
                max(last.height, line.height),
            )
        else:
            whole.append(line)
    return whole


def headline(lines: list[Line]) -> Line | None:
    """The line in clearly larger type than the others, or the first with letters."""
    worded = [line for line in lines if not line.numeric]
    if not worded:
        return None
    largest = max(worded, key=lambda line: line.size)
    return largest if largest.size > 1.25 * median(line.size for line in lines) else worded[0]


def without_texture(lines: list[Line]) -> list[Line]:
    """The lines less what a photograph's patterns are mistaken for: single letters, and one letter repeated."""
    return [line for line in lines if not line.text.isascii() or len({c for c in line.text if c.isalnum()}) > 1]


@cache
def _reader() -> Any:
    from rapidocr import RapidOCR

    # The host's cores are not the task's: Fargate gives a share of them, and more threads than that only wait.
    threads = math.ceil(float(os.environ.get("VCPU", "1")))
    return RapidOCR(
        params={
            "Global.log_level": "error",
            "EngineConfig.onnxruntime.intra_op_num_threads": threads,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        }
    )


def _padded(pixels: np.ndarray) -> np.ndarray:
    """At most LONGEST times as long as wide: the reader scales the shorter side up, whatever becomes of the other."""
    height, width = pixels.shape[:2]
    below, right = max(0, -(-width // LONGEST) - height), max(0, -(-height // LONGEST) - width)
    padded = np.empty((height + below, width + right, 3), dtype=np.uint8)
    padded[:] = np.median(pixels.reshape(-1, 3), axis=0)
    padded[:height, :width] = pixels
    return padded


def _readable(line: Line) -> bool:
    letters = [character for character in line.text if character.isalnum()]
    least = READABLE_SHORT if len(letters) <= SHORT else READABLE
    return bool(letters) and line.confidence >= least


def _continues(last: Line, line: Line) -> bool:
    height = min(last.height, line.height)
    level = abs((last.y + last.height / 2) - (line.y + line.height / 2)) < SAME_LINE * height
    gap = line.x - (last.x + last.width)
    return level and -height < gap < NEXT_WORD * height and not (last.numeric and line.numeric)


def _without_repeat(last: str, text: str) -> str:
    """`text` less the end of `last` that it begins with, as in "schöne" + "e Brötchen"."""
    for length in (3, 2, 1):
        if last.endswith(text[:length]) and text[length : length + 1] == " ":
            return text[length + 1 :]
    return text
