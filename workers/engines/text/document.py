"""HTML or plain text → the paragraphs that a reader would read, and what a page says about itself."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from unicodedata import east_asian_width

from workers.engines.text.encoding import decode
from workers.runtime import BadInput

if TYPE_CHECKING:
    from lxml.html import HtmlElement

_HTML = re.compile(r"<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE)
_FRAGMENT = re.compile(r"\s*<(?:!--|\w+[\s>/])")
_BLANK_LINES = re.compile(r"\n\s*\n")
_LETTER = re.compile(r"[^\W\d_]")
_SPACELESS = re.compile(r"(?<=[\u3000-\u9fff\uff00-\uffef])\n(?=[\u3000-\u9fff\uff00-\uffef])")
_NOT_CONTENT = ("script", "style", "noscript", "template", "svg", "iframe")
_WRAPPED_AT = 40, 160  # columns: at least on average, at most
_ENDS = (".", "!", "?", ":", "…", "。", "！", "？", "؟", "।")
_DEEPEST = 250  # nested elements; extraction recurses


@dataclass(frozen=True)
class Document:
    """paragraphs: the main text. The rest is what an HTML page declares: None where it does not."""

    paragraphs: tuple[str, ...]
    html: bool = False
    title: str | None = None
    heading: str | None = None
    description: str | None = None
    language: str | None = None

    @property
    def text(self) -> str:
        return "\n".join(self.paragraphs)


def read_document(data: bytes, charset: str | None = None) -> Document:
    """The document in `data`, which may be HTML or plain text in any encoding. BadInput if it is neither.

    Its paragraphs may be empty: a page can consist of a title and a script.

    charset: what an HTTP header declares.
    """
    text = decode(data, charset).replace("\r\n", "\n").replace("\r", "\n")
    if _HTML.search(text[:2048]) or _FRAGMENT.match(text):
        return _from_html(text)
    if not _LETTER.search(text):
        raise BadInput("the object holds no words")
    return Document(_paragraphs(text))


def _paragraphs(text: str) -> tuple[str, ...]:
    """Blank lines separate paragraphs; without any, each line is one, unless the text was wrapped by an editor."""
    blocks = _BLANK_LINES.split(text.strip())
    if len(blocks) == 1 and not _wrapped(lines := text.strip().split("\n")):
        blocks = lines
    joined = (" ".join(_SPACELESS.sub("", block.strip()).split()) for block in blocks)
    return tuple(block for block in joined if block)


def _wrapped(lines: list[str]) -> bool:
    """Whether the lines are as long as an editor makes them, and many break off in mid-sentence."""
    inner = [line.rstrip() for line in lines[:-1]]
    widths = [sum(2 if east_asian_width(character) in "WF" else 1 for character in line) for line in inner]
    if not inner or sum(widths) < _WRAPPED_AT[0] * len(inner) or max(widths) > _WRAPPED_AT[1]:
        return False
    return 3 * sum(not line.endswith(_ENDS) for line in inner) >= len(inner)


def _from_html(text: str) -> Document:
    import trafilatura

    logging.getLogger("trafilatura").setLevel(logging.CRITICAL)  # what it finds amiss is answered below
    tree: HtmlElement | None = trafilatura.load_html(text)
    if tree is None:
        raise BadInput("the page is not HTML that can be read")
    if _depth(tree) > _DEEPEST:
        raise BadInput(f"the page nests elements deeper than {_DEEPEST} levels")
    declared = _declared(tree)
    for element in list(tree.iter(*_NOT_CONTENT)):
        element.drop_tree()
    main = trafilatura.bare_extraction(tree, include_comments=False, with_metadata=False)
    found = getattr(main, "text", None) or ""  # None if it found no article
    if not _LETTER.search(found):
        found = trafilatura.html2txt(tree)
    lines = (" ".join(line.split()) for line in found.splitlines())
    return Document(tuple(line for line in lines if _LETTER.search(line)), html=True, **declared)


def _depth(tree: HtmlElement) -> int:
    deepest, level = 0, [tree]
    while level and deepest <= _DEEPEST:
        deepest, level = deepest + 1, [child for element in level for child in element]
    return deepest


def _declared(tree: HtmlElement) -> dict[str, str | None]:
    def first(*paths: str) -> str | None:
        for path in paths:
            for node in tree.xpath(path):
                text = " ".join((node if isinstance(node, str) else node.text_content()).split())
                if text:
                    return text
        return None

    name = "translate(@name, 'DESCRIPTION', 'description')"
    return {
        "title": first("//head/title", "//meta[@property='og:title']/@content"),
        "heading": first("//h1"),
        "description": first(f"//meta[{name}='description']/@content", "//meta[@property='og:description']/@content"),
        "language": first("/html/@lang"),
    }
