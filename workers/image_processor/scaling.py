"""An opened image → upright 8-bit sRGB or gray pixels, no larger than asked for."""

from __future__ import annotations

from workers.image_processor.libvips import pyvips
from workers.image_processor.picture import Picture
from workers.runtime import BadInput

# What a JPEG decoder's own scaling must leave to the resampling: with less, fine texture suffers visibly.
# Measured in benchmarks/image_processor.md; libvips and Pillow leave as much.
MARGIN = 2
WHITE = [255.0]


def decode(picture: Picture, side: int, *, alpha: bool) -> pyvips.Image:
    """The pixels in memory, scaled to fit `side` and never enlarged.

    alpha: keep what is transparent; otherwise it is put on white. Colors are converted to sRGB, because a profile can
    name its owner's device, a small image can be smaller than its profile, and CMYK has to be converted anyway.
    BadInput if the image is damaged or incomplete.
    """
    width, height = fitted(picture.width, picture.height, side)
    shrink = _shrink_on_load(picture, max(width, height))
    try:
        image = picture.load(shrink=shrink) if shrink > 1 else picture.load()
        if image.format != "uchar":
            image = image.colourspace("b-w" if image.bands < 3 else "srgb")
        if image.hasalpha() and not alpha:
            image = image.flatten(background=WHITE)
        # By the size as stored: the decoder rounds up what is not a multiple of `shrink`.
        image = _resize(image, width * shrink / picture.width, height * shrink / picture.height)
        return _to_srgb(image).copy_memory().autorot()
    except pyvips.Error as error:
        raise BadInput("the image is damaged or incomplete") from error


def scale(image: pyvips.Image, side: int) -> pyvips.Image:
    """A copy in memory that fits `side`; the image itself if it does already."""
    width, height = fitted(image.width, image.height, side)
    if (width, height) == (image.width, image.height):
        return image
    return _resize(image, width / image.width, height / image.height).copy_memory()


def fitted(width: int, height: int, side: int) -> tuple[int, int]:
    """Width and height in pixels so that the longer is at most `side`, by the same factor, each at least 1."""
    longer = max(width, height, side)
    return max(1, (2 * width * side + longer) // (2 * longer)), max(1, (2 * height * side + longer) // (2 * longer))


def _shrink_on_load(picture: Picture, side: int) -> int:
    """By how much a JPEG is scaled while it is decoded: 1, 2, 4 or 8."""
    if picture.format != "jpeg":
        return 1
    longer = max(picture.width, picture.height)
    return next((factor for factor in (8, 4, 2) if longer >= MARGIN * factor * side), 1)


def _resize(image: pyvips.Image, across: float, down: float) -> pyvips.Image:
    """Lanczos. Pixels count by their opacity, or the color of what is transparent would shine through."""
    if across == down == 1:
        return image
    if not image.hasalpha():
        return image.resize(across, vscale=down)
    return image.premultiply().resize(across, vscale=down).unpremultiply().rint().cast("uchar")


def _to_srgb(image: pyvips.Image) -> pyvips.Image:
    if image.interpretation == "cmyk":
        return image.icc_transform("srgb", embedded=True, input_profile="cmyk")
    if image.get_typeof("icc-profile-data"):
        return image.icc_transform("srgb", embedded=True, input_profile="srgb")
    return image
