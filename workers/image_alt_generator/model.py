"""Alt text by a model that sees the image."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image

from workers.engines import Engine, Unusable
from workers.engines.answers import ask

SIDE = 1568  # pixels; vision models scale larger images down and charge for the pixels
KINDS = ["photograph", "chart", "diagram", "screenshot", "text", "graphic"]
MOST_TEXT = 4000  # characters of text in the image

SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["alt_text", "kind", "text"],
    "properties": {
        "alt_text": {"type": "string"},
        "kind": {"type": "string", "enum": KINDS},
        "text": {"type": "string"},
    },
}


def describe(engine: Engine, image: Image.Image, *, language: str, context: str, limit: int) -> dict[str, Any]:
    """alt_text, kind and the text in the image. `Unusable` if the alt text stays over `limit` characters."""

    def check(answer: dict[str, Any]) -> None:
        text = answer["alt_text"]
        if not text.strip() or "\n" in text or len(text) > limit:
            raise Unusable(f"alt_text must be one line of 1 to {limit} characters, not {len(text)}")

    task = (
        "Write the alternative text of the image for people who cannot see it. "
        f"alt_text: in the language {language}, at most {limit} characters, what matters first, without "
        '"image of". kind: what sort of image it is. text: the text that can be read in it, empty if there is none.'
    )
    material = {"context": context} if context else {}
    answer = ask(engine, task, schema=SCHEMA, check=check, material=material, image=_jpeg(image))
    return answer | {"text": answer["text"][:MOST_TEXT]}


def _jpeg(image: Image.Image) -> bytes:
    small = image.copy()
    small.thumbnail((SIDE, SIDE))
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=85)
    return buffer.getvalue()
