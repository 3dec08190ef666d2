"""s3_batch: an object that fails stops no other and is tried again; trouble with a bucket ends the run."""

from __future__ import annotations

import errno
import io
from collections.abc import Callable, Iterator
from concurrent.futures import wait
from pathlib import Path
from typing import Any

import pytest
from batch_support import Batch, counts
from botocore.client import BaseClient
from botocore.exceptions import ClientError, EndpointConnectionError, ResponseStreamingError

from workers.runtime import Downstream
from workers.s3_batch.items import Output, Source
from workers.s3_batch.process import process

Call = Callable[[BaseClient, str, dict[str, Any]], Any]


@pytest.fixture(autouse=True)
def one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.s3_batch.work.IN_FLIGHT", 1)


@pytest.fixture
def intercept(
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[str, Callable[[dict[str, Any], Callable[[], Any]], Any]], None]:
    """Puts a function in the way of an operation of S3: it gets the request, and what goes on with it."""

    def intercept(operation: str, function: Callable[[dict[str, Any], Callable[[], Any]], Any]) -> None:
        inner: Call = BaseClient._make_api_call  # type: ignore[attr-defined]

        def call(self: BaseClient, name: str, given: dict[str, Any]) -> Any:
            proceed = lambda: inner(self, name, given)  # noqa: E731
            return function(given, proceed) if name == operation else proceed()

        monkeypatch.setattr(BaseClient, "_make_api_call", call)

    return intercept


def refusal(code: str, operation: str, status: int = 403) -> ClientError:
    return ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, operation)  # type: ignore


def broken(source: Source, folder: Path) -> Iterator[Output]:
    yield Output(source.name, folder / str(1 // 0))


def one_fails(batch: Batch, **run: Any) -> str:
    """Runs on three objects of which the second one fails; returns why. The next run tries it again, and no other."""
    result = batch.run("monday", **run)
    assert (counts(result), result["complete"]) == ((2, 0, 1, 0), False)
    assert sorted(batch.outputs()) == ["gzip/000.txt.gz", "gzip/002.txt.gz"]
    [failure] = result["failures"]
    assert failure["key"] == "inbox/001.txt"
    [line] = [line for line in batch.lines(result) if "failed" in line]
    assert (line["key"], line["failed"], line["run"]) == (failure["key"], failure["reason"], "monday")
    assert line["etag"] and line["size"]
    return failure["reason"]


def test_an_object_that_process_cannot_take_is_named_and_tried_again(batch: Batch):
    def picky(source: Source, folder: Path) -> Iterator[Output]:
        if source.name == "001.txt":
            raise ValueError("is not to my taste")
        yield from process(source, folder)

    batch.fill(3)
    assert one_fails(batch, process=picky) == "ValueError: is not to my taste"
    assert batch.logged == ["an object could not be processed"]
    batch.processed.clear()
    assert counts(batch.run("tuesday", process=picky)) == (0, 2, 1, 0)
    assert counts(batch.run("wednesday")) == (1, 2, 0, 0)
    assert batch.processed == ["001.txt", "001.txt"]


def test_an_object_that_fails_half_way_leaves_nothing(batch: Batch):
    def breaks(source: Source, folder: Path) -> Iterator[Output]:
        yield Output(f"first/{source.name}", source.path)
        raise MemoryError

    batch.fill(1)
    assert batch.run(process=breaks)["failures"][0]["reason"] == "MemoryError: "
    assert batch.outputs() == {}


def test_an_output_without_a_file_is_the_objects_failure(batch: Batch):
    def forgetful(source: Source, folder: Path) -> Iterator[Output]:
        path = folder / "a" if source.name == "001.txt" else source.path
        yield Output(f"gzip/{source.name}.gz", path)

    batch.fill(3)
    result = batch.run(process=forgetful)
    assert counts(result) == (2, 0, 1, 0)
    assert result["failures"][0]["reason"] == "gives the output 'gzip/001.txt.gz' without a file"


def test_a_failure_of_a_changed_object_does_not_pass_its_old_version_for_done(batch: Batch):
    batch.fill(1)
    batch.run("monday")
    batch.put("inbox/000.txt", b"changed")
    assert counts(batch.run("tuesday", process=broken)) == (0, 0, 1, 0)
    assert counts(batch.run("wednesday")) == (1, 0, 0, 0)
    assert batch.outputs() == {"gzip/000.txt.gz": b"changed"}


def test_an_object_that_is_gone_is_named(batch: Batch, intercept):
    batch.fill(3)

    def remove_first(given: dict, proceed: Callable) -> Any:
        if given["Key"] == "inbox/001.txt":
            batch.s3.delete_object(Bucket="uploads", Key="inbox/001.txt")
        return proceed()

    intercept("GetObject", remove_first)
    assert one_fails(batch) == "is gone since it was listed"
    assert counts(batch.run("tuesday")) == (0, 2, 0, 0)


def test_an_object_that_has_changed_since_it_was_listed_is_left_for_the_next_run(batch: Batch, intercept):
    batch.fill(3)
    changed: list[bytes] = []

    def change_first(given: dict, proceed: Callable) -> Any:
        if given["Key"] == "inbox/001.txt" and not changed:
            changed.append(b"changed")
            batch.put("inbox/001.txt", b"changed")
        return proceed()

    intercept("GetObject", change_first)
    assert one_fails(batch) == "has changed since it was listed"
    assert counts(batch.run("tuesday")) == (1, 2, 0, 0)
    assert batch.outputs()["gzip/001.txt.gz"] == b"changed"


def test_an_object_in_an_archive_storage_class_is_named(batch: Batch):
    batch.fill(3)
    batch.put("inbox/001.txt", b"cold", StorageClass="GLACIER")
    assert "must be restored" in one_fails(batch)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("AccessDenied", "may not be read by this worker"),
        ("InvalidRequest", "is encrypted with a key that only its owner has"),
        ("KMS.DisabledException", "cannot be decrypted (KMS.DisabledException)"),
    ],
)
def test_an_object_that_s3_does_not_hand_out_is_named(batch: Batch, intercept, code: str, reason: str):
    batch.fill(3)

    def refuse(given: dict, proceed: Callable) -> Any:
        if given["Key"] == "inbox/001.txt":
            raise refusal(code, "GetObject")
        return proceed()

    intercept("GetObject", refuse)
    assert one_fails(batch) == reason


@pytest.mark.parametrize("number", [1, 3, 105])
def test_a_worker_that_may_read_no_object_at_all_fails(batch: Batch, intercept, number: int):
    batch.fill(number)
    asked: list[str] = []

    def refuse(given: dict, proceed: Callable) -> Any:
        if given["Bucket"] != "uploads":
            return proceed()
        asked.append(given["Key"])
        raise refusal("AccessDenied", "GetObject")

    intercept("GetObject", refuse)
    with pytest.raises(PermissionError, match=f"each of the {min(number, 100)} objects"):
        batch.run()
    assert len(asked) <= 101


def test_an_object_for_which_the_scratch_volume_is_too_small_is_named(batch: Batch, monkeypatch: pytest.MonkeyPatch):
    batch.fill(3)
    batch.put("inbox/001.txt", bytes(10 * 1024**2))
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 20 * 1024**2}))
    assert "has 10,485,760 bytes, for which the scratch volume has no room" in one_fails(batch)


def test_an_object_that_is_larger_than_an_upload_may_be_is_named(batch: Batch, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("workers.s3_batch.work.MAX_BYTES", 20)
    batch.fill(3)
    batch.put("inbox/001.txt", bytes(21))
    assert one_fails(batch) == "has 21 bytes, more than 20"


def test_an_output_that_is_larger_than_an_upload_may_be_is_named(batch: Batch, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("workers.s3_batch.outputs.MAX_BYTES", 40)
    batch.fill(3)
    batch.put("inbox/001.txt", bytes(range(100)))
    assert "gives an output of 120 bytes, more than 40" in one_fails(batch)


def test_a_full_scratch_volume_fails_the_object(batch: Batch, intercept):
    batch.fill(3)

    class Full(io.BytesIO):
        def iter_chunks(self, size: int) -> Iterator[bytes]:
            raise OSError(errno.ENOSPC, "No space left on device")

    def fill(given: dict, proceed: Callable) -> Any:
        answer = proceed()
        return answer | {"Body": Full()} if given["Key"] == "inbox/001.txt" else answer

    intercept("GetObject", fill)
    assert one_fails(batch) == "OSError: [Errno 28] No space left on device"


def test_objects_wait_for_room_on_the_scratch_volume(batch: Batch, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("workers.s3_batch.work.IN_FLIGHT", 8)
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 4 * 1024**2}))  # for three of 1 MiB
    in_flight: list[int] = []

    def counted(pending: Any, *more: Any) -> Any:
        in_flight.append(len(pending))
        return wait(pending, *more)

    monkeypatch.setattr("workers.s3_batch.work.wait", counted)
    batch.fill(30)
    assert counts(batch.run()) == (30, 0, 0, 0)
    assert max(in_flight) == 3


def test_the_result_lists_the_first_failures_and_the_manifest_all(batch: Batch):
    batch.fill(30)
    result = batch.run(process=broken)
    assert counts(result) == (0, 0, 30, 0)
    assert [failure["key"] for failure in result["failures"]] == [f"inbox/{number:03}.txt" for number in range(20)]
    assert len(batch.lines(result)) == 30
    assert len(batch.logged) == 20


def test_content_that_breaks_off_is_read_again(batch: Batch, intercept):
    broken: list[str] = []

    class Broken(io.BytesIO):
        def iter_chunks(self, size: int) -> Iterator[bytes]:
            yield b"cont"
            raise ResponseStreamingError(error="connection broken")

    def break_off(given: dict, proceed: Callable) -> Any:
        answer = proceed()
        if given["Key"] != "inbox/001.txt" or len(broken) >= times:
            return answer
        broken.append(given["Key"])
        return answer | {"Body": Broken()}

    intercept("GetObject", break_off)
    contents, times = batch.fill(3), 3
    assert counts(batch.run()) == (3, 0, 0, 0)
    assert (batch.outputs()["gzip/001.txt.gz"], len(broken)) == (contents["001.txt"], 3)
    batch.put("inbox/001.txt", b"changed")
    times = 7
    with pytest.raises(ResponseStreamingError):
        batch.run("next")
    assert len(broken) == 7


@pytest.mark.parametrize(
    ("operation", "error"),
    [
        ("GetObject", refusal("SlowDown", "GetObject", 503)),
        ("PutObject", refusal("AccessDenied", "PutObject")),
        ("PutObject", EndpointConnectionError(endpoint_url="https://s3")),
        ("ListObjectsV2", refusal("AccessDenied", "ListObjectsV2")),
        ("ListObjectsV2", refusal("NoSuchBucket", "ListObjectsV2", 404)),
    ],
)
def test_trouble_with_our_buckets_is_raised_and_what_is_done_stays_done(
    batch: Batch, intercept, operation: str, error: Exception
):
    batch.fill(5)
    well, seen = [False], []

    def fail(given: dict, proceed: Callable) -> Any:
        seen.append(given.get("Key"))
        if not well[0] and (operation == "ListObjectsV2" or given["Key"].partition("00")[2].startswith("3.txt")):
            raise error
        return proceed()

    intercept(operation, fail)
    with pytest.raises(type(error)):
        batch.run(attempt=1)
    well[0] = True
    done = len(batch.outputs())
    assert done == (0 if operation == "ListObjectsV2" else 3)
    batch.processed.clear()
    assert counts(batch.run(attempt=2)) == (5, 0, 0, 0)
    assert len(batch.processed) == 5 - done


@pytest.mark.parametrize("error", [Downstream("the model is busy"), refusal("ThrottlingException", "InvokeModel", 429)])
def test_what_process_depends_on_ends_the_run_when_it_fails(batch: Batch, error: Exception):
    def asks(source: Source, folder: Path) -> Iterator[Output]:
        if source.name == "002.txt":
            raise error
        yield from process(source, folder)

    batch.fill(4)
    with pytest.raises(type(error)):
        batch.run(process=asks)
    assert counts(batch.run(attempt=2)) == (4, 0, 0, 0)
    assert batch.processed == ["000.txt", "001.txt", "002.txt", "002.txt", "003.txt"]


def test_what_leaves_no_output_is_not_done_again_after_a_failed_run(batch: Batch):
    def counts_only(source: Source, folder: Path) -> Iterator[Output]:
        if source.name == "002.txt" and len(batch.processed) == 3:
            raise Downstream("the database is busy")
        yield from ()

    batch.fill(4)
    with pytest.raises(Downstream):
        batch.run(process=counts_only)
    assert counts(batch.run(attempt=2, process=counts_only)) == (4, 0, 0, 0)
    assert batch.processed == ["000.txt", "001.txt", "002.txt", "002.txt", "003.txt"]
