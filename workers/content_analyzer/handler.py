"""Text or HTML → language, readability, keywords, summary and topics."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any

from workers.content_analyzer import model
from workers.content_analyzer.readability import FEWEST_WORDS, readability
from workers.content_analyzer.summary import summarize
from workers.content_analyzer.topics import find_topics, topic
from workers.engines.text.document import Document, read_document
from workers.engines.text.keywords import SAMPLE, extract
from workers.engines.text.language import Language, detect
from workers.engines.text.ranking import MOST
from workers.engines.text.sentences import split_sentences, words
from workers.runtime import BadInput, Context

MAX_BYTES = 5 * 1024**2
KEYWORDS, SENTENCES = 10, 3  # unless the input says otherwise
TOPIC_KEYWORDS = 30  # what topics are made of

# Words a minute, in Japanese and Chinese characters, of a text read aloud.
# Trauzettel-Klosinski and Dietz, "Standardized assessment of reading performance", IOVS 53 (2012).
READING_SPEED = {
    "ar": 138, "de": 179, "en": 228, "es": 218, "fi": 161, "fr": 195, "he": 187, "it": 188, "ja": 357,
    "nl": 202, "pl": 166, "pt": 181, "ru": 184, "sl": 180, "sv": 199, "tr": 166, "zh": 255,
}  # fmt: skip
USUAL_SPEED = 184  # mean of that study


@dataclass(frozen=True)
class Text:
    document: Document
    language: Language
    sentences: list[str]
    words: list[str]


def handle(input: dict[str, Any], context: Context) -> dict[str, Any]:
    """See worker.yaml for `input`. BadInput if the object is missing, too large, binary or without text."""
    text = _read(input, context)
    keywords, sentences = input.get("max_keywords", KEYWORDS), input.get("summary_sentences", SENTENCES)
    ease = readability(text.words, len(text.sentences), text.language.code)
    counted = {
        "characters": len(text.document.text),
        "words": len(text.words),
        "sentences": len(text.sentences),
        "paragraphs": len(text.document.paragraphs),
    }
    return {
        "language": asdict(text.language),
        "counts": counted,
        "reading_minutes": round(len(text.words) / READING_SPEED.get(text.language.code, USUAL_SPEED), 1),
        "readability": asdict(ease) if ease else None,
        **(
            _by_model(text, context.engine, keywords, sentences)
            if context.engine
            else _offline(text, keywords, sentences)
        ),
        "notes": _notes(text, readable=ease is not None, limit=model.READ if context.engine else SAMPLE),
    }


def _read(input: dict[str, Any], context: Context) -> Text:
    if "text" in input:
        data = input["text"].encode(errors="replace")  # JSON can hold half a surrogate pair, UTF-8 cannot
    else:
        data = context.objects.read(input.get("bucket"), input["key"], max_bytes=MAX_BYTES)
    document = read_document(data)
    counted = words(document.text)
    if not counted:
        raise BadInput("the page holds no readable text")
    language = detect(document.text, document.language)
    return Text(document, language, split_sentences(document.paragraphs), counted)


def _offline(text: Text, keywords: int, sentences: int) -> dict[str, Any]:
    found = extract(text.document.text, text.language, max(keywords, TOPIC_KEYWORDS))
    return {
        "keywords": [asdict(keyword) for keyword in found[:keywords]],
        "summary": summarize(text.sentences, text.language, sentences),
        "topics": [asdict(topic) for topic in find_topics(text.sentences, found[:TOPIC_KEYWORDS])],
        "engine": f"offline:yake-{version('yake')}+lexrank",
    }


def _by_model(text: Text, engine: Any, keywords: int, sentences: int) -> dict[str, Any]:
    read = model.read(engine, text.document.text, language=text.language.code, keywords=keywords, sentences=sentences)
    topics = [
        asdict(topic(terms or [label], text.sentences)) | {"label": label} for label, terms in read.topics.items()
    ]
    return {
        "keywords": [{"term": term} for term in read.keywords],
        "summary": read.summary,
        "topics": topics,
        "engine": engine.name,
    }


def _notes(text: Text, *, readable: bool, limit: int) -> list[str]:
    notes: list[str] = []
    if not readable:
        few = len(text.words) < FEWEST_WORDS
        reason = f"the text has fewer than {FEWEST_WORDS} words" if few else f"no formula fits {text.language.code}"
        notes.append(f"No readability: {reason}.")
    if text.language.spaceless:
        notes.append("Words are characters: the script has no spaces between words.")
    if len(text.document.text) > limit or len(text.sentences) > MOST:
        notes.append(f"Keywords come from the first {limit} characters, the summary from the first {MOST} sentences.")
    return notes
