"""Cuts text to a length without cutting a word."""

from __future__ import annotations

import regex

ELLIPSIS = "…"
_SPACE = regex.compile(" ")
# Where a line of Chinese or Japanese may end: after punctuation, and before a word that follows a particle or ending.
_SPACELESS_BREAK = regex.compile(r"(?<=[、。，．！？；：）」』】])|(?<=\p{Hiragana})(?=[\p{Han}\p{Katakana}])")
_DANGLING = " \t,;:.!?–—-(（「『、，；："


def shorten(text: str, limit: int) -> str:
    """`text` in at most `limit` characters; what was cut is marked by an ellipsis.

    It ends after a whole word. Where a script shows no word boundaries, or one word is longer than half the limit,
    after a whole user-perceived character.
    """
    text = " ".join(text.split())
    if len(text) <= limit:
        return text
    room = limit - len(ELLIPSIS)
    ends = [match.start() for match in _SPACE.finditer(text, 0, room + 1)]
    ends += [match.start() for match in _SPACELESS_BREAK.finditer(text, 0, room + 1)]
    end = max((end for end in ends if end <= room), default=0)
    if end < room // 2:
        end = max((match.end() for match in regex.finditer(r"\X", text) if match.end() <= room), default=0)
    return text[:end].rstrip(_DANGLING) + ELLIPSIS
