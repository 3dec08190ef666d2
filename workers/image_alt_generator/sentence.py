"""Puts an alt text together from facts, and says nothing that is not among them."""

from __future__ import annotations

from workers.engines.text.shorten import ELLIPSIS, shorten
from workers.image_alt_generator.facts import BRIGHT, DARK, Facts
from workers.image_alt_generator.kinds import Kind
from workers.image_alt_generator.phrases import Phrases
from workers.image_alt_generator.reading import Line, headline

CONTEXT = 60  # characters of the caller's context that are used
MOST = 0.6  # share from which two colors are most of an image
HALF = 0.5  # share from which one color stands for the upper or lower third


def compose(
    kind: Kind, facts: Facts, lines: list[Line], faces: int, *, phrases: Phrases, context: str, limit: int
) -> str:
    """An alt text of at most `limit` characters: kind, caller's context, then text if there is any, else colors."""
    head = phrases.kinds[kind.name] + (f" ({shorten(context, CONTEXT)})" if context else "")
    details = _seen(facts, faces, phrases) if kind.name in ("photograph", "unclear", "blank") or not lines else []
    said = _read(lines, phrases, page=kind.name == "text")
    if said and details:
        said = phrases.text + phrases.colon + said
    text = head + phrases.colon + phrases.semicolon.join([*details, said] if said else details)
    text = shorten(text, limit - len(phrases.stop))
    return text if text.endswith((ELLIPSIS, ".", "。", "!", "?")) else text + phrases.stop


def _read(lines: list[Line], phrases: Phrases, *, page: bool) -> str:
    """The headline first; a page is quoted from its beginning, anything else without its numbers."""
    if page:
        return " ".join(line.text for line in lines)
    title = headline(lines)
    rest = [line.text for line in lines if line is not title and not line.numeric]
    return phrases.comma.join(dict.fromkeys([title.text, *rest] if title else [line.text for line in lines]))


def _seen(facts: Facts, faces: int, phrases: Phrases) -> list[str]:
    details = [phrases.one_face if faces == 1 else phrases.faces.format(faces)] if faces else []
    if facts.monochrome and not facts.blank:
        details.append(phrases.monochrome)
    elif facts.colors:
        details.append(_colors(facts, phrases))
    if not facts.blank and not DARK <= facts.brightness <= BRIGHT:
        details.append(phrases.dark if facts.brightness < DARK else phrases.bright)
    return details


def _colors(facts: Facts, phrases: Phrases) -> str:
    upper, lower = (third[0] if third and third[0].share >= HALF else None for third in (facts.upper, facts.lower))
    if upper and lower and upper.name != lower.name:
        return phrases.layout.format(phrases.colors[upper.name], phrases.colors[lower.name])
    named = phrases.and_.join(phrases.colors[color.name] for color in facts.colors[:2])
    most = sum(color.share for color in facts.colors[:2]) >= MOST and not facts.blank
    return phrases.mostly.format(named) if most else named
