"""Text → sentences and words, in any script."""

from __future__ import annotations

import re
from collections.abc import Iterable

import regex

_FULL_WIDTH_END = re.compile(r"(?<=[。！？｡])(?![。！？｡」』）】”’])|(?<=[。！？｡][」』）】”’])(?![。、，」』）])")
_OTHER_END = re.compile(r"(?<=[।॥؟۔።։])\s+")  # Devanagari, Arabic, Urdu, Ethiopic, Armenian
_ABBREVIATED = re.compile(r"\b[^\W\d_A-ZА-ЯΑ-Ω]\.$")  # "z. B.", "г. Москва": one small letter does not end a sentence
_WORD = regex.compile(r"[\p{L}\p{M}\p{N}]+(?:['’·.-][\p{L}\p{M}\p{N}]+)*")
_SPACELESS_CHARACTER = re.compile(r"[\u3041-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u0e00-\u0eff]")


def split_sentences(paragraphs: Iterable[str]) -> list[str]:
    """The sentences of all paragraphs, in order; none reaches across two paragraphs."""
    from segtok.segmenter import split_single

    sentences: list[str] = []
    for paragraph in paragraphs:
        pieces: list[str] = []
        for piece in split_single(paragraph):
            if pieces and _ABBREVIATED.search(pieces[-1]):
                pieces[-1] += " " + piece
            else:
                pieces.append(piece)
        for piece in pieces:
            for part in _OTHER_END.split(piece):
                sentences += (sentence.strip() for sentence in _FULL_WIDTH_END.split(part) if sentence.strip())
    return sentences


def words(text: str) -> list[str]:
    """The words, as written. In scripts without spaces each character is one, as word processors count."""
    found: list[str] = []
    for word in _WORD.findall(text):
        if _SPACELESS_CHARACTER.search(word):
            found += _SPACELESS_CHARACTER.findall(word)
            found += (rest for rest in _SPACELESS_CHARACTER.split(word) if rest)
        else:
            found.append(word)
    return found
