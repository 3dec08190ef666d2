"""meta_desc_generator on pages, texts and URLs, on bad input, and with a model."""

from __future__ import annotations

import gzip
import json
import socket
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from worker_fakes import SAMPLES, ScriptedEngine, WebServer
from worker_texts import TEXTS

from workers.engines import Unusable
from workers.meta_desc_generator.fetch import PageUnavailable, fetch
from workers.meta_desc_generator.handler import handle
from workers.runtime import BadInput, Context

Make = Callable[..., Context]
MIB = 1024**2


def page(body: str, head: str = "") -> bytes:
    return f'<!doctype html><html><head><meta charset="utf-8">{head}</head><body>{body}</body></html>'.encode()


# ── pages and texts ───────────────────────────────────────────────────────────


@pytest.mark.parametrize("code", sorted(TEXTS))
def test_each_language_gets_a_description_of_whole_words_from_its_text(code: str, context: Make):
    article = page(f"<p>{TEXTS[code]}</p>", "<title>Home</title>")
    result = handle({"key": "it"}, context(article))
    text = " ".join(TEXTS[code].split())
    description = result["description"].removesuffix("…")
    assert result["language"]["code"] == code
    assert 20 <= len(result["description"]) <= 160
    assert len(result["title"]) <= 60
    assert description.replace(" ", "") in text.replace(" ", "")
    if " " in description:
        assert set(description.split()) <= set(text.split())
    assert result["keywords"]


def test_the_sample_page_gets_its_heading_as_title_because_its_own_is_too_long(context: Make):
    result = handle({"key": "it"}, context((SAMPLES / "meta_desc_generator" / "page.html").read_bytes()))
    assert result["title"] == "Rye bread that stays fresh for a week"
    assert result["existing"]["title"].startswith("How we bake rye bread")
    assert result["existing"]["description"] == "Rye bread."
    assert "sour dough" in result["description"]
    assert 50 <= len(result["description"]) <= 160
    assert result["keywords"][0] == "Rye bread"
    assert result["engine"].startswith("offline:")


def test_a_fitting_title_and_description_of_the_page_are_kept_and_said_to_be(context: Make):
    own = "Why rye bread keeps for a week, how we bake it, and on which days you can buy it."
    result = handle(
        {"key": "it"},
        context(page(f"<p>{TEXTS['en']}</p>", f'<title>Rye bread</title><meta name="description" content="{own}">')),
    )
    assert (result["title"], result["description"]) == ("Rye bread", own)
    assert len([note for note in result["notes"] if "kept" in note]) == 2


@pytest.mark.parametrize(
    ("head", "heading", "title"),
    [
        ("<title>Rye bread | Old Mill Bakery</title>", "", "Rye bread | Old Mill Bakery"),
        (
            "<title>Rye bread for everybody in town – Old Mill Bakery and Café at the Lane</title>",
            "",
            "Rye bread for everybody in town",
        ),
        ("<title>Home</title>", "<h1>Rye bread</h1>", "Rye bread"),
        ('<meta property="og:title" content="Rye from og">', "", "Rye from og"),
    ],
)
def test_the_title_fits_into_sixty_characters(head: str, heading: str, title: str, context: Make):
    result = handle({"key": "it"}, context(page(f"{heading}<p>{TEXTS['en']}</p>", head)))
    assert result["title"] == title


def test_a_description_does_not_begin_with_a_sentence_that_leans_on_another(context: Make):
    text = """<p>It is so. This makes the rye bread of the stone oven taste of rye bread and of the stone oven.</p>
    <p>The rye bread of this bakery is baked in a stone oven that is lit with beech wood.</p>"""
    result = handle({"key": "it"}, context(page(text)))
    assert result["description"].startswith("The rye bread of this bakery")


def test_one_endless_sentence_is_cut_after_a_whole_word(context: Make):
    long = "bread " + "and honest butter " * 40
    result = handle({"key": "it"}, context(long.encode()))
    assert result["description"].endswith("…")
    assert 100 < len(result["description"]) <= 160
    assert set(result["description"].rstrip("…").split()) == {"bread", "and", "honest", "butter"}


def test_a_plain_text_gives_its_first_line_as_title(context: Make):
    result = handle({"key": "it"}, context((SAMPLES / "content_analyzer" / "article.txt").read_bytes()))
    assert result["title"] == "Why a lighthouse blinks"
    assert "lighthouse" in result["keywords"]


def test_a_page_that_only_declares_a_title_is_described_by_it(context: Make):
    shell = page('<div id="root"></div><script>app()</script>', "<title>Rye bread shop</title>")
    result = handle({"key": "it"}, context(shell))
    assert result["title"] == "Rye bread shop"
    assert "little text" in " ".join(result["notes"])


def test_a_page_in_windows_1252_is_read_right(context: Make):
    text = page(f"<p>{TEXTS['de']}</p>").decode().replace("utf-8", "iso-8859-1").encode("cp1252")
    result = handle({"key": "it"}, context(text))
    assert "gefüttert" in result["description"]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (page(""), "no readable text"),
        (page("<img src=a.jpg><script>x</script>"), "no readable text"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "PNG"),
        (bytes(range(256)) * 9, "binary"),
        (b"<html>" + b"x" * (5 * MIB), "larger"),
    ],
)
def test_a_page_without_text_is_refused_with_the_reason(data: bytes, reason: str, context: Make):
    with pytest.raises(BadInput, match=reason):
        handle({"key": "it"}, context(data))


# ── URLs ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://localhost:8080/admin",
        "http://169.254.169.254/latest/meta-data/",
        "http://169.254.170.2/v2/credentials",
        "http://10.0.0.5/",
        "http://192.168.1.1/",
        "http://172.16.0.1/",
        "http://100.64.0.1/",
        "http://0.0.0.0/",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://[::1]/",
        "http://[fe80::1]/",
        "http://[fd00:ec2::254]/",
        "http://[::ffff:169.254.169.254]/",
        "https://[64:ff9b::a9fe:a9fe]/",
    ],
)
def test_no_address_inside_is_reached(url: str, context: Make):
    with pytest.raises(BadInput, match="not public"):
        handle({"key": "it"}, context(url.encode()))


def test_a_name_that_resolves_to_an_inside_address_is_not_reached(context: Make, monkeypatch: pytest.MonkeyPatch):
    inside = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.1.2.3", 80))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: inside)
    with pytest.raises(BadInput, match="not public"):
        handle({"key": "it"}, context(b"http://intranet.example.com/\n"))


def test_a_proxy_of_this_machine_is_not_used(web: WebServer, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    web.answers("/", (200, {"Content-Type": "text/html"}, b"direct"))
    assert fetch(web.url, max_bytes=MIB, allow_loopback=True).data == b"direct"


@pytest.mark.parametrize(
    "url", ["ftp://example.com/a", "file:///etc/passwd", "gopher://example.com/", "s3://bucket/key"]
)
def test_only_http_is_fetched(url: str, context: Make):
    with pytest.raises(BadInput, match="only http and https"):
        handle({"key": "it"}, context(url.encode()))


def test_a_page_is_fetched_over_redirects(web: WebServer):
    web.answers("/old", (301, {"Location": "/new"}, b""))
    web.answers("/new", (200, {"Content-Type": "text/html; charset=Shift_JIS"}, "パン".encode("shift_jis")))
    found = fetch(f"{web.url}/old", max_bytes=MIB, allow_loopback=True)
    assert found.url == f"{web.url}/new"
    assert found.data.decode(found.charset or "") == "パン"


def test_a_redirect_to_the_inside_is_not_followed(web: WebServer):
    web.answers("/", (302, {"Location": "http://169.254.169.254/latest/"}, b""))
    with pytest.raises(BadInput, match="not public"):
        fetch(web.url, max_bytes=MIB, allow_loopback=True)


def test_a_redirect_to_a_file_is_not_followed(web: WebServer):
    web.answers("/", (302, {"Location": "file:///etc/passwd"}, b""))
    with pytest.raises(BadInput, match="not a valid http"):
        fetch(web.url, max_bytes=MIB, allow_loopback=True)


def test_an_endless_redirect_ends(web: WebServer):
    web.answers("/", (302, {"Location": "/"}, b""))
    with pytest.raises(BadInput, match="more than 5 times"):
        fetch(web.url, max_bytes=MIB, allow_loopback=True)
    assert len(web.calls) == 6


@pytest.mark.parametrize(
    ("answer", "error", "reason"),
    [
        ((404, {}, b"no"), BadInput, "HTTP 404"),
        ((503, {}, b"no"), PageUnavailable, "HTTP 503"),
        ((429, {}, b"no"), PageUnavailable, "HTTP 429"),
        ((200, {"Content-Type": "application/pdf"}, b"%PDF"), BadInput, "application/pdf"),
        ((200, {"Content-Type": "text/html"}, b"x" * (MIB + 1)), BadInput, "larger than 1 MB"),
        ((200, {"Content-Encoding": "gzip"}, gzip.compress(b"x" * 20 * MIB)), BadInput, "larger than 1 MB"),
        ((200, {"slow": "yes"}, b""), PageUnavailable, "ReadTimeout"),
    ],
)
def test_what_is_no_page_ends_the_job_and_what_may_pass_is_tried_again(
    web: WebServer, answer: tuple[int, dict[str, str], bytes], error: type[Exception], reason: str
):
    web.answers("/", answer)
    with pytest.raises(error, match=reason):
        fetch(web.url, max_bytes=MIB, seconds=0.5, allow_loopback=True)


def test_a_host_that_does_not_exist_ends_the_job(monkeypatch: pytest.MonkeyPatch):
    def unknown(*_: Any, **__: Any) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(BadInput, match="does not exist"):
        fetch("http://no-such-host.example/", max_bytes=MIB)


def test_a_fetched_page_is_described_and_its_address_returned(
    web: WebServer, context: Make, monkeypatch: pytest.MonkeyPatch
):
    web.answers(
        "/rye", (200, {"Content-Type": "text/html"}, (SAMPLES / "meta_desc_generator" / "page.html").read_bytes())
    )
    monkeypatch.setattr(
        "workers.meta_desc_generator.fetch.fetch", lambda url, **options: fetch(url, **options, allow_loopback=True)
    )
    result = handle({"key": "it"}, context(f"{web.url}/rye\n".encode()))
    assert result["url"] == f"{web.url}/rye"
    assert result["title"] == "Rye bread that stays fresh for a week"


def test_a_fetch_is_given_no_more_time_than_the_job_has_left(context: Make, monkeypatch: pytest.MonkeyPatch):
    given: list[float] = []

    def slow(url: str, *, max_bytes: int, seconds: float) -> None:
        given.append(seconds)
        raise PageUnavailable("too slow")

    monkeypatch.setattr("workers.meta_desc_generator.fetch.fetch", slow)
    late = replace(context(b"https://example.com/"), deadline=time.monotonic() + 3)
    with pytest.raises(PageUnavailable):
        handle({"key": "it"}, late)
    assert 0 < given[0] <= 3


# ── with a model ──────────────────────────────────────────────────────────────


def answer(**fields: Any) -> str:
    return json.dumps({"title": "Rye bread", "description": "How rye bread is made.", "keywords": ["rye"]} | fields)


def test_a_model_writes_title_and_description(context: Make):
    engine = ScriptedEngine([answer()])
    result = handle({"key": "it"}, context((SAMPLES / "meta_desc_generator" / "page.html").read_bytes(), engine=engine))
    assert result["title"] == "Rye bread"
    assert result["description"] == "How rye bread is made."
    assert result["engine"] == "scripted:model"
    assert "sour dough is fed twice" in engine.asked[0].prompt


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"description": "x" * 161}, "description must be one line of 1 to 160 characters, not 161"),
        ({"title": "x" * 61}, "title must be one line of 1 to 60 characters, not 61"),
        ({"title": "two\nlines"}, "title must be one line"),
        ({"keywords": ["k"] * 11}, "keywords must hold at most 10"),
    ],
)
def test_a_model_that_goes_over_a_limit_is_told_and_repaired(fields: dict[str, Any], told: str, context: Make):
    engine = ScriptedEngine([answer(**fields), answer()])
    handle({"key": "it"}, context(TEXTS["en"].encode(), engine=engine))
    assert told in engine.asked[1].prompt


def test_a_model_that_stays_over_a_limit_fails_the_attempt(context: Make):
    long = answer(description="x" * 161)
    with pytest.raises(Unusable, match="160"):
        handle({"key": "it"}, context(TEXTS["en"].encode(), engine=ScriptedEngine([long, long])))
