"""sales_report: the PDF's pages, letters and layout; what it looks like was looked at, and this keeps it so."""

from __future__ import annotations

import io

import pytest
from pypdf import PdfReader
from report_support import Shop, row

from workers.sales_report.lettering import BOLD, MARK, Lettering, fitting, shortened


def test_it_is_a4_with_a_title_numbered_pages_and_embedded_fonts(shop: Shop):
    made = shop.of(*(row(str(n), product=f"P{n}") for n in range(40)), timezone="Europe/Berlin")
    reader = PdfReader(io.BytesIO(made.pdf))
    assert reader.metadata is not None
    assert reader.metadata.title == "Sales report: Sunday, 2 November 2025"
    for number, page in enumerate(reader.pages, 1):
        assert [round(float(side)) for side in page.mediabox[2:]] == [595, 842]
        assert f"Page {number} of {len(reader.pages)}" in made.pages[number - 1]
        for font in page["/Resources"]["/Font"].values():  # type: ignore[index]
            if font["/BaseFont"] != "/Helvetica":  # which ReportLab declares on every page
                assert "/FontFile2" in font["/FontDescriptor"]
    for shown in ("Europe/Berlin, UTC+1", "scheduled run of 3 November 2025, 06:00 (UTC+1)", "s3://uploads/orders/"):
        assert shown in made.pages[0]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Crème brûlée ÄÖÜß Łódź İstanbul", None),
        ("Чай чёрный", None),
        ("Ελληνικός καφές", None),
        ("Trà đá Việt Nam", None),
        ("₽ ₹ ₺ – „x“", None),
        ("Cafe\u0301", "Café"),
        ("  two\u00a0 spaces\u200b ", "two spaces"),
        ("抹茶 100g", "MoCha 100g*"),
        ("ชา", "cha*"),
        ("שלום", "slvm*"),
        ("tea ☕", "tea :coffee:*"),
        ("\ue000", "?*"),
    ],
)
def test_letters_that_the_font_lacks_are_transliterated_and_marked(name: str, shown: str | None):
    letters = Lettering()
    assert letters.plain(name) == (shown or name)
    assert letters.transliterated == (shown or "").endswith(MARK)


def test_a_name_in_another_script_is_marked_explained_and_kept_in_the_json(shop: Shop):
    made = shop.of(row("1", product="抹茶", region="Север"))
    assert "MoCha*" in made.text and "Север" in made.text
    assert "Names with * have letters that this report's font lacks" in made.text
    assert made.euro("products")[0]["product"] == "抹茶"
    plain = shop.of(row("1"))
    assert "Names with *" not in plain.text


def test_markup_in_names_is_text(shop: Shop):
    made = shop.of(row("1", product="<b>A</b> & <font size=99>B", region="<para>"))
    assert "<b>A</b> & <font size=99>B" in made.text and "<para>" in made.text


@pytest.mark.parametrize("period", ["day", "week", "month"])
def test_long_names_and_large_amounts_stay_on_the_page(shop: Shop, period: str):
    rows = [
        row(
            str(n),
            at=f"2025-10-{27 + n % 5}T{n % 24:02}:00:00Z",
            product=("Donaudampfschifffahrt" * 9)[: 150 + n],
            region="Region " * 20 + str(n),
            price=f"{8 * 10**12}.99",
        )
        for n in range(40)
    ]
    moment = "2025-11-01T00:00:00Z" if period == "day" else "2025-11-03T00:00:00Z"
    made = shop.of(*rows, period=period, scheduled_at=moment)
    assert made.euro("orders") == {"day": 8, "week": 40, "month": 40}[period]
    for page in PdfReader(io.BytesIO(made.pdf)).pages:
        places = []
        page.extract_text(
            visitor_text=lambda text, cm, tm, font, size, places=places: places.append((cm[4] + tm[4], text))
        )
        assert all(50 <= x <= 595 - 50 for x, text in places if text.strip())


def test_a_text_is_made_to_fit():
    assert fitting("€1", BOLD, 100, 18, 11) == 18
    size = fitting("€1,234,567.89", BOLD, 100, 18, 11)
    assert size and 11 <= size < 18
    assert fitting("€1,234,567,890,123.00", BOLD, 100, 18, 11) is None
    assert shortened("a b c", BOLD, 9, 100) == "a b c"
    assert shortened("Wochenbericht", BOLD, 9, 40) == "Wochen…"


def test_a_chart_needs_no_sales(shop: Shop):
    made = shop.of(row("1", price=0))
    assert (made.euro(), made.euro("orders")) == ("0.00", 1)
    assert "Net sales by hour" in made.text and "€0.75" in made.text


def test_a_name_keeps_its_room_beside_the_largest_numbers_and_is_cut_if_it_is_too_long(shop: Shop):
    made = shop.of(
        row("1", product="Kaffeemaschinenreiniger", quantity=10**10, price=7 * 10**4), row("2", product="Tea " * 40)
    )  # fmt: skip
    assert "Kaffeemaschinenreiniger" in made.text
    assert "Tea " * 22 + "T…" in made.text
