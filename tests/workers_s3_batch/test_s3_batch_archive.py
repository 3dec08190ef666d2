"""s3_batch: what the archive makes of an object, and that it takes little memory."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from batch_support import ARCHIVE, Batch
from botocore.client import BaseClient

from workers.s3_batch.items import Source
from workers.s3_batch.process import process

ROOT = Path(__file__).parents[2]


def zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.txt", "a")
    return file.getvalue()


COMPRESSED = {
    "gzip": gzip.compress(b"x"),
    "zip": zipped(),
    "bzip2": bz2.compress(b"x"),
    "xz": lzma.compress(b"x"),
    "zstd": bytes.fromhex("28b52ffd") + b"...",
    "lz4": bytes.fromhex("04224d18") + b"...",
    "7z": bytes.fromhex("377abcaf271c") + b"...",
    "jpeg": bytes.fromhex("ffd8ffe0") + b"...",
    "png": bytes.fromhex("89504e470d0a1a0a") + b"...",
    "webp": b"RIFF\x10\0\0\0WEBPVP8 ",
    "mp4": b"\0\0\0\x18ftypisom",
    "parquet": b"PAR1...",
}
PLAIN = {
    "text": b"text",
    "empty": b"",
    "one byte": b"\x1f",
    "wave": b"RIFF\x10\0\0\0WAVEfmt ",
    "nearly zip": b"PK\x01\x02",
    "ftyp elsewhere": b"ftypisom",
}


def test_compressed_content_is_copied_whatever_its_name(batch: Batch):
    for kind, content in COMPRESSED.items():
        batch.put(f"inbox/{kind}.txt", content, ContentType="text/x-lie")
    batch.run()
    assert batch.outputs() == {f"copied/{kind}.txt": content for kind, content in COMPRESSED.items()}
    assert batch.s3.head_object(Bucket="results", Key=f"{ARCHIVE}copied/zip.txt")["ContentType"] == "text/x-lie"


def test_other_content_is_packed_whatever_its_name(batch: Batch):
    for kind, content in PLAIN.items():
        batch.put(f"inbox/{kind}.zip", content)
    batch.run()
    assert batch.outputs() == {f"gzip/{kind}.zip.gz": content for kind, content in PLAIN.items()}
    head = batch.s3.head_object(Bucket="results", Key=f"{ARCHIVE}gzip/text.zip.gz")
    assert head["ContentType"] == "application/gzip"
    assert "ContentEncoding" not in head  # a client would unpack it on the way, and then the SHA-256 is another


def test_the_same_content_gives_the_same_file(tmp_path: Path):
    (tmp_path / "content").write_bytes(b"content" * 1000)
    files = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        [output] = process(Source(tmp_path / "content", name, "text/plain"), tmp_path / name)
        files.append(output.path.read_bytes())
    assert files[0] == files[1]
    assert files[0][4:8] == bytes(4)  # no time
    assert not files[0][3]  # no name, nor anything else that is optional


@pytest.mark.parametrize(
    ("given", "kept"), [("image/jpeg", "image/jpeg"), ("täxt/plain", None), ("a\tb", None), ("", None)]
)
def test_a_content_type_is_kept_if_it_can_be_one(
    batch: Batch, monkeypatch: pytest.MonkeyPatch, given: str, kept: str | None
):
    batch.put("inbox/a", COMPRESSED["jpeg"])
    call = BaseClient._make_api_call  # type: ignore[attr-defined]

    def answered(client: BaseClient, operation: str, request: dict[str, Any]) -> Any:
        answer = call(client, operation, request)
        return answer | {"ContentType": given} if operation == "GetObject" else answer

    with monkeypatch.context() as patch:
        patch.setattr(BaseClient, "_make_api_call", answered)
        batch.run()
    head = batch.s3.head_object(Bucket="results", Key=f"{ARCHIVE}copied/a")
    assert head["ContentType"] == (kept or "application/octet-stream")


MEASURED = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from workers.s3_batch.items import Done, Item, Listed, Source, Written
from workers.s3_batch.ledger import Ledger
from workers.s3_batch.process import process

folder, count = Path(sys.argv[1]), int(sys.argv[2])
def peak():  # of this program; what getrusage tells begins with that of the one which started it
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
def items():
    return (Item(f"inbox/{n:010}.txt", f"{n:032x}", n) for n in range(count))
before = peak()
if count > 1:
    ledger = Ledger(folder / "ledger")
    ledger.list(Listed(item, datetime.now(UTC)) for item in items())
    written = (Written("s3_batch/archive/gzip/name.gz", 1, "0" * 32, "0" * 64),)
    ledger.load(Done(item, "0" * 64, written, "2026-03-02T01:00:00.000Z", "run") for item in items())
    ledger.forget_gone()
    assert sum(1 for _ in ledger.lines()) == count
    assert not list(ledger.todo())
else:
    with (folder / "content").open("wb") as file:
        file.truncate(100 * 1024**2)
    [output] = process(Source(folder / "content", "content", ""), folder)
    assert output.path.stat().st_size < 10**6
print(peak() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux to tell the peak")
@pytest.mark.parametrize("count", [1, 40_000], ids=["one large object", "many small objects"])
def test_memory_grows_neither_with_the_size_nor_with_the_number_of_objects(tmp_path: Path, count: int):
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, str(tmp_path), str(count)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(done.stdout) < 8_000  # KiB
