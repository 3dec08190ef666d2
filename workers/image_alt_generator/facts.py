"""What can be measured in an image, without knowing what it shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from workers.image_alt_generator.colors import Color, dominant

SIDE = 800  # pixels; every k-th is taken, because averaging would smooth what is measured
SAME = 0.995  # share of one color above which there is nothing else to see
DRAWN, TAKEN = 0.55, 0.25  # share of even area above which an image was drawn, and below which a camera took it
GRAY = 8.0  # mean difference of the channels, 0–255
DARK, BRIGHT = 0.25, 0.75  # mean luminance
SQUARE = 1.1  # longer side by shorter side


@dataclass(frozen=True)
class Facts:
    """photographic: 0 drawn by a computer, 1 taken by a camera; in between it cannot be told.

    colors: of the whole, the largest share first; upper, lower: of the top and the bottom third.
    brightness: mean luminance, 0–1.
    """

    photographic: float
    blank: bool
    monochrome: bool
    brightness: float
    orientation: str
    colors: list[Color]
    upper: list[Color]
    lower: list[Color]


def measure(image: Image.Image) -> Facts:
    pixels = np.asarray(image)
    step = max(1, -(-max(pixels.shape[:2]) // SIDE))
    sampled = pixels[::step, ::step].astype(np.int16)
    third = max(1, pixels.shape[0] // 3)
    width, height = image.size
    shape = (
        "square" if max(width, height) < SQUARE * min(width, height) else "portrait" if height > width else "landscape"
    )
    colors = dominant(pixels)
    return Facts(
        photographic=round(float(np.clip((DRAWN - _even(sampled)) / (DRAWN - TAKEN), 0, 1)), 2),
        blank=_one_color(sampled),
        monochrome=float((sampled.max(axis=2) - sampled.min(axis=2)).mean()) < GRAY,
        brightness=round(float((sampled @ np.array([0.2126, 0.7152, 0.0722])).mean()) / 255, 2),
        orientation=shape,
        colors=colors,
        upper=dominant(pixels[:third]),
        lower=dominant(pixels[-third:]),
    )


def _even(pixels: np.ndarray) -> float:
    """Share of pixels that equal their right and lower neighbor to the last bit; a camera's noise leaves few."""
    if min(pixels.shape[:2]) < 2:
        return 1.0
    right = (pixels[:-1, 1:] == pixels[:-1, :-1]).all(axis=2)
    below = (pixels[1:, :-1] == pixels[:-1, :-1]).all(axis=2)
    return float((right & below).mean())


def _one_color(pixels: np.ndarray) -> bool:
    middle = np.median(pixels.reshape(-1, 3), axis=0)
    return float((np.abs(pixels - middle).max(axis=2) <= 8).mean()) >= SAME
