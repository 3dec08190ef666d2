"""Image → alternative text, with what it rests on."""

from __future__ import annotations

from dataclasses import asdict
from importlib.metadata import version
from typing import Any

from workers.image_alt_generator import model
from workers.image_alt_generator.facts import Facts, measure
from workers.image_alt_generator.picture import MAX_BYTES, Picture, open_picture
from workers.runtime import Context

LANGUAGE, MAX_LENGTH = "en", 125  # unless the input says otherwise


def handle(input: dict[str, Any], context: Context) -> dict[str, Any]:
    """See worker.yaml for `input`. BadInput if the object is missing, too large, or no image that can be decoded."""
    picture = open_picture(context.objects.read(input.get("bucket"), input["key"], max_bytes=MAX_BYTES))
    facts = measure(picture.image)
    wanted = {
        "language": input.get("language", LANGUAGE),
        # JSON can hold half a surrogate pair, a result in UTF-8 cannot.
        "context": " ".join(input.get("context", "").encode(errors="replace").decode().split()),
        "limit": input.get("max_length", MAX_LENGTH),
    }
    made = _by_model(picture, context.engine, **wanted) if context.engine else _offline(picture, facts, **wanted)
    if picture.animated:
        made["notes"].append("Only the first frame of the animation was looked at.")
    return made | {
        "width": picture.width,
        "height": picture.height,
        "format": picture.format,
        "orientation": facts.orientation,
        "brightness": facts.brightness,
        "colors": [asdict(color) for color in facts.colors],
    }


def _by_model(picture: Picture, engine: Any, *, language: str, context: str, limit: int) -> dict[str, Any]:
    answer = model.describe(engine, picture.image, language=language, context=context, limit=limit)
    return {
        "alt_text": answer["alt_text"],
        "language": language,
        "kind": {"name": answer["kind"]},
        "text": answer["text"],
        "engine": engine.name,
        "notes": [],
    }


def _offline(picture: Picture, facts: Facts, *, language: str, context: str, limit: int) -> dict[str, Any]:
    from workers.image_alt_generator.faces import count_faces
    from workers.image_alt_generator.kinds import tell
    from workers.image_alt_generator.phrases import PHRASES
    from workers.image_alt_generator.reading import read_lines, without_texture
    from workers.image_alt_generator.sentence import compose

    lines = read_lines(picture.image)
    kind = tell(facts, lines, *picture.image.size, original=(picture.width, picture.height))
    faces = 0
    if kind.name in ("photograph", "unclear"):
        lines, faces = without_texture(lines), count_faces(picture.image)
    short = language.split("-")[0].lower()
    phrases = PHRASES.get(short, PHRASES[LANGUAGE])
    notes = [
        "Made without a vision model: it says what was measured and read, not what the picture shows.",
        "Text is read in Latin, Greek, Chinese and Japanese letters only.",
    ]
    if short not in PHRASES:
        notes.append(f"The offline engine does not write {language}; the words around the text are English.")
    if kind.name == "blank":
        notes.append("An image without content is decoration: an empty alt text may be right.")
    if faces:
        notes.append("Faces were counted by shape; those in profile are missed.")
    return {
        "alt_text": compose(kind, facts, lines, faces, phrases=phrases, context=context, limit=limit),
        "language": language if short in PHRASES else LANGUAGE,
        "kind": asdict(kind),
        "text": "\n".join(line.text for line in lines),
        "lines": [{"text": line.text, "confidence": round(line.confidence, 2)} for line in lines],
        "faces": faces,
        "engine": f"offline:rapidocr-{version('rapidocr')}",
        "notes": notes,
    }
