"""image_processor: sizes, orientation, metadata, colors and formats of what it writes, and input it refuses."""

from __future__ import annotations

import io
import json
import tracemalloc
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import fastjsonschema
import numpy as np
import pytest
import yaml
from image_files import BLUE, RED, Bucket, encoded, halves, noise, png_claiming, profile
from moto import mock_aws
from PIL import ExifTags, Image, ImageCms

from workers.image_processor.handler import MAX_KEY_BYTES, SIZES, handle
from workers.image_processor.libvips import pyvips
from workers.image_processor.picture import MAX_BYTES, MAX_PIXELS, open_picture
from workers.image_processor.scaling import decode, fitted
from workers.runtime import BadInput
from workers.runtime.objects import Objects

FOLDER = Path(__file__).parents[2] / "workers/image_processor"
FORMATS = ["JPEG", "PNG", "WEBP", "GIF"]


def processed(data: bytes, key: str = "it") -> tuple[dict[str, Any], Bucket]:
    """What handle() returns, and the bucket that it wrote to."""
    bucket = Bucket({key: data})
    return handle({"key": key}, SimpleNamespace(objects=bucket)), bucket  # type: ignore[arg-type]


def pixel(image: Image.Image, across: float, down: float) -> Any:
    """The pixel at a share of the width and the height, as RGB."""
    return image.convert("RGB").getpixel((int(across * image.width), int(down * image.height)))


def near(one: Any, other: Any, within: int = 6) -> bool:
    return all(abs(a - b) <= within for a, b in zip(one, other, strict=True))


def in_srgb(image: Image.Image) -> Image.Image:
    """By the profile that the image carries, converted by another library."""
    own = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
    converted = ImageCms.profileToProfile(image, own, ImageCms.createProfile("sRGB"))
    assert converted is not None
    return converted


# ── sizes ─────────────────────────────────────────────────────────────────────


def test_three_sizes_are_written_with_their_longer_side_as_asked_and_the_aspect_kept():
    result, bucket = processed(encoded(halves((2400, 1200)), "JPEG"), "uploads/a.jpg")
    assert set(bucket.written) == {f"processed/{name}/uploads/a.jpg" for name in ("thumbnail", "medium", "large")}
    assert bucket.image("thumbnail", "uploads/a.jpg").size == (150, 75)
    assert bucket.image("medium", "uploads/a.jpg").size == (800, 400)
    assert bucket.image("large", "uploads/a.jpg").size == (1920, 960)
    assert (result["source"]["width"], result["source"]["height"]) == (2400, 1200)


def test_the_result_says_what_was_written():
    result, bucket = processed(encoded(halves((1000, 700)), "JPEG"))
    json.dumps(result)
    assert result["format"] == "jpeg"
    for name, made in result["sizes"].items():
        data, content_type = bucket.written[f"processed/{name}/it"]
        assert (made["width"], made["height"]) == bucket.image(name).size
        assert made["bytes"] == len(data)
        assert made["key"] == f"image_processor/processed/{name}/it"
        assert content_type == "image/jpeg"


def test_a_portrait_is_fitted_by_its_height():
    _, bucket = processed(encoded(halves((1200, 2400)), "PNG"))
    assert [bucket.image(name).size for name in SIZES] == [(960, 1920), (400, 800), (75, 150)]


@pytest.mark.parametrize("format", FORMATS)
def test_an_image_is_never_enlarged(format: str):
    _, bucket = processed(encoded(halves((120, 80)), format))
    assert [bucket.image(name).size for name in SIZES] == [(120, 80)] * 3


@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (3000, 1), (2, 65_000)])
def test_the_thinnest_image_keeps_a_pixel(size: tuple[int, int]):
    result, bucket = processed(encoded(Image.new("RGB", size, RED), "PNG"))
    assert min(result["sizes"]["thumbnail"][side] for side in ("width", "height")) == 1
    assert near(pixel(bucket.image("thumbnail"), 0, 0), RED)


@pytest.mark.parametrize(
    ("size", "side", "expected"),
    [((4000, 3000), 150, (150, 113)), ((4000, 2991), 150, (150, 112)), ((3, 3), 9, (3, 3)), ((5000, 1), 10, (10, 1))],
)
def test_a_side_is_rounded_to_the_nearest_pixel(size: tuple[int, int], side: int, expected: tuple[int, int]):
    assert fitted(*size, side) == expected


def test_the_same_upload_gives_the_same_bytes_again():
    data = encoded(noise((900, 600)), "JPEG")
    assert processed(data)[1].written == processed(data)[1].written


# ── likeness ──────────────────────────────────────────────────────────────────


def smooth(size: tuple[int, int]) -> Image.Image:
    """Waves of several lengths, all of which every size can show."""
    across, down = np.linspace(0, 1, size[0]), np.linspace(0, 1, size[1])[:, None]
    waves = [np.sin(20 * across + 9 * down), np.sin(25 * down - 7 * across), np.sin(14 * (across + down))]
    return Image.fromarray((127 + 120 * np.stack(waves, axis=2)).astype(np.uint8))


@pytest.mark.parametrize("size", [(2500, 700), (7999, 1001)])  # the second is scaled by the decoder first
def test_every_size_looks_like_the_original_resized_by_another_library(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("FORMAT", "png")
    original = smooth(size)
    _, bucket = processed(encoded(original, "JPEG", quality=95, subsampling=0))
    for name in SIZES:
        made = bucket.image(name)
        expected = original.resize(made.size, Image.Resampling.LANCZOS)
        difference = np.abs(np.asarray(made, np.int16) - np.asarray(expected, np.int16))
        assert difference.mean() < 1.2
        assert difference.max() <= 8


def test_nothing_is_moved_where_the_decoder_rounds_the_size_up():
    image = Image.new("L", (15_361, 40), 255)  # decoded at a quarter, 3840.25 pixels
    image.paste(0, (0, 0, 13_000, 40))
    row = np.asarray(processed(encoded(image, "JPEG", quality=95))[1].image("large"), np.float64)[2]
    assert len(row) == 1920
    assert row.sum() / 255 == pytest.approx((15_361 - 13_000) / 15_361 * 1920, abs=0.1)


def test_texture_finer_than_a_pixel_becomes_even(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FORMAT", "png")
    stripes = np.zeros((2000, 2000, 3), np.uint8)
    stripes[:, ::2] = 255
    thumbnail = np.asarray(processed(encoded(Image.fromarray(stripes), "PNG"))[1].image("thumbnail"), np.int16)
    assert np.abs(thumbnail - 127).max() <= 5


def test_a_jpeg_is_scaled_by_its_decoder_only_as_far_as_its_texture_allows(monkeypatch: pytest.MonkeyPatch):
    loaded: list[dict[str, Any]] = []
    load = pyvips.Image.new_from_source
    monkeypatch.setattr(
        pyvips.Image, "new_from_source", lambda *given, **options: loaded.append(options) or load(*given, **options)
    )

    def shrunk(width: int, format: str = "JPEG") -> int:
        picture = open_picture(encoded(Image.new("RGB", (width, 40)), format))
        loaded.clear()
        decode(picture, 1920, alpha=False)
        return loaded[0].get("shrink", 1)

    assert [shrunk(width) for width in (7679, 7680, 15_360, 30_720)] == [1, 2, 4, 8]
    assert shrunk(8000, "PNG") == 1


# ── orientation and metadata ──────────────────────────────────────────────────


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_image_is_turned_upright_as_its_exif_data_says(orientation: int, format: str):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    _, bucket = processed(encoded(halves((1000, 600)), format, exif=exif, quality=95))
    across, down = {1: (0.5, 0.1), 2: (0.5, 0.1), 3: (0.5, 0.9), 4: (0.5, 0.9)}.get(orientation) or {
        5: (0.1, 0.5), 6: (0.9, 0.5), 7: (0.9, 0.5), 8: (0.1, 0.5)
    }[orientation]  # fmt: skip
    for name, longer in {"large": 1000, "medium": 800, "thumbnail": 150}.items():
        image = bucket.image(name)
        assert image.size == ((longer, longer * 3 // 5) if orientation < 5 else (longer * 3 // 5, longer))
        assert near(pixel(image, across, down), RED)
        assert near(pixel(image, 1 - across, 1 - down), BLUE)


@pytest.mark.parametrize("made", ["jpeg", "png", "webp"])
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_no_private_metadata_is_left(format: str, made: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FORMAT", made)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    exif[ExifTags.Base.Artist] = "SECRET-ARTIST"
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] = (50.0, 56.0, 28.0)
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.BodySerialNumber] = "SECRET-SERIAL"
    given = {"exif": exif, "xmp": b"<x:xmpmeta>SECRET-XMP</x:xmpmeta>", "icc_profile": profile("p3")}
    if format == "JPEG":
        given["comment"] = b"SECRET-COMMENT"
    data = encoded(halves((1000, 600)), format, **given)
    assert data.count(b"SECRET") >= 2
    _, bucket = processed(data)
    for name in SIZES:
        image = bucket.image(name)
        assert b"SECRET" not in bucket.written[f"processed/{name}/it"][0]
        assert not image.getexif()
        assert not {"exif", "xmp", "icc_profile", "comment"} & set(image.info)


# ── colors ────────────────────────────────────────────────────────────────────


def test_colors_of_a_profile_are_converted_to_srgb():
    orange = (200, 120, 40)
    data = encoded(Image.new("RGB", (300, 200), orange), "JPEG", quality=95, icc_profile=profile("p3"))
    expected = pixel(in_srgb(Image.open(io.BytesIO(data))), 0.5, 0.5)
    assert not near(orange, expected, 10)
    assert near(pixel(processed(data)[1].image("thumbnail"), 0.5, 0.5), expected)


@pytest.mark.parametrize("broken", [b"no profile at all" * 20, profile("cmyk")])
def test_a_profile_that_cannot_be_used_is_left_aside(broken: bytes):
    _, bucket = processed(encoded(halves(), "JPEG", icc_profile=broken))
    assert near(pixel(bucket.image("large"), 0.5, 0.1), RED)


@pytest.mark.parametrize("icc_profile", [None, profile("cmyk")])
def test_cmyk_becomes_rgb_with_its_colors(icc_profile: bytes | None):
    _, bucket = processed(encoded(halves().convert("CMYK"), "JPEG", icc_profile=icc_profile))
    image = bucket.image("large")
    assert image.mode == "RGB"
    red, green, blue = pixel(image, 0.5, 0.1)
    assert red > 200 and green < 60 and blue < 60  # printed red is no purer
    red, green, blue = pixel(image, 0.5, 0.9)
    assert blue > 100 and red < 80 and green < 80


@pytest.mark.parametrize("format", FORMATS)
def test_gray_stays_as_bright_as_it_was(format: str):
    _, bucket = processed(encoded(halves((400, 300), 60, 200, "L"), format))
    assert near(pixel(bucket.image("thumbnail"), 0.5, 0.2), (60, 60, 60))
    assert near(pixel(bucket.image("thumbnail"), 0.5, 0.8), (200, 200, 200))


def test_16_bits_are_scaled_to_8_not_cut_off():
    ramp = np.repeat(np.linspace(0, 65_535, 400)[:, None], 300, axis=1).astype(np.uint16)
    _, bucket = processed(encoded(Image.fromarray(ramp), "PNG"))
    column = np.asarray(bucket.image("large").convert("L"), np.int16)[:, 150]
    assert np.abs(column - np.linspace(0, 255, 400)).max() < 3


def test_16_bits_with_color_and_transparency_are_scaled_to_8(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FORMAT", "png")
    deep = pyvips.Image.black(400, 300, bands=4).linear([0.0], [60_000, 30_000, 0, 32_768])
    data = deep.cast("ushort").copy(interpretation="rgb16").pngsave_buffer(bitdepth=16)
    _, bucket = processed(data)
    assert near(bucket.image("thumbnail").getpixel((50, 50)), (234, 117, 0, 128), 2)


@pytest.mark.parametrize("mode", ["P", "1"])
@pytest.mark.parametrize("format", ["PNG", "GIF"])
def test_a_palette_is_resolved_before_anything_is_resized(mode: str, format: str):
    first, second = (RED, BLUE) if mode == "P" else ((0, 0, 0), (255, 255, 255))
    _, bucket = processed(encoded(halves((400, 300), first, second).convert(mode), format))
    assert near(pixel(bucket.image("thumbnail"), 0.5, 0.2), first)
    assert near(pixel(bucket.image("thumbnail"), 0.5, 0.8), second)


# ── transparency ──────────────────────────────────────────────────────────────

CLEAR = (0, 255, 0, 0)  # green that must not be seen


@pytest.mark.parametrize("format", ["PNG", "WEBP", "GIF"])
def test_what_is_transparent_becomes_white_in_a_jpeg(format: str):
    _, bucket = processed(encoded(halves((400, 300), CLEAR, (*BLUE, 255), "RGBA"), format))
    for name in SIZES:
        assert bucket.image(name).mode == "RGB"
        assert near(pixel(bucket.image(name), 0.5, 0.2), (255, 255, 255))
        assert near(pixel(bucket.image(name), 0.5, 0.8), BLUE)


def test_gray_with_transparency_is_put_on_white():
    _, bucket = processed(encoded(halves((400, 300), (0, 0), (90, 255), "LA"), "PNG"))
    assert near(pixel(bucket.image("medium"), 0.5, 0.2), (255, 255, 255))
    assert near(pixel(bucket.image("medium"), 0.5, 0.8), (90, 90, 90))


def test_a_transparent_color_of_a_palette_is_put_on_white():
    image = Image.new("P", (400, 300), 0)
    image.putpalette([0, 255, 0, 255, 0, 0])
    image.paste(1, (0, 150, 400, 300))
    _, bucket = processed(encoded(image, "PNG", transparency=0))
    assert near(pixel(bucket.image("thumbnail"), 0.5, 0.2), (255, 255, 255))
    assert near(pixel(bucket.image("thumbnail"), 0.5, 0.8), RED)


@pytest.mark.parametrize("made", ["png", "webp"])
def test_transparency_is_kept_where_the_format_has_it_and_hidden_colors_stay_hidden(
    made: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("FORMAT", made)
    _, bucket = processed(encoded(halves((400, 301), CLEAR, (*RED, 255), "RGBA"), "PNG"))
    pixels = np.asarray(bucket.image("thumbnail").convert("RGBA"), np.int16)
    assert (pixels[:50, :, 3] == 0).all()
    assert (pixels[-50:, :, 3] == 255).all()
    assert near(pixels[-25, 75], (*RED, 255))
    seen = pixels[pixels[..., 3] > 10]
    assert seen[:, 1].max() < 40  # no green at the edge


def test_an_alpha_channel_makes_an_opaque_image_neither_brighter_nor_darker(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FORMAT", "png")
    original = noise((401, 301))
    made = np.asarray(processed(encoded(original.convert("RGBA"), "PNG"))[1].image("thumbnail"), np.float64)
    expected = np.asarray(original.resize((150, 113), Image.Resampling.LANCZOS), np.float64)
    assert (made[..., 3] == 255).all()
    assert abs((made[..., :3] - expected).mean()) < 0.1


# ── formats ───────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(
    ("made", "expected"),
    [
        ("jpeg", {}),
        ("png", dict.fromkeys(FORMATS, "PNG")),
        ("webp", dict.fromkeys(FORMATS, "WEBP")),
        ("keep", {"PNG": "PNG", "WEBP": "WEBP", "GIF": "PNG"}),
    ],
)
def test_files_are_in_the_format_of_the_environment(
    made: str, expected: dict[str, str], format: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("FORMAT", made)
    result, bucket = processed(encoded(halves(), format))
    want = expected.get(format, "JPEG")
    assert result["format"] == want.lower()
    for name in SIZES:
        assert bucket.image(name).format == want
        assert bucket.written[f"processed/{name}/it"][1] == f"image/{want.lower()}"


def test_without_a_format_in_the_environment_files_are_jpeg(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("FORMAT", raising=False)
    assert processed(encoded(halves(), "PNG"))[0]["format"] == "jpeg"


def test_an_unknown_format_is_the_deployment_s_mistake_and_not_the_input_s(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FORMAT", "bmp")
    with pytest.raises(ValueError, match=r"'bmp'.*jpeg, png, webp or keep"):
        processed(encoded(halves(), "PNG"))


def test_a_jpeg_has_quality_85_the_usual_color_resolution_and_its_own_code_tables():
    data = processed(encoded(noise((800, 600)), "JPEG"))[1].written["processed/medium/it"][0]
    made = Image.open(io.BytesIO(data))
    same = Image.open(io.BytesIO(encoded(made, "JPEG", quality=85, optimize=True)))
    assert made.quantization == same.quantization  # type: ignore[attr-defined]
    assert made.layer == same.layer  # type: ignore[attr-defined]
    assert "progressive" not in made.info
    assert len(data) < len(encoded(made, "JPEG", quality=85))  # whose tables are those of the standard


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG"])
def test_of_an_animation_the_first_frame_is_taken(format: str):
    frames = [Image.new("RGB", (160, 90), color) for color in (RED, BLUE, (0, 255, 0))]
    _, bucket = processed(encoded(frames[0], format, save_all=True, append_images=frames[1:], duration=50))
    assert bucket.image("large").size == (160, 90)
    assert near(pixel(bucket.image("large"), 0.5, 0.5), RED)


def test_a_phone_s_ultra_hdr_photograph_is_read_as_the_jpeg_that_it_also_is():
    bright = pyvips.Image.black(300, 200, bands=3).linear([0.0], [1.0, 0.0, 0.0]).copy(interpretation="scrgb")
    data = bright.uhdrsave_buffer()
    assert open_picture(data).load().get("vips-loader") == "jpegload_source"
    expected = in_srgb(Image.open(io.BytesIO(data)))
    assert near(pixel(processed(data)[1].image("thumbnail"), 0.5, 0.5), pixel(expected, 0.5, 0.5))


def test_the_name_does_not_matter_only_the_content():
    result, _ = processed(encoded(halves(), "PNG"), "uploads/wrong.jpg")
    assert (result["source"]["format"], result["format"]) == ("png", "jpeg")


# ── keys ──────────────────────────────────────────────────────────────────────

KEYS = [
    "uploads/Köln/übung ß 写真 📷.jpg",
    "uploads/a b+c%20d&e=f.png",
    "uploads/.hidden/x..y.jpg",
    "it's (1).JPG",
    "x",
]


@pytest.mark.parametrize("key", KEYS)
def test_any_key_becomes_part_of_the_files_names_as_it_is(key: str):
    result, bucket = processed(encoded(halves(), "PNG"), key)
    assert set(bucket.written) == {f"processed/{name}/{key}" for name in SIZES}
    assert result["sizes"]["medium"]["key"] == f"image_processor/processed/medium/{key}"


@mock_aws
def test_in_s3_the_files_are_found_under_the_key_and_a_deleted_upload_is_refused():
    s3 = boto3.client("s3", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    for bucket in ("uploads", "results"):
        s3.create_bucket(Bucket=bucket)
    objects = Objects(uploads="uploads", results="results", prefix="image_processor", client=s3)
    for key in KEYS:
        s3.put_object(Bucket="uploads", Key=key, Body=encoded(halves((300, 200)), "PNG"))
        result = handle({"bucket": "uploads", "key": key}, SimpleNamespace(objects=objects))  # type: ignore[arg-type]
        for name, made in result["sizes"].items():
            assert (made["bucket"], made["key"]) == ("results", f"image_processor/processed/{name}/{key}")
            found = s3.get_object(Bucket="results", Key=made["key"])
            assert found["ContentType"] == "image/jpeg"
            assert Image.open(io.BytesIO(found["Body"].read())).size == (made["width"], made["height"])
    with pytest.raises(BadInput, match="does not exist"):
        handle({"key": "deleted.jpg"}, SimpleNamespace(objects=objects))  # type: ignore[arg-type]


@pytest.mark.parametrize("key", ["uploads//a.jpg", "/a.jpg", "uploads/../a.jpg", "./a.jpg", "uploads/a/", ".."])
def test_a_key_that_no_file_can_be_named_after_is_refused_before_anything_is_read(key: str):
    with pytest.raises(BadInput, match="cannot be part"):
        handle({"key": key}, SimpleNamespace(objects=Bucket()))  # type: ignore[arg-type]


def test_a_key_too_long_for_the_files_names_is_refused_and_a_shorter_one_fits():
    with pytest.raises(BadInput, match=f"{MAX_KEY_BYTES + 1} bytes"):
        handle({"key": "é" * 450 + "x"}, SimpleNamespace(objects=Bucket()))  # type: ignore[arg-type]
    longest = f"image_processor/{'0' * 64}/processed/thumbnail/{'x' * MAX_KEY_BYTES}"
    assert len(longest) <= 1024


# ── bad input ─────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("size", [(10_000, 5_001), (60_000, 60_000), (4_000_000_000, 4), (65_536, 4)])
def test_a_pixel_bomb_is_refused_before_it_is_decoded(size: tuple[int, int]):
    tracemalloc.start()
    with pytest.raises(BadInput, match=r"megapixels|side|header is damaged"):
        processed(png_claiming(*size))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000


def test_as_many_pixels_as_are_allowed_are_opened():
    assert open_picture(png_claiming(10_000, MAX_PIXELS // 10_000)).width == 10_000


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("share", [0.02, 0.3, 0.9, 0.99])
def test_a_truncated_image_is_refused_and_nothing_is_written(format: str, share: float):
    whole = encoded(noise(), format)
    bucket = Bucket({"it": whole[: int(share * len(whole))]})
    with pytest.raises(BadInput, match=r"damaged or incomplete|header is damaged|is not a JPEG"):
        handle({"key": "it"}, SimpleNamespace(objects=bucket))  # type: ignore[arg-type]
    assert not bucket.written


@pytest.mark.parametrize("format", FORMATS)
def test_an_image_with_flipped_bytes_is_refused_or_read_but_does_no_harm(format: str):
    whole = encoded(halves((64, 48)), format)
    random = np.random.default_rng(1)
    for _ in range(40):
        data = bytearray(whole)
        for place in random.integers(0, min(len(data), 600), 4):
            data[place] = int(random.integers(0, 256))
        try:
            assert len(processed(bytes(data))[1].written) == 3
        except BadInput as error:
            assert str(error)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"not an image", "is not a JPEG"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "is not a JPEG"),
        (b"%PDF-1.7\n", "is not a JPEG"),
        (b"RIFF\x10\0\0\0WAVEfmt ", "is not a JPEG"),
        (encoded(halves(), "TIFF"), "is not a JPEG"),
        (b"\x89PNG\r\n\x1a\n", "header is damaged"),
        (b"\xff\xd8\xff\xe0", "header is damaged"),
        (b"GIF89a", "header is damaged"),
        (b"RIFF\x10\0\0\0WEBPVP8 ", "header is damaged"),
    ],
)
def test_what_is_no_image_is_refused_with_the_reason(data: bytes, reason: str):
    with pytest.raises(BadInput, match=reason):
        processed(data)


def test_a_too_large_object_is_refused():
    with pytest.raises(BadInput, match=f"larger than {MAX_BYTES} bytes"):
        processed(b"\xff" * (MAX_BYTES + 1))


# ── the worker's files ────────────────────────────────────────────────────────


def test_the_examples_of_the_input_schema_are_valid_and_other_input_is_not():
    schema = yaml.safe_load((FOLDER / "worker.yaml").read_text())["input"]
    validate = fastjsonschema.compile(schema)
    for example in schema["examples"]:
        validate(example)
    for bad in ({}, {"key": ""}, {"key": 3}, {"key": "k", "no_such": 1}, {"key": "k", "bucket": "NO"}, {"size": -1}):
        with pytest.raises(fastjsonschema.JsonSchemaValueException):
            validate(bad)


def test_the_tests_ran_with_the_packages_that_the_image_gets():
    from importlib.metadata import version

    lines = (FOLDER / "requirements.txt").read_text().splitlines()
    pins = dict(line.split()[0].split("==") for line in lines if line and not line.lstrip().startswith("#"))
    assert {name: version(name) for name in pins} == pins
