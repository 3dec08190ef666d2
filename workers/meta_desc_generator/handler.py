"""An HTML page, a text or a URL in an object → title, meta description and keywords."""

from __future__ import annotations

import re
from dataclasses import asdict, replace
from importlib.metadata import version
from typing import Any

from workers.engines.text.document import Document, read_document
from workers.engines.text.encoding import decode
from workers.engines.text.keywords import extract
from workers.engines.text.language import Language, detect
from workers.engines.text.sentences import split_sentences
from workers.meta_desc_generator import model
from workers.meta_desc_generator.offline import choose_description, choose_title
from workers.runtime import BadInput, Context

MAX_BYTES = 5 * 1024**2
KEYWORDS = 8
LONGEST_URL = 2048
LITTLE = 200  # characters of text below which a description is guesswork
_URL = re.compile(r"\s*([a-z][a-z0-9+.-]*)://\S+\s*", re.IGNORECASE)
_TITLE_LINE = 100  # characters; a text's first line without a full stop, at most this long, is its title


def handle(input: dict[str, Any], context: Context) -> dict[str, Any]:
    """See worker.yaml for `input`.

    BadInput if the object is missing, too large, binary or without text, or holds a URL that is not public.
    """
    data = context.objects.read(input.get("bucket"), input["key"], max_bytes=MAX_BYTES)
    url, document = _document(data, context.remaining_seconds())
    document = _told(document)
    language = detect(document.text, document.language)
    made = _by_model(document, language, context.engine) if context.engine else _offline(document, language)
    result = {
        **made,
        "language": asdict(language),
        "existing": {"title": document.title, "description": document.description},
    }
    if len(document.text) < LITTLE:
        result["notes"].append("The page holds very little text.")
    return result | ({"url": url} if url else {})


def _document(data: bytes, seconds: float) -> tuple[str | None, Document]:
    """The URL that was fetched, if any, and the page."""
    found = _URL.fullmatch(decode(data)) if len(data) <= LONGEST_URL else None
    if not found:
        return None, read_document(data)
    if found[1].lower() not in ("http", "https"):
        raise BadInput(f"the object holds a {found[1].lower()} URL; only http and https are fetched")
    from workers.meta_desc_generator import fetch

    page = fetch.fetch(found[0].strip(), max_bytes=MAX_BYTES, seconds=min(fetch.SECONDS, seconds))
    return page.url, read_document(page.data, page.charset)


def _told(document: Document) -> Document:
    """The document with a title if a plain text begins with one, and with text if a page only declares some."""
    paragraphs = document.paragraphs
    if not document.html and len(paragraphs) > 1 and len(paragraphs[0]) <= _TITLE_LINE and paragraphs[0][-1].isalnum():
        return Document(paragraphs[1:], title=paragraphs[0])
    if not paragraphs:
        declared = tuple(text for text in (document.title, document.description) if text)
        if not declared:
            raise BadInput("the page holds no readable text")
        paragraphs = declared
    return replace(document, paragraphs=paragraphs)


def _offline(document: Document, language: Language) -> dict[str, Any]:
    sentences = split_sentences(document.paragraphs)
    keywords = extract(document.text, language, KEYWORDS)
    title = choose_title(document, sentences)
    description = choose_description(document, sentences, language, keywords)
    kept = [name for name, choice in (("title", title), ("description", description)) if choice.own]
    return {
        "title": title.text,
        "description": description.text,
        "keywords": [keyword.term for keyword in keywords],
        "engine": f"offline:yake-{version('yake')}+lexrank",
        "notes": [f"The page's own {name} is kept: it fits." for name in kept],
    }


def _by_model(document: Document, language: Language, engine: Any) -> dict[str, Any]:
    return {**model.write(engine, document, language.code), "engine": engine.name, "notes": []}
