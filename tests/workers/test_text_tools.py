"""Encodings, documents, sentences, shortening, language and keywords."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from worker_texts import TEXTS

from workers.engines.text.document import read_document
from workers.engines.text.encoding import decode
from workers.engines.text.keywords import extract
from workers.engines.text.language import Language, detect
from workers.engines.text.ranking import centrality
from workers.engines.text.sentences import split_sentences, words
from workers.engines.text.shorten import ELLIPSIS, shorten
from workers.runtime import BadInput

ENCODINGS = {
    "en": ["ascii", "utf-16", "utf-32"],
    "de": ["cp1252", "utf-8-sig"],
    "fr": ["latin-1"],
    "ja": ["shift_jis", "euc_jp", "iso2022_jp", "utf-16-le"],
    "zh": ["gb18030", "big5"],
    "ko": ["euc_kr"],
    "ru": ["cp1251", "koi8_r"],
    "ar": ["cp1256"],
}


# ── encodings ─────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("language", "encoding"), [(name, each) for name, all in ENCODINGS.items() for each in all])
def test_text_in_any_usual_encoding_is_decoded(language: str, encoding: str):
    text = TEXTS[language]
    data = text.encode(encoding, errors="ignore")
    mark = b"\xff\xfe" if encoding == "utf-16-le" else b""
    assert decode(mark + data) == (mark + data).decode("utf-16" if mark else encoding)


@pytest.mark.parametrize(
    ("declared", "encoding"), [("iso-8859-1", "cp1252"), ("gb2312", "gb18030"), ("shift_jis", "cp932")]
)
def test_a_page_is_read_in_the_superset_of_what_it_declares_as_browsers_do(declared: str, encoding: str):
    letters = {"cp1252": "“€ 5”", "gb18030": "镕", "cp932": "①"}[encoding]
    page = f'<html><head><meta charset="{declared}"></head><body><p>{letters}</p></body></html>'
    assert letters in decode(page.encode(encoding))


def test_utf_8_wins_over_a_wrong_declaration():
    assert "Brötchen" in decode('<html><meta charset="iso-8859-1"><p>Brötchen</p></html>'.encode())


def test_the_http_header_wins_over_the_page():
    page = '<html><meta charset="koi8-r"><p>хлеб</p></html>'.encode("cp1251")
    assert "хлеб" in decode(page, "windows-1251")


def test_an_unknown_charset_is_ignored():
    page = '<html><meta charset="no-such"><p>frisches Brot für alle Gäste</p></html>'.encode("cp1252")
    assert "für alle Gäste" in decode(page)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b" \n\t ", "empty"),
        (b"%PDF-1.7 ...", "PDF"),
        (b"PK\x03\x04 ...", "ZIP"),
        (b"\x89PNG\r\n\x1a\n....", "PNG"),
        (b"\xff\xd8\xff\xe0....", "JPEG"),
        (b"\x1f\x8b\x08....", "gzip"),
        (bytes(range(256)) * 20, "binary"),
        (b"\x00" * 500, "binary"),
        (b"text with a \x00\x01\x02 tail " * 5, "binary"),
    ],
)
def test_what_is_not_text_is_refused_with_the_reason(data: bytes, reason: str):
    with pytest.raises(BadInput, match=reason):
        decode(data)


@given(st.binary(max_size=400))
def test_any_bytes_are_decoded_or_refused(data: bytes):
    try:
        assert isinstance(decode(data), str)
    except BadInput:
        pass


# ── documents ─────────────────────────────────────────────────────────────────


def test_a_page_gives_its_article_without_navigation_scripts_and_footer():
    page = read_document(
        b"""<!doctype html><html lang="en"><head><title>Rye &amp; more</title>
        <meta name="Description" content="About  rye"></head><body><nav><a href=/>Home</a></nav>
        <article><h1>Our <b>rye</b></h1><p>Rye bread starts with a sour dough that is fed twice a day for a week.</p>
        <p>On baking day the dough rests for three hours, and then it goes into the stone oven.</p>
        <script>tracking()</script></article><footer>All rights reserved</footer></body></html>"""
    )
    assert page.title == "Rye & more"
    assert page.heading == "Our rye"
    assert page.description == "About rye"
    assert page.language == "en"
    assert "sour dough" in page.text
    for noise in ("Home", "tracking", "All rights"):
        assert noise not in page.text


def test_a_short_page_keeps_all_its_text():
    assert read_document(b"<html><body><p>Closed on Monday.</p></body></html>").paragraphs == ("Closed on Monday.",)


def test_a_page_that_is_only_a_script_has_no_paragraphs():
    page = b"<html><head><title>App</title></head><body><noscript>Turn on</noscript><script>x</script></body></html>"
    assert read_document(page).paragraphs == ()


def test_plain_text_is_split_at_blank_lines_and_unwrapped():
    document = read_document(b"First line\nof a paragraph.\n\nSecond one.")
    assert document.paragraphs == ("First line of a paragraph.", "Second one.")
    assert not document.html


def test_text_without_blank_lines_has_one_paragraph_a_line_unless_it_was_wrapped():
    assert len(read_document(TEXTS["en"].encode()).paragraphs) == 1
    assert len(read_document(b"Rye bread\nWheat bread\nSpelt bread").paragraphs) == 3


def test_japanese_lines_are_unwrapped_without_a_space():
    assert read_document("これは\n長い文です。\n\n次。".encode()).paragraphs == ("これは長い文です。", "次。")


@pytest.mark.parametrize("data", [b"1234 5678", b"--- *** ---", "🙂🙂".encode()])
def test_text_without_words_is_refused(data: bytes):
    with pytest.raises(BadInput, match="no words"):
        read_document(data)


def test_a_page_nested_a_hundred_thousand_levels_deep_is_refused_or_read_but_does_no_harm():
    page = b"<html><body>" + b"<div>" * 100_000 + b"some words" + b"</div>" * 100_000
    with pytest.raises(BadInput, match="deeper than"):
        read_document(page)


@given(st.text(alphabet="<>/abdhimlpty=\"' \n&;é", max_size=200))
def test_any_markup_is_read_or_refused(markup: str):
    try:
        read_document(("<html>" + markup).encode())
    except BadInput:
        pass


# ── sentences and words ───────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        (
            "Dr. Smith paid $3.50, i.e. less. Was it much? No!",
            ["Dr. Smith paid $3.50, i.e. less.", "Was it much?", "No!"],
        ),
        ("Er kam z. B. nach Köln. Das war gut.", ["Er kam z. B. nach Köln.", "Das war gut."]),
        ("パン屋は六時に開きます。「本当？」はい！", ["パン屋は六時に開きます。", "「本当？」", "はい！"]),
        ("هل هذا صحيح؟ نعم. شكرا.", ["هل هذا صحيح؟", "نعم.", "شكرا."]),
        ("यह अच्छा है। वह आया।", ["यह अच्छा है।", "वह आया।"]),
    ],
)
def test_sentences_are_split_in_many_scripts(text: str, sentences: list[str]):
    assert split_sentences([text]) == sentences


def test_words_are_counted_like_a_word_processor_does():
    assert words("The baker's 12 rye-loaves") == ["The", "baker's", "12", "rye-loaves"]
    assert len(words("ライ麦パン")) == 5
    assert words("अच्छा") == ["अच्छा"]


# ── shortening ────────────────────────────────────────────────────────────────


@given(st.text(max_size=300), st.integers(min_value=2, max_value=80))
def test_shortened_text_fits_and_is_a_beginning_of_the_text(text: str, limit: int):
    short = shorten(text, limit)
    assert len(short) <= limit
    assert " ".join(text.split()).startswith(short.removesuffix(ELLIPSIS).rstrip()) or short == ELLIPSIS


@given(st.lists(st.text(alphabet="abcdefgh", min_size=1, max_size=8), min_size=1, max_size=60), st.integers(20, 80))
def test_no_word_is_cut(parts: list[str], limit: int):
    short = shorten(" ".join(parts), limit).removesuffix(ELLIPSIS).split()
    assert short == parts[: len(short)]


def test_japanese_is_cut_between_words_and_a_family_stays_together():
    assert shorten("このパン屋は毎朝六時に開店し、ライ麦パンを売っています", 15) == "このパン屋は毎朝六時に…"
    family = "👩‍👩‍👧‍👦"
    assert shorten(family * 3, 12) == family + ELLIPSIS


# ── language, keywords, ranking ───────────────────────────────────────────────


@pytest.mark.parametrize("code", sorted(TEXTS))
def test_the_language_is_recognized(code: str):
    found = detect(TEXTS[code])
    assert found.code == code
    assert found.confidence > 0.8


def test_where_the_text_leaves_doubt_the_page_is_believed():
    assert detect("OK", "pt-BR").code == "pt"
    assert detect("12 34").code == "und"


@pytest.mark.parametrize(
    ("code", "keyword"),
    [
        ("en", "Rye bread"),
        ("de", "Roggenbrot"),
        ("fr", "pain de seigle"),
        ("ja", "ライ麦パン"),
        ("zh", "黑麦面包"),
        ("ko", "호밀빵"),
        ("ru", "Ржаной хлеб"),
        ("ar", "خبز الجاودار"),
    ],
)
def test_what_a_text_is_about_is_among_its_best_three_keywords(code: str, keyword: str):
    found = extract(TEXTS[code], detect(TEXTS[code]), 10)
    assert keyword.casefold() in [each.term.casefold() for each in found[:3]]
    relevances = [each.relevance for each in found]
    assert relevances[0] == 1
    assert relevances == sorted(relevances, reverse=True)


@pytest.mark.parametrize("code", sorted(TEXTS))
def test_what_recurs_goes_before_what_is_said_once(code: str):
    text = " ".join(TEXTS[code].split()).casefold()
    recurs = [text.count(each.term.casefold()) > 1 for each in extract(TEXTS[code], detect(TEXTS[code]), 10)]
    assert recurs == sorted(recurs, reverse=True)
    assert recurs[0]


def test_keywords_do_not_repeat_each_other():
    found = [each.term.casefold() for each in extract(TEXTS["en"], Language("en", 1.0), 10)]
    assert "rye bread" in found
    assert not {"rye", "bread", "rye bread starts"} & set(found)


def test_a_sentence_that_shares_words_with_all_others_is_most_central():
    sentences = ["rye bread is baked", "rye bread is sold here", "bread is sold", "nobody plays chess"]
    scores = centrality(sentences, Language("en", 1.0))
    assert scores.argmax() == 1
    assert scores.argmin() == 3
    assert scores.sum() == pytest.approx(1, abs=1e-6)
