"""Words for whoever misspelt one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(word: str, known: Iterable[str]) -> str:
    """`; did you mean …?`, or nothing if nothing is near."""
    found = difflib.get_close_matches(word, list(known), 1, 0.4)
    return f"; did you mean {found[0]}?" if found else ""
