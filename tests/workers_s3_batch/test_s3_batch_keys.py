"""s3_batch: keys of any kind, each with outputs of its own."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest
from batch_support import ARCHIVE, Batch, counts
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workers.s3_batch.items import Output, Source
from workers.s3_batch.names import output_key
from workers.s3_batch.process import process

ODD = [
    "a//b",
    "/a",
    "//",
    "a/../b",
    "..",
    "../../../../../../etc/passwd",
    "./a",
    ".",
    "a b+c%20d&e=f?g#h",
    "Überblick 日本 🎉.txt",
    "e\u0301 is not \u00e9",
    "\u2028line\u2029ends\x85",
    "tab\tnew\nline\rreturn\x01",
    "back\\slash'\"<>|*~`{}^[]",
    "_manifest/ledger.jsonl.gz",
    "_hashed/x",
    "gzip/a",
    "copied/a.gz",
    "x" * 1018,
    "x/" * 509,
    "日" * 339,
]
PIECES = [
    "a",
    "b",
    "/",
    "//",
    ".",
    "..",
    "/../",
    ".gz",
    ".GZ",
    "gzip/",
    "copied/",
    "_hashed/",
    "_manifest/",
    " ",
    "ü",
    "%2F",
    "+",
]
names = st.lists(st.sampled_from(PIECES), max_size=6).map("".join) | st.text(
    st.characters(exclude_categories=["Cs"]), max_size=40
)


@pytest.fixture(scope="module")
def contents(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, Path]:
    """A file that is compressed, and one that is not."""
    folder = tmp_path_factory.mktemp("contents")
    for packed in (True, False):
        (folder / str(packed)).write_bytes(gzip.compress(b"x") if packed else b"x")
    return {packed: folder / str(packed) for packed in (True, False)}


def test_objects_with_odd_keys_are_done_like_all_others(batch: Batch):
    for number, name in enumerate(ODD):
        batch.put(f"inbox/{name}", f"content {number}".encode())
    result = batch.run()
    assert (counts(result), result["failures"]) == ((len(ODD), 0, 0, 0), [])
    assert len(batch.outputs()) == len(ODD)
    for line in batch.lines(result):
        content = gzip.decompress(batch.get(line["outputs"][0]["key"]))
        assert content == f"content {ODD.index(line['key'].removeprefix('inbox/'))}".encode()
    assert counts(batch.run("next")) == (0, len(ODD), 0, 0)


def test_empty_folder_objects_are_passed_over_and_others_that_end_with_a_slash_are_not(batch: Batch):
    for key in ("inbox/", "inbox/folder/", "inbox/folder/sub/"):
        batch.put(key, b"")
    batch.put("inbox/folder/a", b"")
    batch.put("inbox/odd/", b"content")
    assert counts(batch.run()) == (2, 0, 0, 0)
    assert batch.outputs() == {"gzip/folder/a.gz": b"", "gzip/odd/.gz": b"content"}
    batch.put("inbox/", b"now with content")
    assert counts(batch.run("next")) == (1, 2, 0, 0)
    assert batch.outputs()["gzip/.gz"] == b"now with content"


def test_keys_that_differ_only_by_gz_have_outputs_of_their_own(batch: Batch):
    packed = gzip.compress(b"packed before")
    for name, content in {"a": b"plain", "a.gz": packed, "a.gz.gz": b"plain with that name", "a.GZ": packed}.items():
        batch.put(f"inbox/{name}", content)
    batch.run()
    assert batch.outputs() == {
        "gzip/a.gz": b"plain",
        "copied/a.gz": packed,
        "gzip/a.gz.gz.gz": b"plain with that name",
        "copied/a.GZ": packed,
    }


@given(found=st.dictionaries(names, st.booleans(), min_size=2, max_size=30))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_two_objects_have_the_same_output(contents: dict[bool, Path], tmp_path: Path, found: dict[str, bool]):
    keys = {
        output_key(ARCHIVE, output.name)
        for name, packed in found.items()
        for output in process(Source(contents[packed], name, ""), tmp_path)
    }
    assert len(keys) == len(found)


@given(names=st.lists(names, min_size=2, max_size=30, unique=True), room=st.integers(20, 1024))
def test_any_name_gives_a_key_of_its_own_that_s3_takes(names: list[str], room: int):
    destination = "s3_batch/" + "d" * (1024 - 9 - 1 - 100 - room % 200) + "/"
    keys = [output_key(destination, name) for name in names]
    assert len(set(keys)) == len(names)
    for key in keys:
        assert key.startswith(destination)
        assert len(key.encode()) <= 1024
        rest = key.removeprefix(destination)
        assert rest and not rest.startswith("_manifest/")
        assert not {".", ".."} & set(rest.split("/"))


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("a.txt", True),
        ("a//b", True),
        ("_manifests/a", True),
        ("a/_manifest/b", True),
        ("a" * (1024 - len(ARCHIVE)), True),
        ("a" * (1025 - len(ARCHIVE)), False),
        ("é" * ((1024 - len(ARCHIVE)) // 2 + 1), False),
        ("_manifest/a", False),
        ("_manifest", False),
        ("_hashed/a", False),
        ("a/../b", False),
        ("", False),
    ],
)
def test_a_name_is_kept_wherever_it_can_be(name: str, kept: bool):
    assert (output_key(ARCHIVE, name) == ARCHIVE + name) == kept
    assert output_key(ARCHIVE, name + "/../x.gz").endswith(".gz")
    assert "_hashed/" in output_key(ARCHIVE, name + "/../x.gz")


def named(name: str):
    def made(source: Source, folder: Path) -> Iterator[Output]:
        yield Output(name, source.path)

    return made


def test_an_output_belongs_to_the_object_that_had_it_first(batch: Batch, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("workers.s3_batch.work.IN_FLIGHT", 1)
    batch.put("inbox/b", b"first")
    batch.run("monday", process=named("same"))
    batch.put("inbox/a", b"second")
    batch.put("inbox/c", b"third")
    result = batch.run("tuesday", process=named("same"))
    assert counts(result) == (0, 1, 2, 0)
    assert [failure["key"] for failure in result["failures"]] == ["inbox/a", "inbox/c"]
    assert result["failures"][0]["reason"] == "gives the output 'same', which is that of 'inbox/b'"
    assert batch.outputs() == {"same": b"first"}
    batch.put("inbox/b", b"first, changed")
    assert counts(batch.run("wednesday", process=named("same"))) == (1, 0, 2, 0)
    assert batch.outputs() == {"same": b"first, changed"}


def test_of_two_objects_in_flight_with_the_same_output_one_is_refused(batch: Batch):
    batch.fill(8)
    result = batch.run(process=named("same"))
    assert counts(result) == (1, 0, 7, 0)
    [line] = [line for line in batch.lines(result) if "failed" not in line]
    assert batch.get(line["outputs"][0]["key"]) == batch.get(line["key"], "uploads")


def test_an_object_whose_outputs_have_the_same_name_is_refused(batch: Batch):
    def twice(source: Source, folder: Path) -> Iterator[Output]:
        yield Output("x", source.path)
        yield Output("x", source.path)

    batch.put("inbox/a")
    result = batch.run(process=twice)
    assert result["failures"] == [{"key": "inbox/a", "reason": "gives two outputs with the name 'x'"}]
    assert batch.outputs() == {}
