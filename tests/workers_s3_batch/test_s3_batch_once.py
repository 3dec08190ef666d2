"""s3_batch: what is done is done once, in whatever order runs come, and what changes is done anew."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from batch_support import ARCHIVE, MANIFEST, Batch, counts

from workers.runtime import BadInput
from workers.s3_batch.items import Output, Source
from workers.s3_batch.process import process


def test_every_object_below_the_prefix_is_done_once_and_never_again(batch: Batch):
    contents = batch.fill(20)
    batch.put("outbox/other.txt")
    first = batch.run("monday")
    assert batch.outputs() == {f"gzip/{name}.gz": content for name, content in contents.items()}
    assert counts(first) == (20, 0, 0, 0)
    assert first["complete"]
    assert sorted(batch.processed) == sorted(contents)
    second = batch.run("tuesday")
    assert (counts(second), second["complete"]) == ((0, 20, 0, 0), True)
    assert len(batch.processed) == 20
    assert batch.lines(second) == []


def test_new_and_changed_objects_are_done_in_the_next_run_and_the_others_are_not(batch: Batch):
    batch.fill(3)
    batch.run("monday")
    batch.put("inbox/001.txt", b"changed")
    batch.put("inbox/new.txt", b"new")
    batch.processed.clear()
    result = batch.run("tuesday")
    assert sorted(batch.processed) == ["001.txt", "new.txt"]
    assert counts(result) == (2, 2, 0, 0)
    assert batch.outputs()["gzip/001.txt.gz"] == b"changed"
    assert counts(batch.run("wednesday")) == (0, 4, 0, 0)


def test_an_object_that_comes_back_with_an_earlier_content_is_done_anew(batch: Batch):
    for day, content in enumerate([b"old", b"new", b"old"]):
        batch.put("inbox/a", content)
        assert counts(batch.run(f"day-{day}")) == (1, 0, 0, 0)
        assert batch.outputs() == {"gzip/a.gz": content}


def test_the_manifest_says_what_became_of_each_object_and_the_result_adds_it_up(batch: Batch):
    contents = batch.fill(3)
    batch.put("inbox/photo.jpg", jpeg := b"\xff\xd8\xff" + bytes(100))
    result = batch.run("monday")
    lines = {line["key"].removeprefix("inbox/"): line for line in batch.lines(result)}
    assert lines.keys() == {*contents, "photo.jpg"}
    for name, content in {**contents, "photo.jpg": jpeg}.items():
        line = lines[name]
        [output] = line["outputs"]
        data = batch.get(output["key"])
        assert (line["size"], line["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
        assert line["etag"] == hashlib.md5(content).hexdigest()
        assert (output["size"], output["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
        assert output["etag"] == hashlib.md5(data).hexdigest()
        assert line["run"] == "monday"
        assert line["done_at"].endswith("Z")
    assert result["bytes_in"] == sum(line["size"] for line in lines.values())
    assert result["bytes_out"] == sum(line["outputs"][0]["size"] for line in lines.values())
    assert result["manifest"] == {"bucket": "results", "key": f"{MANIFEST}runs/monday.jsonl.gz"}
    assert (result["source"], result["destination"]) == ("s3://uploads/inbox/", f"s3://results/{ARCHIVE}")
    assert json.loads(batch.get(f"{MANIFEST}latest.json")) == result
    batch.run("tuesday")
    assert batch.lines(result), "the manifest of an earlier run stays"


def test_a_job_that_runs_again_after_its_end_reports_the_same(batch: Batch):
    batch.fill(5)
    first = batch.run("monday", attempt=1)
    again = batch.run("monday", attempt=2)
    assert again == first
    assert len(batch.lines(again)) == 5
    assert len(batch.processed) == 5


def test_what_is_gone_is_forgotten_and_the_output_stays(batch: Batch):
    batch.fill(3)
    batch.run("monday")
    batch.s3.delete_object(Bucket="uploads", Key="inbox/001.txt")
    assert counts(batch.run("tuesday")) == (0, 2, 0, 0)
    assert list(batch.ledger()) == ["inbox/000.txt", "inbox/002.txt"]
    assert len(batch.outputs()) == 3


def test_an_output_that_somebody_removes_is_not_made_again(batch: Batch):
    batch.fill(2)
    batch.run("monday")
    batch.s3.delete_object(Bucket="results", Key=f"{ARCHIVE}gzip/000.txt.gz")
    assert counts(batch.run("tuesday")) == (0, 2, 0, 0)
    assert len(batch.outputs()) == 1


def test_the_ledger_is_written_by_every_run_lest_it_expires(batch: Batch):
    batch.fill(1)
    batch.run("monday")
    before = batch.s3.head_object(Bucket="results", Key=f"{MANIFEST}ledger.jsonl.gz")["LastModified"]
    held = set(batch.keys("results", f"{MANIFEST}parts/"))
    for key in held:  # as the bucket's lifecycle does in the end
        batch.s3.delete_object(Bucket="results", Key=key)
    assert counts(batch.run("tuesday")) == (0, 1, 0, 0)
    after = batch.s3.head_object(Bucket="results", Key=f"{MANIFEST}ledger.jsonl.gz")["LastModified"]
    assert after >= before
    header = json.loads(gzip.decompress(batch.get(f"{MANIFEST}ledger.jsonl.gz")).splitlines()[0])
    assert [name.split("/")[0] for name in header["held"]] == ["tuesday"]


def test_two_runs_at_the_same_time_keep_each_others_entries(batch: Batch):
    """The second run begins and ends while the first one works; each writes a ledger of its own view."""
    contents = batch.fill(6)
    inner: list[dict] = []

    def slow(source: Source, folder: Path) -> Iterator[Output]:
        if not inner:
            inner.append({})
            batch.put("inbox/only-second.txt", b"only the second run sees it")
            inner[0] = batch.run("second")
        yield from process(source, folder)

    outer = batch.run("first", process=slow)
    assert counts(inner[0])[0] + counts(inner[0])[1] == 7
    assert counts(outer) == (6, 0, 0, 0)
    assert "inbox/only-second.txt" not in batch.ledger()
    batch.processed.clear()
    assert counts(batch.run("third")) == (0, 7, 0, 0)
    assert batch.processed == []
    assert batch.ledger().keys() == {f"inbox/{name}" for name in [*contents, "only-second.txt"]}


def test_a_destination_has_one_source(batch: Batch):
    batch.put("inbox/a")
    batch.put("outbox/a")
    batch.run()
    with pytest.raises(BadInput, match="holds what was made of s3://uploads/inbox/; s3://uploads/outbox/ needs a dest"):
        batch.run(source="outbox/")
    assert counts(batch.run("other", source="outbox/", destination="out/")) == (1, 0, 0, 0)
    assert batch.outputs("s3_batch/out/") == {"gzip/a.gz": b"content"}


def test_nothing_to_do_is_done_well(batch: Batch):
    result = batch.run()
    assert (counts(result), result["complete"], result["failures"]) == ((0, 0, 0, 0), True, [])
    assert batch.outputs() == {}


def test_all_objects_of_a_bucket_can_be_the_source(batch: Batch):
    for key in ("a", "b/c", "/d", "_manifest/x"):
        batch.put(key, key.encode())
    result = batch.run(source="")
    assert batch.outputs() == {f"gzip/{key}.gz": key.encode() for key in ("a", "b/c", "/d", "_manifest/x")}
    assert result["source"] == "s3://uploads/"


def test_an_object_may_have_many_outputs_or_none(batch: Batch):
    batch.put("inbox/many", b"abc")
    batch.put("inbox/none", b"")

    def each_letter(source: Source, folder: Path) -> Iterator[Output]:
        for number, letter in enumerate(source.path.read_text()):
            path = folder / letter
            path.write_text(letter)
            yield Output(f"{source.name}/{number}", path, "text/plain")

    result = batch.run(process=each_letter)
    assert batch.outputs() == {"many/0": b"a", "many/1": b"b", "many/2": b"c"}
    assert [len(line["outputs"]) for line in batch.lines(result)] == [3, 0]
    assert batch.s3.head_object(Bucket="results", Key=f"{ARCHIVE}many/0")["ContentType"] == "text/plain"
    assert counts(batch.run("next", process=each_letter)) == (0, 2, 0, 0)


def test_many_parts_and_pages_are_one_ledger(batch: Batch, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("workers.s3_batch.journal.PART_OBJECTS", 4)
    monkeypatch.setattr("workers.s3_batch.ledger.PAGE", 3)
    batch.fill(25)
    assert counts(batch.run("monday")) == (25, 0, 0, 0)
    assert len(batch.keys("results", f"{MANIFEST}parts/")) == 1 + 7
    batch.s3.delete_object(Bucket="results", Key=f"{MANIFEST}ledger.jsonl.gz")  # the parts hold as much
    assert counts(batch.run("tuesday")) == (0, 25, 0, 0)
    assert len(batch.processed) == 25
