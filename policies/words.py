"""Words for whoever misspelt one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(word: str, known: Iterable[str]) -> str:
    """`; did you mean …?`, or nothing if nothing is near."""
    by_form = {one.lower(): one for one in known}
    found = [one for one in by_form if one.endswith(word.lower())] or difflib.get_close_matches(
        word.lower(), list(by_form), 1, 0.4
    )
    return f"; did you mean {by_form[found[0]]}?" if found else ""
