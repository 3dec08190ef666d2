"""Summary, keywords and topics by a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from workers.engines import Engine, Unusable
from workers.engines.answers import ask

READ = 40_000  # characters of the text that the model is given
LONGEST_SENTENCE = 400  # characters
MOST_TOPICS = 5

_STRINGS = {"type": "array", "items": {"type": "string"}}
_TOPIC = {
    "type": "object",
    "additionalProperties": False,
    "required": ["label", "terms"],
    "properties": {"label": {"type": "string"}, "terms": _STRINGS},
}
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["summary", "keywords", "topics"],
    "properties": {"summary": _STRINGS, "keywords": _STRINGS, "topics": {"type": "array", "items": _TOPIC}},
}


@dataclass(frozen=True)
class Reading:
    """summary: sentences. topics: label → terms."""

    summary: list[str]
    keywords: list[str]
    topics: dict[str, list[str]]


def read(engine: Engine, text: str, *, language: str, keywords: int, sentences: int) -> Reading:
    """What the model says about `text`, within the limits. `Unusable` if it stays over them."""

    def check(answer: dict[str, Any]) -> None:
        _at_most("summary", answer["summary"], sentences, LONGEST_SENTENCE)
        _at_most("keywords", answer["keywords"], keywords, 80)
        _at_most("topics", [topic["label"] for topic in answer["topics"]], MOST_TOPICS, 80)

    task = (
        f"Read the article and answer in its language ({language}). "
        f"summary: at most {sentences} sentences of at most {LONGEST_SENTENCE} characters each. "
        f"keywords: at most {keywords} terms that occur in the article, the most important first. "
        f"topics: at most {MOST_TOPICS}, each with the terms of the article that belong to it."
    )
    answer = ask(engine, task, schema=SCHEMA, check=check, material={"article": text[:READ]})
    return Reading(answer["summary"], answer["keywords"], {t["label"]: t["terms"] for t in answer["topics"]})


def _at_most(name: str, values: list[str], count: int, length: int) -> None:
    if not 0 < len(values) <= count:
        raise Unusable(f"{name} must hold 1 to {count} entries, not {len(values)}")
    if any(not value.strip() or len(value) > length for value in values):
        raise Unusable(f"each entry of {name} must have 1 to {length} characters")
