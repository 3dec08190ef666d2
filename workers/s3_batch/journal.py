"""The worker's memory between runs, in `_manifest/` below the destination.

- `ledger.jsonl.gz`: what is done and still listed. Each run writes it anew, so that it does not expire with the
  bucket's old objects.
- `parts/<run>/<attempt>/000000.jsonl.gz` and so on: what an attempt has done, written while it goes. Only it writes
  there. The ledger tells how many parts of each attempt it holds; those of an attempt that was killed, or goes on while
  another run writes the ledger, are read by the next run.
- `runs/<run>.jsonl.gz`: the manifest of a run, with what it has done and what has failed.
- `latest.json`: the result of the last run that ended.

Ledger and parts begin with a line that names their source. Nothing is deleted, which the worker may not do.
"""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from workers.runtime import BadInput
from workers.s3_batch.bucket import Bucket
from workers.s3_batch.items import Done, Item
from workers.s3_batch.ledger import Ledger
from workers.s3_batch.names import MANIFEST

PART_OBJECTS, PART_SECONDS = 200, 10.0  # a part is written once it has so many, or its first has waited so long
GZIP = "application/gzip"


class Journal:
    """destination: prefix of the outputs. source: where the objects come from; a destination has only one.

    run, attempt: of the job. scratch: a folder.
    """

    def __init__(self, results: Bucket, destination: str, *, source: str, run: str, attempt: int, scratch: Path):
        self._results = results
        self._prefix = destination + MANIFEST
        self._source = source
        self._file = scratch / "lines.gz"
        self._attempt = f"{run}/{attempt}"
        self._held: dict[str, int] = {}  # how many parts of each attempt the ledger holds
        self._waiting: list[str] = []
        self._since = 0.0
        self.manifest_key = f"{self._prefix}runs/{run}.jsonl.gz"

    def load(self, ledger: Ledger) -> datetime | None:
        """Fill the ledger with what was done before.

        Returns since when there may be outputs that are not in it, because an attempt did not come to its end; by the
        clock of S3. None if there are none. BadInput if the destination has another source.
        """
        began: dict[str, datetime] = {}
        unread: dict[str, list[tuple[int, Item]]] = {}
        for listed in self._results.list(self._prefix):  # where the ledger comes before the parts
            name = listed.item.key.removeprefix(self._prefix)
            if name == "ledger.jsonl.gz":
                self._held = self._read(listed.item, ledger)
            elif name.startswith("parts/"):
                attempt, _, file = name.removeprefix("parts/").rpartition("/")
                number = int(file.partition(".")[0])
                began[attempt] = min(listed.modified, began.get(attempt, listed.modified))
                if number >= self._held.get(attempt, 0):
                    unread.setdefault(attempt, []).append((number, listed.item))
        for attempt, parts in unread.items():
            for number, item in parts:
                self._read(item, ledger)
                self._held[attempt] = number + 1
        self._held = {attempt: self._held[attempt] for attempt in began}  # and no expired ones
        return min((began[attempt] for attempt in unread), default=None)

    def open(self) -> None:
        """To be called before anything is done: the first part, which is empty, tells that this attempt has begun."""
        self._write_part()

    def add(self, done: Done) -> None:
        if not self._waiting:
            self._since = time.monotonic()
        self._waiting.append(done.line())
        self.write_due()

    def write_due(self) -> None:
        """Write a part, if it is time."""
        if len(self._waiting) >= PART_OBJECTS or time.monotonic() - self._since > PART_SECONDS:
            self.flush()

    def flush(self) -> None:
        if self._waiting:
            self._write_part()

    def close(self, ledger: Ledger, run: str, result: dict[str, Any]) -> None:
        """Write the run's manifest, the ledger and the result."""
        self.flush()
        self._write(self.manifest_key, _manifest(ledger, run))
        self._write(f"{self._prefix}ledger.jsonl.gz", self._with_header(ledger.lines(), self._held))
        self._results.put(f"{self._prefix}latest.json", json.dumps(result, indent=1).encode(), "application/json")

    def _read(self, item: Item, ledger: Ledger) -> dict[str, int]:
        """Load a ledger or part. Returns how many parts of which attempt it says that it holds."""
        self._results.fetch(item, self._file)
        with gzip.open(self._file, "rt", encoding="utf-8") as lines:
            header = json.loads(next(lines))
            if header["source"] != self._source:
                raise BadInput(
                    f"s3://{self._results.name}/{self._prefix.removesuffix(MANIFEST)} holds what was made of "
                    f"{header['source']}; {self._source} needs a destination of its own"
                )
            ledger.load(map(Done.from_line, lines))
        return header["held"]

    def _write_part(self) -> None:
        number = self._held.get(self._attempt, 0)
        key = f"{self._prefix}parts/{self._attempt}/{number:06}.jsonl.gz"
        self._write(key, self._with_header(iter(self._waiting), {}))
        self._held[self._attempt] = number + 1
        self._waiting = []

    def _with_header(self, lines: Iterator[str], held: dict[str, int]) -> Iterator[str]:
        yield json.dumps({"source": self._source, "held": held}, ensure_ascii=False)
        yield from lines

    def _write(self, key: str, lines: Iterator[str]) -> None:
        with gzip.open(self._file, "wt", compresslevel=1, encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in lines)
        with self._file.open("rb") as file:
            self._results.put(key, file, GZIP)


def _manifest(ledger: Ledger, run: str) -> Iterator[str]:
    yield from ledger.lines(run)
    for item, reason in ledger.failures():
        yield json.dumps(asdict(item) | {"failed": reason, "run": run}, ensure_ascii=False)
