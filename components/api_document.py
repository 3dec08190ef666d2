"""`python -m components.api_document` writes docs/api.md from the one description of the API."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from components.openapi import METHODS, description

PROJECT = Path(__file__).parent.parent
FILE = PROJECT / "docs/api.md"


def render(document: Mapping[str, Any]) -> str:
    """The text of docs/api.md."""
    lines = [
        "# The API",
        "",
        "Written by `python -m components.api_document` from `functions/api/openapi.yaml`; change it there.",
        "",
        document["info"]["description"].strip(),
        "",
        "Every call needs the header `x-api-key`. A stack serves this under `/v1`, and itself at `GET /openapi.json`.",
    ]
    for path, item in document["paths"].items():
        for method in sorted(METHODS & item.keys(), key=list(item).index):
            lines += _operation(f"{method.upper()} {path}", item[method], item.get("parameters", []))
    lines += ["", "# Objects"]
    for name, schema in document["components"]["schemas"].items():
        lines += _object(name, schema)
    return "\n".join(lines) + "\n"


def _operation(title: str, operation: Mapping[str, Any], shared: list[Mapping[str, Any]]) -> Iterator[str]:
    yield from ("", f"## {title}", "", operation["summary"] + ".")
    if "description" in operation:
        yield from ("", operation["description"].strip())
    seen: set[str] = set()
    parameters = [
        p for p in [*operation.get("parameters", []), *shared] if not (p["name"] in seen or seen.add(p["name"]))
    ]
    if parameters:
        yield from ("", "| parameter | in | |", "|---|---|---|")
        for parameter in parameters:
            yield f"| `{parameter['name']}` | {parameter['in']} | {parameter['description']} |"
    if "requestBody" in operation:
        media = operation["requestBody"]["content"]["application/json"]
        yield from ("", f"Body: {_kind(media['schema'])}, for example", "")
        yield from ("```json", json.dumps(media["example"], indent=2), "```")
    yield from ("", "| answer | |", "|---|---|")
    for status, answer in sorted(operation["responses"].items()):
        content = next(iter(answer["content"].values()))["schema"]
        yield f"| {status} {_kind(content)} | {answer['description']} |"


def _object(name: str, schema: Mapping[str, Any]) -> Iterator[str]:
    yield from ("", f"## {name}", "")
    if "description" in schema:
        yield from (schema["description"], "")
    yield from ("| field | type | |", "|---|---|---|")
    for field, content in schema["properties"].items():
        always = "" if field in schema.get("required", []) else ", optional"
        yield f"| `{field}` | {_kind(content)}{always} | {content.get('description', '')} |"


def _kind(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[-1]
        return f"[{name}](#{name.lower()})"
    if schema["type"] == "array":
        return f"list of {_kind(schema['items'])}"
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema["enum"])
    return schema["type"]


if __name__ == "__main__":
    FILE.write_text(render(description(PROJECT)), encoding="utf-8")
