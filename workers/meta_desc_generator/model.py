"""Title, description and keywords by a model."""

from __future__ import annotations

from typing import Any

from workers.engines import Engine, Unusable
from workers.engines.answers import ask
from workers.engines.text.document import Document
from workers.meta_desc_generator.offline import DESCRIPTION, TITLE

READ = 20_000  # characters of the page that the model is given
MOST_KEYWORDS = 10

SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["title", "description", "keywords"],
    "properties": {
        "title": {"type": "string"},
        "description": {"type": "string"},
        "keywords": {"type": "array", "items": {"type": "string"}},
    },
}


def write(engine: Engine, document: Document, language: str) -> dict[str, Any]:
    """Title, description and keywords for `document`, within the limits. `Unusable` if the model stays over them."""
    task = (
        f"Write the title and the meta description of the page for search results, in its language ({language}). "
        f"title: at most {TITLE} characters. description: one or two whole sentences, at most {DESCRIPTION} "
        f"characters. keywords: at most {MOST_KEYWORDS}, the most important first."
    )
    material = {
        "title": document.title or document.heading or "",
        "description": document.description or "",
        "page": document.text[:READ],
    }
    return ask(engine, task, schema=SCHEMA, check=_check, material={k: v for k, v in material.items() if v})


def _check(answer: dict[str, Any]) -> None:
    for name, limit in (("title", TITLE), ("description", DESCRIPTION)):
        text = answer[name]
        if not text.strip() or "\n" in text or len(text) > limit:
            raise Unusable(f"{name} must be one line of 1 to {limit} characters, not {len(text)}")
    if len(answer["keywords"]) > MOST_KEYWORDS:
        raise Unusable(f"keywords must hold at most {MOST_KEYWORDS} entries")
