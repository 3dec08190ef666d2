"""How hard a text is to read: the Flesch formula as adapted to its language, else LIX."""

from __future__ import annotations

import re
from dataclasses import dataclass

FEWEST_WORDS = 30  # below this a formula says nothing
LONG = 6  # letters; LIX counts words longer than this

_VOWELS = re.compile(r"[aeiouyàáâãäåæèéêëìíîïòóôõöøùúûüýœ]+")
_RUSSIAN_VOWELS = re.compile(r"[аеёиоуыэюя]")
_SPANISH_NUCLEI = re.compile(r"[aeoáéíóú]|(?<![aeoáéó])[iuü]+(?![aeoáéó])")
_SILENT_ENGLISH = re.compile(r"(?<![aeiouy])e$|(?<=[^aeioutd])ed$|(?<=[bdfgklmnprtv])es$")
_SILENT_FRENCH = re.compile(r"(?:e|es|ent)$")


@dataclass(frozen=True)
class Flesch:
    """score = base − sentence · words per sentence − word · syllables per word."""

    name: str
    base: float
    sentence: float
    word: float


FLESCH = {
    "en": Flesch("Flesch reading ease (1948)", 206.835, 1.015, 84.6),
    "de": Flesch("Flesch, adapted to German by Amstad (1978)", 180.0, 1.0, 58.5),
    "es": Flesch("Flesch, adapted to Spanish by Fernández Huerta (1959)", 206.84, 1.02, 60.0),
    "fr": Flesch("Flesch, adapted to French by Kandel and Moles (1958)", 207.0, 1.015, 73.6),
    "it": Flesch("Flesch, adapted to Italian by Franchina and Vacca (1986)", 217.0, 1.3, 60.0),
    "nl": Flesch("Flesch, adapted to Dutch by Douma (1960)", 206.835, 0.93, 77.0),
    "pt": Flesch("Flesch, adapted to Portuguese by Martins et al. (1996)", 248.835, 1.015, 84.6),
    "ru": Flesch("Flesch, adapted to Russian by Oborneva (2006)", 206.835, 1.3, 60.1),
}
LIX = "LIX, Björnsson (1968)"
LIX_LANGUAGES = frozenset(
    {"sv", "da", "nb", "nn", "no", "fi", "et", "is", "pl", "cs", "sk", "ro", "hr", "sl", "el", "uk"}
)
LEVELS = ("very easy", "easy", "standard", "difficult", "very difficult")
_FLESCH_STEPS = (90, 70, 50, 30)  # lowest score of each level but the last
_LIX_STEPS = (25, 35, 45, 55)  # highest score of each level but the last


@dataclass(frozen=True)
class Readability:
    formula: str
    score: float
    level: str


def readability(words: list[str], sentences: int, language: str) -> Readability | None:
    """None where no formula fits: the language has none here, or the text is too short.

    language: ISO 639-1. Syllables are estimated from vowels, so a score may be off by a few points.
    """
    if len(words) < FEWEST_WORDS or not sentences:
        return None
    length = len(words) / sentences
    if language in FLESCH:
        formula = FLESCH[language]
        each = sum(_syllables(word.lower(), language) for word in words) / len(words)
        score = formula.base - formula.sentence * length - formula.word * each
        return Readability(formula.name, round(score, 1), LEVELS[sum(score < step for step in _FLESCH_STEPS)])
    if language in LIX_LANGUAGES:
        score = length + 100 * sum(len(word) > LONG for word in words) / len(words)
        return Readability(LIX, round(score, 1), LEVELS[sum(score > step for step in _LIX_STEPS)])
    return None


def _syllables(word: str, language: str) -> int:
    if language == "ru":
        return len(_RUSSIAN_VOWELS.findall(word)) or 1
    if language == "es":
        return len(_SPANISH_NUCLEI.findall(word)) or 1
    if language == "en" and not word.endswith(("le", "les", "led")):
        word = _SILENT_ENGLISH.sub("", word)
    if language == "fr":
        word = _SILENT_FRENCH.sub("", word)
    return len(_VOWELS.findall(word)) or 1
