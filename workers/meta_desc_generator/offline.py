"""Title and description out of the page's own words, without a model."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from workers.engines.text.document import Document
from workers.engines.text.keywords import Keyword
from workers.engines.text.language import Language
from workers.engines.text.ranking import MOST, centrality
from workers.engines.text.shorten import shorten

TITLE, DESCRIPTION = 60, 160  # characters, the most that search results show
ENOUGH = 50  # characters of a description that is worth having; a third of it in scripts without spaces
LEAD = 0.5  # how much more the first sentence counts than the last

_SITE = re.compile(r"\s+[|–—·»•-]\s+|\s*[|｜]\s*")  # between a page's title and its site's name
_SAYS_NOTHING = frozenset({"home", "homepage", "index", "untitled", "untitled document", "document", "welcome"})
# A sentence that begins so leans on the one before it.
_LEANS = re.compile(
    r"(?:this|that|these|those|it|he|she|they|but|and|so|or|however|therefore|also|then|here|"
    r"dies|diese|dieser|dieses|er|sie|es|und|aber|doch|dann|danach|"
    r"ce|cette|ces|il|elle|ils|elles|et|mais|puis|este|esta|estos|estas|ella|ellos|y|pero|luego)\b"
    r"|その|これ|それ|この|しかし|そして|他|它|她|但|而|这|그|이|하지만",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Choice:
    """text: within its limit. own: the page's own, unchanged."""

    text: str
    own: bool


def choose_title(document: Document, sentences: Sequence[str]) -> Choice:
    """At most 60 characters: the page's title, without its site's name if need be; else its heading or first words."""
    declared = document.title if (document.title or "").casefold() not in _SAYS_NOTHING else None
    if declared and len(declared) <= TITLE:
        return Choice(declared, own=True)
    parts = [part for part in _SITE.split(declared or "") if part]
    fitting = [part for part in (document.heading or "", *parts[:1]) if 0 < len(part) <= TITLE]
    if fitting:
        return Choice(fitting[0], own=False)
    return Choice(shorten(document.heading or (parts or [*sentences, document.title or ""])[0], TITLE), own=False)


def choose_description(
    document: Document, sentences: Sequence[str], language: Language, keywords: Sequence[Keyword]
) -> Choice:
    """At most 160 characters.

    What the page declares, if it has a fitting length; else the one or two successive sentences that are most central,
    name the most keywords, stand early and fill the room; else the best sentence shortened to whole words.
    """
    enough = ENOUGH // 3 if language.spaceless else ENOUGH
    declared = document.description or ""
    if enough <= len(declared) <= DESCRIPTION and declared != document.title:
        return Choice(declared, own=True)
    sentences = sentences[:MOST] or [declared or document.title or ""]
    central = centrality(sentences, language)
    terms = [keyword.term.casefold() for keyword in keywords[:5]]
    glue = "" if language.spaceless else " "
    best, most = "", 0.0
    for size in (1, 2):
        for start in range(len(sentences) - size + 1):
            text = glue.join(sentences[start : start + size])
            if not enough <= len(text) <= DESCRIPTION or text[-1].isalnum() or _LEANS.match(text):
                continue
            named = sum(term in text.casefold() for term in terms) / max(len(terms), 1)
            score = float(central[start : start + size].mean() / central.max())
            score = (score + named + len(text) / DESCRIPTION) * (1 + LEAD * (1 - start / len(sentences)))
            if score > most:
                best, most = text, score
    if not best:
        worth = [i for i, sentence in enumerate(sentences) if len(sentence) >= enough] or range(len(sentences))
        start = max(worth, key=lambda i: central[i] * (1 + LEAD * (1 - i / len(sentences))))
        best = shorten(glue.join(sentences[start:]), DESCRIPTION)
    return Choice(best, own=False)
