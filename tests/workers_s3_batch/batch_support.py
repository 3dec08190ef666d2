"""Buckets with objects, runs of the worker on them, and what lies in the results bucket afterwards."""

from __future__ import annotations

import gzip
import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

from tests.mocked_s3 import account
from workers.s3_batch import handler
from workers.s3_batch.items import Output, Source
from workers.s3_batch.process import process

ARCHIVE = "s3_batch/archive/"
MANIFEST = f"{ARCHIVE}_manifest/"


@dataclass
class Batch:
    """s3: a client of the account. processed: names of the objects that process() was called with, in order."""

    s3: Any
    processed: list[str] = field(default_factory=list)
    logged: list[str] = field(default_factory=list)

    def empty(self) -> None:
        account().reset()
        for name in ("uploads", "results"):
            account().create_bucket(name, "us-east-1")
        self.processed.clear()

    def put(self, key: str, data: bytes = b"content", **more: Any) -> None:
        self.s3.put_object(Bucket="uploads", Key=key, Body=data, **more)

    def fill(self, count: int) -> dict[str, bytes]:
        """Objects in the inbox: name → content."""
        contents = {f"{number:03}.txt": f"content {number}".encode() for number in range(count)}
        for name, content in contents.items():
            self.put(f"inbox/{name}", content)
        return contents

    def keys(self, bucket: str, prefix: str = "") -> list[str]:
        return sorted(key for key in list(account().buckets[bucket].keys) if key.startswith(prefix))

    def get(self, key: str, bucket: str = "results") -> bytes:
        return account().buckets[bucket].keys[key].value

    def outputs(self, destination: str = ARCHIVE) -> dict[str, bytes]:
        """Name → content of each output; those below gzip/ unpacked."""
        found = {}
        for key in self.keys("results", destination):
            name = key.removeprefix(destination)
            if not name.startswith("_manifest/"):
                data = self.get(key)
                found[name] = gzip.decompress(data) if name.startswith("gzip/") else data
        return found

    def lines(self, result: dict[str, Any]) -> list[dict[str, Any]]:
        """The run's manifest."""
        place = result["manifest"]
        return [json.loads(line) for line in gzip.decompress(self.get(place["key"], place["bucket"])).splitlines()]

    def ledger(self) -> dict[str, dict[str, Any]]:
        """Key → what the ledger says of it."""
        _, *lines = gzip.decompress(self.get(f"{MANIFEST}ledger.jsonl.gz")).splitlines()
        return {line["key"]: line for line in map(json.loads, lines)}

    def run(
        self,
        job: str = "job-1",
        attempt: int = 1,
        *,
        process: Callable[[Source, Path], Iterator[Output]] = process,
        remaining: Callable[[], float] = lambda: 3600.0,
        **input: Any,
    ) -> dict[str, Any]:
        def counted(source: Source, folder: Path) -> Iterator[Output]:
            self.processed.append(source.name)
            yield from process(source, folder)

        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            context: Any = SimpleNamespace(
                job_id=job,
                attempt=attempt,
                uploads="uploads",
                results="results",
                workdir=Path(folder),
                remaining_seconds=remaining,
                log=SimpleNamespace(warning=lambda text, **_: self.logged.append(text)),
            )
            with mock.patch.object(handler, "process", counted):
                return handler.handle({"scheduled_at": "2026-03-02T01:00:00Z", **input}, context)


def counts(result: dict[str, Any]) -> tuple[int, int, int, int]:
    """Done, skipped, failed, left."""
    return result["done"], result["skipped"], result["failed"], result["left"]
