"""image_alt_generator on images made here and on pictures of text, on bad input, and with a model."""

from __future__ import annotations

import io
import json
import struct
import time
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter
from worker_fakes import IMAGES, SAMPLES, ScriptedEngine

from workers.engines import Unusable
from workers.image_alt_generator.colors import color_name
from workers.image_alt_generator.faces import count_faces
from workers.image_alt_generator.facts import measure
from workers.image_alt_generator.handler import handle
from workers.image_alt_generator.phrases import PHRASES
from workers.image_alt_generator.picture import WORK_SIDE, open_picture
from workers.image_alt_generator.reading import Line, headline, joined, read_lines
from workers.runtime import BadInput, Context

Make = Callable[..., Context]


def encoded(image: Image.Image, format: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


@pytest.fixture
def without_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaves out the reading, which takes a second, where a test is about something else."""
    monkeypatch.setattr("workers.image_alt_generator.reading.read_lines", lambda image: [])


def halves(upper: str = "red", lower: str = "blue", size: tuple[int, int] = (120, 80)) -> Image.Image:
    image = Image.new("RGB", size, upper)
    image.paste(Image.new("RGB", size, lower), (0, size[1] // 2))
    return image


def noisy(image: Image.Image) -> Image.Image:
    """With the noise that a camera adds."""
    noise = np.random.default_rng(0).normal(0, 5, (image.height, image.width, 3))
    return Image.fromarray(np.clip(np.asarray(image) + noise, 0, 255).astype(np.uint8))


def png_of(width: int, height: int) -> bytes:
    """A PNG whose header claims a size and whose data is a few bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    )


# ── text ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("english", ["Summer sale on all bread", "Twenty percent off until Friday"]),
        ("german", ["Grüße aus Köln - schöne Brötchen", "Geöffnet bis 18 Uhr"]),
        ("french", ["Crème brûlée maison", "Fermé le dimanche"]),
        ("japanese", ["毎朝焼きたてのライ麦パン", "石窯のパン屋"]),
    ],
)
def test_text_is_read_in_several_languages_and_quoted(name: str, expected: list[str], context: Make):
    result = handle({"key": "it", "language": "de"}, context((IMAGES / f"{name}.png").read_bytes()))
    assert result["text"].split("\n") == expected
    assert expected[0] in result["alt_text"]
    assert result["engine"].startswith("offline:rapidocr-3.")
    json.dumps(result)


def test_the_sample_chart_is_called_a_chart_with_its_title_first_and_without_its_numbers(context: Make):
    result = handle({"key": "it"}, context((SAMPLES / "image_alt_generator" / "chart.png").read_bytes()))
    assert result["kind"]["name"] == "chart"
    assert result["alt_text"].startswith("Chart: Loaves of rye bread sold in 2025, ")
    assert "Winter" in result["alt_text"]
    assert "40" not in result["alt_text"]
    assert "40" in result["text"].split("\n")
    assert (result["width"], result["height"], result["format"]) == (960, 600, "PNG")


def test_the_sample_landscape_is_described_by_its_colors(context: Make):
    result = handle({"key": "it"}, context((SAMPLES / "image_alt_generator" / "landscape.jpg").read_bytes()))
    assert result["kind"]["name"] == "photograph"
    assert result["alt_text"] == "Photo: light blue above, green below."
    assert result["text"] == ""


def test_an_alt_text_is_cut_to_whole_words(context: Make):
    result = handle(
        {"key": "it", "max_length": 50}, context((SAMPLES / "image_alt_generator" / "chart.png").read_bytes())
    )
    assert len(result["alt_text"]) <= 50
    words = result["alt_text"].removesuffix("…").replace(",", "").removeprefix("Chart: ").split()
    assert set(words) <= set(result["text"].split())


def test_the_context_of_the_page_is_used(context: Make):
    given = {"key": "it", "context": "Our  meadow\nin May"}
    result = handle(given, context((SAMPLES / "image_alt_generator" / "landscape.jpg").read_bytes()))
    assert result["alt_text"] == "Photo (Our meadow in May): light blue above, green below."


def test_half_a_surrogate_pair_in_the_context_does_not_end_up_in_the_result(context: Make, without_text: None):
    result = handle({"key": "it", "context": "May \ud800"}, context(encoded(noisy(halves()), "PNG")))
    assert result["alt_text"].startswith("Photo (May ?)")


@pytest.mark.parametrize("language", sorted(PHRASES))
def test_the_words_around_are_in_the_language_asked_for(language: str, context: Make, without_text: None):
    result = handle({"key": "it", "language": language}, context(encoded(noisy(halves()), "PNG")))
    phrases = PHRASES[language]
    assert result["alt_text"].startswith(phrases.kinds["photograph"])
    assert phrases.colors["red"] in result["alt_text"]
    assert result["language"] == language


def test_a_language_that_is_not_written_offline_is_said_to_be_english(context: Make, without_text: None):
    result = handle({"key": "it", "language": "pt-BR"}, context(encoded(halves(), "PNG")))
    assert result["language"] == "en"
    assert any("pt-BR" in note for note in result["notes"])


def test_the_line_in_the_largest_type_is_the_headline():
    def line(text: str, height: float, width: float = 200) -> Line:
        return Line(text, 1.0, 0, 0, width, height)

    assert headline([line("small", 20), line("BIG", 60), line("small too", 20)]) == line("BIG", 60)
    assert headline([line("first", 20), line("upwards", 120, width=20)]) == line("first", 20)
    assert headline([line("2025", 90)]) is None


def test_pieces_of_one_line_are_joined_without_the_repeated_letter_and_columns_are_not():
    def at(text: str, x: float, width: float, y: float = 0) -> Line:
        return Line(text, 0.9, x, y, width, 40)

    pieces = [at("schöne", 0, 140), at("e Brötchen", 125, 200), at("Rye loaf", 500, 160), at("next line", 0, 150, y=60)]
    assert [line.text for line in joined(pieces)] == ["schöne Brötchen", "Rye loaf", "next line"]
    assert [line.text for line in joined([at("10", 0, 40), at("20", 60, 40)])] == ["10", "20"]


@pytest.mark.parametrize("size", [(1600, 9), (9, 1600), (1600, 30)])
def test_a_thin_strip_is_not_blown_up_to_hundreds_of_megapixels(size: tuple[int, int]):
    start = time.process_time()
    assert read_lines(noisy(Image.new("RGB", size, "gray"))) == []
    assert time.process_time() - start < 20


# ── faces, kinds, colors ──────────────────────────────────────────────────────


def drawn_face(side: int = 200) -> Image.Image:
    image = Image.new("RGB", (2 * side, 2 * side), (90, 120, 150))
    draw = ImageDraw.Draw(image)

    def oval(x: float, y: float, rx: float, ry: float, color: tuple[int, int, int]) -> None:
        draw.ellipse(tuple(side * (1 + v) for v in (x - rx, y - ry, x + rx, y + ry)), fill=color)

    oval(0, -0.15, 0.62, 0.7, (60, 40, 30))
    oval(0, 0.03, 0.5, 0.65, (222, 175, 150))
    for x in (-0.2, 0.2):
        oval(x, -0.095, 0.17, 0.115, (180, 130, 110))
        oval(x, -0.08, 0.11, 0.055, (240, 240, 240))
        oval(x, -0.08, 0.05, 0.055, (40, 30, 25))
        oval(x, -0.22, 0.15, 0.025, (60, 40, 30))
    oval(0, 0.1, 0.06, 0.12, (205, 155, 130))
    for x in (-0.055, 0.055):
        oval(x, 0.18, 0.035, 0.03, (130, 85, 70))
    oval(0, 0.38, 0.2, 0.06, (150, 70, 70))
    return noisy(image.filter(ImageFilter.GaussianBlur(4)))


def test_a_face_is_counted_and_a_landscape_has_none(context: Make):
    assert count_faces(drawn_face()) == 1
    assert count_faces(Image.open(SAMPLES / "image_alt_generator" / "landscape.jpg").convert("RGB")) == 0
    result = handle({"key": "it"}, context(encoded(drawn_face(), "JPEG")))
    assert result["faces"] == 1
    assert result["alt_text"].startswith("Photo: one face; ")


def test_a_blank_image_is_called_blank_and_probably_decoration(context: Make):
    result = handle({"key": "it"}, context(encoded(Image.new("RGB", (300, 200), "gray"), "PNG")))
    assert result["alt_text"] == "Blank image: gray."
    assert any("decoration" in note for note in result["notes"])


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (50, 1), (3, 2)])
def test_a_tracking_pixel_does_no_harm(size: tuple[int, int], context: Make):
    result = handle({"key": "it"}, context(encoded(Image.new("RGB", size, "white"), "PNG")))
    assert result["kind"]["name"] == "blank"


@pytest.mark.parametrize(
    ("rgb", "name"),
    [
        ((0, 0, 0), "black"),
        ((255, 255, 255), "white"),
        ((128, 128, 128), "gray"),
        ((255, 0, 0), "red"),
        ((255, 140, 0), "orange"),
        ((110, 70, 30), "brown"),
        ((235, 220, 190), "beige"),
        ((250, 220, 30), "yellow"),
        ((30, 150, 40), "green"),
        ((64, 200, 190), "turquoise"),
        ((30, 80, 220), "blue"),
        ((170, 205, 240), "light blue"),
        ((20, 30, 90), "dark blue"),
        ((130, 50, 200), "purple"),
        ((250, 170, 190), "pink"),
    ],
)
def test_colors_have_the_names_people_use(rgb: tuple[int, int, int], name: str):
    assert color_name(*rgb) == name
    assert all(name in phrases.colors for phrases in PHRASES.values())


def test_shares_of_colors_add_up_to_what_is_there():
    found = measure(halves("red", "blue")).colors
    assert {color.name: color.share for color in found} == pytest.approx({"red": 0.5, "blue": 0.5}, abs=0.02)


# ── formats ───────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("format", ["JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "AVIF"])
def test_each_format_is_opened(format: str):
    picture = open_picture(encoded(halves(), format))
    assert (picture.width, picture.height, picture.format) == (120, 80, format)
    assert color_name(*picture.image.getpixel((60, 5))) == "red"  # type: ignore[misc]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGBA", "CMYK", "YCbCr", "LAB", "I;16", "I", "F"])
def test_each_mode_becomes_rgb(mode: str):
    if mode in ("I;16", "I", "F"):
        ramp = np.linspace(0, 60_000, 6400).reshape(80, 80)
        image = Image.fromarray(ramp.astype({"I;16": np.uint16, "I": np.int32, "F": np.float32}[mode]))
    else:
        image = halves().convert("P").convert("PA") if mode == "PA" else halves().convert(mode)
    picture = open_picture(encoded(image, "TIFF"))
    assert picture.image.mode == "RGB"
    assert np.asarray(picture.image).std() > 20


def test_cmyk_keeps_its_colors():
    picture = open_picture(encoded(halves("red", "blue").convert("CMYK"), "JPEG"))
    assert color_name(*picture.image.getpixel((60, 5))) == "red"  # type: ignore[misc]


def test_a_palette_with_transparency_is_put_on_white():
    image = Image.new("P", (40, 40), 0)
    image.putpalette([0, 0, 0, 255, 0, 0])
    image.paste(1, (0, 20, 40, 40))
    picture = open_picture(encoded(image, "PNG", transparency=0))
    assert picture.image.getpixel((5, 5)) == (255, 255, 255)
    assert picture.image.getpixel((5, 35)) == (255, 0, 0)


def test_a_wholly_transparent_image_is_blank(context: Make, without_text: None):
    result = handle({"key": "it"}, context(encoded(Image.new("RGBA", (60, 60), (255, 0, 0, 0)), "PNG")))
    assert result["alt_text"] == "Blank image: white."


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_is_turned_upright_as_its_exif_data_says(orientation: int):
    exif = Image.Exif()
    exif[0x0112] = orientation
    lying = orientation >= 5
    picture = open_picture(encoded(halves("red", "blue", (120, 80)), "JPEG", exif=exif, quality=95))
    assert (picture.width, picture.height) == ((80, 120) if lying else (120, 80))
    assert picture.image.size == (picture.width, picture.height)
    red = {1: (60, 5), 2: (60, 5), 3: (60, 75), 4: (60, 75), 5: (5, 60), 6: (75, 60), 7: (75, 60), 8: (5, 60)}
    assert color_name(*picture.image.getpixel(red[orientation])) == "red"  # type: ignore[misc]


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG"])
def test_of_an_animation_the_first_frame_is_looked_at(format: str, context: Make, without_text: None):
    frames = [Image.new("RGB", (60, 60), color) for color in ("red", "blue", "green")]
    data = encoded(frames[0], format, save_all=True, append_images=frames[1:], duration=50)
    result = handle({"key": "it"}, context(data))
    assert result["colors"][0]["name"] == "red"
    assert any("first frame" in note for note in result["notes"])


def test_a_large_jpeg_is_decoded_small(monkeypatch: pytest.MonkeyPatch):
    picture = open_picture(encoded(halves(size=(6000, 4000)), "JPEG"))
    assert (picture.width, picture.height) == (6000, 4000)
    assert max(picture.image.size) == WORK_SIDE


# ── bad input ─────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("size", [(7_100, 7_100), (10_000, 10_001), (60_000, 60_000)])
def test_a_pixel_bomb_is_refused_before_it_is_decoded(size: tuple[int, int], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda self: pytest.fail("it was decoded"))
    with pytest.raises(BadInput, match="50 megapixels"):
        open_picture(png_of(*size))


@pytest.mark.parametrize("format", ["JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "AVIF"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.9])
def test_a_truncated_image_is_refused_or_read_but_does_no_harm(format: str, share: float):
    whole = encoded(noisy(halves(size=(200, 150))), format)
    try:
        picture = open_picture(whole[: max(1, int(share * len(whole)))])
        assert format in ("WEBP", "AVIF")  # these two decode what there is
        assert picture.width == 200
    except BadInput as error:
        assert str(error)


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, about the damage
@pytest.mark.parametrize("format", ["JPEG", "PNG", "GIF", "WEBP", "TIFF"])
def test_an_image_with_flipped_bytes_is_refused_or_read_but_does_no_harm(format: str):
    whole = encoded(noisy(halves(size=(64, 48))), format)
    random = np.random.default_rng(1)
    for _ in range(60):
        data = bytearray(whole)
        for place in random.integers(0, min(len(data), 600), 4):
            data[place] = int(random.integers(0, 256))
        try:
            assert open_picture(bytes(data)).image.mode == "RGB"
        except BadInput:
            pass


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"not an image", "is not a JPEG"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "is not a JPEG"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "is not a JPEG"),
        (b"\x89PNG\r\n\x1a\n", "is not a JPEG|damaged"),
        (b"\xff\xd8\xff\xe0", "is not a JPEG|damaged"),
        (png_of(4_000_000_000, 4), "damaged|megapixels"),
    ],
)
def test_what_is_no_image_is_refused_with_the_reason(data: bytes, reason: str, context: Make):
    with pytest.raises(BadInput, match=reason):
        handle({"key": "it"}, context(data))


# ── with a model ──────────────────────────────────────────────────────────────


def answer(**fields: Any) -> str:
    return json.dumps({"alt_text": "Bar chart of bread sales.", "kind": "chart", "text": "Loaves"} | fields)


def test_a_model_is_shown_a_jpeg_and_told_language_limit_and_context(context: Make):
    engine = ScriptedEngine([answer()])
    given = {"key": "it", "language": "fr", "max_length": 90, "context": "Annual report"}
    result = handle(given, context((SAMPLES / "image_alt_generator" / "chart.png").read_bytes(), engine=engine))
    assert result["alt_text"] == "Bar chart of bread sales."
    assert result["engine"] == "scripted:model"
    assert result["text"] == "Loaves"
    assert (result["width"], result["format"]) == (960, "PNG")
    asked = engine.asked[0]
    assert Image.open(io.BytesIO(asked.image)).format == "JPEG"
    assert "language fr, at most 90 characters" in asked.prompt
    assert "Annual report" in asked.prompt


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"alt_text": "x" * 126}, "1 to 125 characters, not 126"),
        ({"alt_text": " "}, "1 to 125"),
        ({"kind": "cat"}, "kind"),
    ],
)
def test_a_model_that_goes_over_a_limit_is_told_and_repaired(fields: dict[str, Any], told: str, context: Make):
    engine = ScriptedEngine([answer(**fields), answer()])
    handle({"key": "it"}, context(encoded(halves(), "PNG"), engine=engine))
    assert told in engine.asked[1].prompt


def test_a_model_that_stays_unusable_fails_the_attempt_and_is_not_replaced(context: Make):
    with pytest.raises(Unusable):
        handle({"key": "it"}, context(encoded(halves(), "PNG"), engine=ScriptedEngine(["no", "no"])))
