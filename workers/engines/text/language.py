"""Which language a text is in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

SAMPLE = 20_000  # characters; more changes nothing but the time
IN_DOUBT = 0.8  # confidence below which a page is believed instead
NO_IDEA = 0.1
UNDETERMINED = "und"  # ISO 639-2
SPACELESS = frozenset({"ja", "zh", "th", "lo", "km", "my"})  # written without spaces between words
_LETTERS = re.compile(r"[^\W\d_]")


@dataclass(frozen=True)
class Language:
    """code: ISO 639-1, or `und`. confidence: 0–1; below some ten words it means little."""

    code: str
    confidence: float

    @property
    def spaceless(self) -> bool:
        return self.code in SPACELESS


def detect(text: str, declared: str | None = None) -> Language:
    """The language of most of `text`; where that is in doubt, what the page declared, such as `pt-BR`."""
    if not _LETTERS.search(text):
        return Language(UNDETERMINED, 0.0)
    code, confidence = _identifier().classify(text[:SAMPLE])
    if declared and confidence < IN_DOUBT:
        code = declared.replace("_", "-").split("-")[0].lower()
    elif confidence < NO_IDEA:
        code = UNDETERMINED
    return Language(str(code), round(float(confidence), 3))


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
