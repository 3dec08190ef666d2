"""The few colors that an image is made of, by name."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

import numpy as np

CLUSTERS = 6
SIDE = 96  # pixels that are looked at on a side
LEAST = 0.08  # share below which a color is not worth a mention
SIGNIFICANT = 0.12  # saturation below which a color is a gray


@dataclass(frozen=True)
class Color:
    """hex: its mean, as #rrggbb. share: of the image, 0–1."""

    name: str
    hex: str
    share: float


def dominant(pixels: np.ndarray) -> list[Color]:
    """Colors by share, the largest first. pixels: height × width × RGB, uint8."""
    import cv2

    small = cv2.resize(pixels, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    points = cv2.cvtColor(small, cv2.COLOR_RGB2LAB).reshape(-1, 3).astype(np.float32)
    cv2.setRNGSeed(0)
    stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 20, 1.0)
    labels = np.empty((0,), dtype=np.int32)
    _, labels, _ = cv2.kmeans(points, CLUSTERS, labels, stop, 1, cv2.KMEANS_PP_CENTERS)
    flat, members = small.reshape(-1, 3), labels.ravel()
    clusters = [flat[members == i] for i in range(CLUSTERS) if (members == i).any()]
    named: dict[str, list[np.ndarray]] = {}
    for cluster in clusters:
        named.setdefault(color_name(*cluster.mean(axis=0)), []).append(cluster)
    colors = []
    for name, parts in named.items():
        whole = np.concatenate(parts)
        red, green, blue = (round(value) for value in whole.mean(axis=0).tolist())
        colors.append(Color(name, f"#{red:02x}{green:02x}{blue:02x}", round(len(whole) / len(flat), 2)))
    return sorted((color for color in colors if color.share >= LEAST), key=lambda color: -color.share)


def color_name(red: float, green: float, blue: float) -> str:
    """One of some twenty everyday names. red, green, blue: 0–255."""
    hue, saturation, value = colorsys.rgb_to_hsv(red / 255, green / 255, blue / 255)
    degrees = hue * 360
    if value < 0.16:
        return "black"
    if saturation < SIGNIFICANT:
        steps = ((0.92, "white"), (0.7, "light gray"), (0.38, "gray"))
        return next((name for least, name in steps if value >= least), "dark gray")
    if 15 <= degrees < 65 and saturation < 0.4 and value > 0.65:
        return "beige"
    if (degrees < 15 or degrees >= 330) and saturation < 0.5 and value > 0.7:
        return "pink"
    if degrees < 45 and value < 0.65 and (degrees >= 15 or saturation < 0.6):
        return "brown"
    steps = ((15, "red"), (42, "orange"), (68, "yellow"), (165, "green"), (195, "turquoise"), (258, "blue"))
    plain = next((name for end, name in steps if degrees < end), None)
    plain = plain or ("purple" if degrees < 290 else "pink" if degrees < 335 else "red")
    if plain in ("blue", "green"):
        shade = "dark " if value < 0.45 else "light " if value > 0.75 and saturation < 0.45 else ""
        return shade + plain
    return "brown" if plain == "yellow" and value < 0.5 else plain
