"""The words and phrases that a text is about, without a model."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import cache

from workers.engines.text.language import Language
from workers.engines.text.sentences import words

SAMPLE = 100_000  # characters that are looked at; YAKE needs 0.4 s for them
LONGEST = 3  # words in a phrase
_YAKE_NAMES = {"cs": "cz", "nb": "no", "nn": "no"}  # its stop words are filed under these
_RUN = re.compile(r"[\u4e00-\u9fff\u3400-\u4dbf々\u30a1-\u30faー]{2,}|[A-Za-z][A-Za-z0-9.+#-]+")
_LONGEST_RUN = 8  # characters
_NUMBER = re.compile(r"^[一二三四五六七八九十百千万億年月日時分秒毎第両数回週間]+")
ONCE = 0.3  # weight of a term that occurs once, against one that recurs

# What Chinese sentences are held together with; a candidate neither contains nor crosses it.
_CHINESE_GLUE = re.compile(
    r"[的了是在和与及也都就而这那我你他她它们不有为以于对从到被把着过等很更最个上中下会能可要将每并或但其一]+"
)
_KOREAN_VERB = re.compile(r"^[가-힣]+(?:니다|한다|된다|이다)\.?$")
_KOREAN_PARTICLE = re.compile(
    r"(?<=[가-힣]{2})(?:에서는|으로는|에서|에게|으로|까지|부터|처럼|보다|하는|은|는|이|가|을|를|의|에|로|와|과|도|만)$"
)


@dataclass(frozen=True)
class Keyword:
    """relevance: 1 for the best of the text, others relative to it."""

    term: str
    relevance: float


def extract(text: str, language: Language, limit: int) -> list[Keyword]:
    """At most `limit` keywords, best first. Chinese and Japanese by runs of characters, all others by YAKE."""
    text = text[:SAMPLE]
    ranked = _runs(text, language) if language.spaceless else _yake(text, language)
    chosen: list[tuple[str, float]] = []
    for term, weight in ranked:
        if not any(_overlap(term, other, language) for other, _ in chosen):
            chosen.append((term, weight))
        if len(chosen) == limit:
            break
    best = max((weight for _, weight in chosen), default=1.0)
    return [Keyword(term, round(weight / best, 3)) for term, weight in chosen]


def _overlap(term: str, other: str, language: Language) -> bool:
    """Whether the terms say the same in part: "rye bread" and "bread starts"."""
    term, other = term.casefold(), other.casefold()
    if language.spaceless:
        return term in other or other in term
    mine, theirs = ({_stem(word) for word in phrase.split()} for phrase in (term, other))
    return 2 * len(mine & theirs) >= min(len(mine), len(theirs))


def _stem(word: str) -> str:
    """Enough to see that "message" and "messages" are one."""
    return word[:4] + word[4:].rstrip("s").rstrip("en")


def _yake(text: str, language: Language) -> list[tuple[str, float]]:
    import yake

    if language.code == "ko":
        text = " ".join(_KOREAN_PARTICLE.sub("", _KOREAN_VERB.sub(".", word)) for word in text.split())
    name = _YAKE_NAMES.get(language.code, language.code)
    found = yake.KeywordExtractor(lan=name, n=LONGEST, top=200, dedupLim=0.9).extract_keywords(text)
    tokens = [word.casefold() for word in words(text)]
    counts = Counter(" ".join(tokens[i : i + n]) for n in range(1, LONGEST + 1) for i in range(len(tokens) - n + 1))
    ranked: list[tuple[str, float]] = []
    for term, score in found:
        recurs = counts[term.casefold()] > 1
        # YAKE rates any three rare words in a row highly: a phrase that does not recur is seldom one.
        if len(term) > 2 and (recurs or " " not in term):
            ranked.append((term, (1.0 if recurs else ONCE) / max(float(score), 1e-9)))
    return sorted(ranked, key=lambda item: -item[1])


def _runs(text: str, language: Language) -> list[tuple[str, float]]:
    """Runs of Han, Katakana or Latin letters; recurring ones come first, long ones weigh more."""
    counts: Counter[str] = Counter()
    for run in _RUN.findall(text):
        pieces = _CHINESE_GLUE.split(run) if language.code == "zh" else [_NUMBER.sub("", run)]
        counts.update(piece for piece in pieces if 2 <= len(piece) <= _LONGEST_RUN or (piece.isascii() and piece))
    if language.code == "zh":
        counts = _recurring_parts(counts) | counts
    stop = _stop_words(language.code)
    weighted = [
        (term, (count if count > 1 else ONCE) * len(term) ** 0.5)
        for term, count in counts.items()
        if term.casefold() not in stop
    ]
    return sorted(weighted, key=lambda item: (-item[1], item[0]))


def _recurring_parts(pieces: Counter[str]) -> Counter[str]:
    """Strings of 2–6 characters that recur within the pieces, less those that only occur inside one longer string."""
    parts: Counter[str] = Counter()
    for piece, count in pieces.items():
        for n in range(2, 7):
            for start in range(len(piece) - n + 1):
                parts[piece[start : start + n]] += count
    recurring = {part: count for part, count in parts.items() if count > 1}
    inner = {
        part for term, count in recurring.items() for part in (term[1:], term[:-1]) if recurring.get(part) == count
    }
    return Counter({part: count for part, count in recurring.items() if part not in inner})


@cache
def _stop_words(code: str) -> frozenset[str]:
    import yake

    return frozenset(yake.KeywordExtractor(lan=code).stopword_set)
