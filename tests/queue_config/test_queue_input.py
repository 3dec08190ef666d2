from pathlib import Path

import pytest

from components.manifest import read_manifest

MANIFEST = """\
description: Counts the words of a text.
trigger: {%s}
resources: {vcpu: 0.25, memory: 512 MB, timeout: 2 min}
input: {%s}
"""
QUEUE, CLOSED = "queue: {prefix: texts/, suffixes: [.txt]}", "additionalProperties: false"
ALL = "bucket: {type: string}, key: {type: string, pattern: ^texts/2025/}, etag: {type: string}, size: {type: integer}"


def problems(folder: Path, trigger: str, properties: str, *more: str) -> list[str]:
    file = folder / "worker.yaml"
    file.write_text(MANIFEST % (trigger, ", ".join(["type: object", f"properties: {{{properties}}}", *more])))
    return [str(problem) for problem in read_manifest(file, "worker.yaml")[1]]


@pytest.mark.parametrize(
    ("properties", "more", "why"),
    [
        ("key: {type: string}", [CLOSED], "not allowed ('bucket', 'etag', 'size' were unexpected)"),
        ("key: {type: string}, text: {type: string}", ["required: [key, text]"], "'text' is a required property"),
        ("size: {type: string}", [], "1 is not of type 'string'"),
    ],
)  # fmt: skip
def test_an_input_that_no_upload_could_be_is_refused(
    tmp_path: Path, properties: str, more: list[str], why: str
) -> None:
    [problem] = problems(tmp_path, QUEUE, properties, *more)
    assert problem.startswith("worker.yaml:4: input: refuses every upload, of which a message says bucket, key, etag, ")
    assert why in problem


@pytest.mark.parametrize(
    ("trigger", "properties", "more"),
    [(QUEUE, "key: {type: string}", []), (QUEUE, ALL, [CLOSED]), ("api: {}", "key: {type: string}", [CLOSED])],
)
def test_an_input_that_some_uploads_are_is_taken(
    tmp_path: Path, trigger: str, properties: str, more: list[str]
) -> None:
    assert problems(tmp_path, trigger, properties, *more) == []
