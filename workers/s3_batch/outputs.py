"""Writes what was made of an item, and finds again what nobody came to record."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from itertools import islice

from workers.s3_batch.bucket import Bucket
from workers.s3_batch.items import Done, Found, Item, Output, Unprocessed, Written, timestamp
from workers.s3_batch.ledger import Ledger
from workers.s3_batch.names import MANIFEST, output_key

MAX_BYTES = 5 * 1024**3  # that S3 takes in one piece: so an output is there whole or not at all
HEADS = 8  # at a time


class Outputs:
    """What lies below the destination, the manifest aside. Each output's metadata tell what it was made of."""

    def __init__(self, results: Bucket, destination: str, ledger: Ledger):
        self._results = results
        self._destination = destination
        self._ledger = ledger

    def write(self, item: Item, content: str, outputs: Sequence[Output]) -> tuple[Written, ...]:
        """content: SHA-256 of the item's. For any thread. Unprocessed, before any is written, if one cannot be."""
        keys = [output_key(self._destination, output.name) for output in outputs]
        for output, key in zip(outputs, keys, strict=True):
            if keys.count(key) > 1:
                raise Unprocessed(f"gives two outputs with the name {output.name!r}")
            if not output.path.is_file():
                raise Unprocessed(f"gives the output {output.name!r} without a file")
            if (size := output.path.stat().st_size) > MAX_BYTES:
                raise Unprocessed(f"gives an output of {size:,} bytes, more than {MAX_BYTES:,}")
            if (owner := self._ledger.owner(key, item.key)) != item.key:
                raise Unprocessed(f"gives the output {output.name!r}, which is that of {owner!r}")
        written = []
        for number, (output, key) in enumerate(zip(outputs, keys, strict=True), 1):
            with output.path.open("rb") as file:
                sha256 = hashlib.file_digest(file, "sha256").hexdigest()
                size = file.tell()
                file.seek(0)
                etag = self._results.put(
                    key,
                    file,
                    output.content_type,
                    {
                        "item": item.id,
                        "number": str(number),
                        "count": str(len(outputs)),
                        "content-sha256": content,
                        "sha256": sha256,
                    },
                )
            written.append(Written(key, size, etag, sha256))
        return tuple(written)

    def recover(self, since: datetime, run: str) -> Iterator[Done]:
        """Items whose outputs were all written since then, by the clock of S3, and that are not recorded as done."""
        unknown = (
            listed.item
            for listed in self._results.list(self._destination)
            if listed.modified >= since
            and not listed.item.key.startswith(self._destination + MANIFEST)
            and not self._ledger.knows(listed.item)
        )
        anything = False
        with ThreadPoolExecutor(HEADS) as pool:
            while some := list(islice(unknown, 10 * HEADS)):
                for found in filter(None, pool.map(self._look_at, some)):
                    self._ledger.find(found)
                    anything = True
        for item in self._ledger.todo() if anything else ():
            if found := self._ledger.found(item):
                outputs = tuple(each.output for each in found)
                yield Done(item, found[0].content, outputs, found[-1].done_at, run)

    def _look_at(self, output: Item) -> Found | None:
        """None if it is gone, or somebody else's."""
        head = self._results.head(output.key)
        if head is None or "item" not in head.metadata:
            return None
        told = head.metadata
        return Found(
            id=told["item"],
            number=int(told["number"]),
            count=int(told["count"]),
            content=told["content-sha256"],
            done_at=timestamp(head.modified),
            output=Written(output.key, output.size, output.etag, told["sha256"]),
        )
