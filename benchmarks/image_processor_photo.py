"""A picture with the statistics of a photograph, made from a seed.

Overlapping shapes of every size (a "dead leaves" image) give edges, and each has a texture whose amplitude falls with
1/f and whose strength varies from shape to shape, as local contrast does in photographs. Lens and sensor blur all of
it, and the sensor adds noise. Compared with camera photographs of 12 to 20 megapixels: amplitude at each frequency,
local contrast and bits per pixel lie within what those show, on the textured side.
"""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageDraw

WIDTH, HEIGHT = 4000, 3000
SHAPES = 6000
RADII = (12, 2000)  # pixels; their density falls with the third power, which makes the picture alike at every scale
TEXTURE, SPREAD = 7, 1.0  # median of the textures' standard deviations, of 255, and the deviation of its logarithm
TINT = 0.2  # how much of a texture is in color
BLUR = 0.7  # standard deviation, in pixels
NOISE = 1.5  # standard deviation, of 255
QUALITY = 92


def photograph(seed: int = 2) -> bytes:
    """A JPEG of 12 megapixels, 4:2:0, about 1.7 bits a pixel."""
    random = np.random.default_rng(seed)
    colors, strengths = _shapes(random)
    frequency = np.hypot(
        np.fft.fftfreq(HEIGHT)[:, None].astype(np.float32), np.fft.rfftfreq(WIDTH)[None].astype(np.float32)
    )
    optics = np.exp(-2 * (np.pi * BLUR * frequency) ** 2)
    frequency[0, 0] = np.inf

    def texture() -> np.ndarray:
        noise = random.standard_normal((2, *frequency.shape), dtype=np.float32)
        pixels = np.fft.irfft2((noise[0] + 1j * noise[1]) / frequency, s=(HEIGHT, WIDTH))
        return strengths * pixels / pixels.std()

    gray = texture()
    pixels = np.empty((HEIGHT, WIDTH, 3), np.uint8)
    for channel in range(3):
        scene = np.fft.rfft2(colors[..., channel] + gray + TINT * texture())
        seen = np.fft.irfft2(scene * optics, s=(HEIGHT, WIDTH))
        seen += NOISE * random.standard_normal((HEIGHT, WIDTH), dtype=np.float32)
        pixels[..., channel] = np.clip(seen + 0.5, 0, 255)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=QUALITY)
    return buffer.getvalue()


def _shapes(random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Colors, and strengths of the textures: standard deviations, of 255."""
    colors, strengths = Image.new("RGB", (WIDTH, HEIGHT), "gray"), Image.new("L", (WIDTH, HEIGHT), 4 * TEXTURE)
    draw_color, draw_strength = ImageDraw.Draw(colors), ImageDraw.Draw(strengths)
    least, most = RADII
    share = random.random(SHAPES)
    for radius in 1 / np.sqrt(share / least**2 + (1 - share) / most**2):
        x, y = random.uniform(0, WIDTH), random.uniform(0, HEIGHT)
        height = radius * random.uniform(0.4, 1)
        box = (x - radius, y - height, x + radius, y + height)
        color = np.clip(random.uniform(20, 235) + random.normal(0, 25, 3), 0, 255)
        draw_color.ellipse(box, fill=tuple(int(value) for value in color))
        draw_strength.ellipse(box, fill=int(min(255, 4 * TEXTURE * np.exp(SPREAD * random.standard_normal()))))
    return np.asarray(colors, np.float32), np.asarray(strengths, np.float32) / 4
