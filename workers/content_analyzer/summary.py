"""The sentences that say most of a text, in its own words."""

from __future__ import annotations

from collections.abc import Sequence

from workers.engines.text.language import Language
from workers.engines.text.ranking import MOST, centrality
from workers.engines.text.sentences import words

SHORTEST, LONGEST = 20, 500  # characters of a sentence worth quoting; a third of them in scripts without spaces
LEAD = 0.3  # how much more the first sentence counts than the last
SAME = 0.6  # share of common words above which a sentence only repeats another


def summarize(sentences: Sequence[str], language: Language, count: int) -> list[str]:
    """At most `count` sentences of the first 400, in the order of the text."""
    scale = 3 if language.spaceless else 1
    worth = [s for s in sentences[:MOST] if SHORTEST <= scale * len(s) <= LONGEST and _states(s)]
    worth = worth if len(worth) >= count else list(sentences[:MOST])
    scores = centrality(worth, language)
    weighted = {i: float(score) * (1 + LEAD * (1 - i / len(worth))) for i, score in enumerate(scores)}
    chosen: list[int] = []
    for i in sorted(weighted, key=lambda i: -weighted[i]):
        if len(chosen) == count:
            break
        if not any(_repeats(worth[i], worth[other]) for other in chosen):
            chosen.append(i)
    return [worth[i] for i in sorted(chosen)]


def _repeats(sentence: str, other: str) -> bool:
    mine, theirs = ({word.casefold() for word in words(text)} for text in (sentence, other))
    return len(mine & theirs) > SAME * min(len(mine), len(theirs))


def _states(sentence: str) -> bool:
    """Neither a question nor a heading."""
    return not sentence[-1].isalnum() and sentence[-1] not in "?？؟:："
