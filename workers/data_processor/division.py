"""Objects → which part of an array reads what.

A part reads the i-th of n equal byte ranges of every large object that can be cut, and whole objects otherwise: those
are dealt out by size, each to the part that has least so far. Every part finds the same division by itself.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import dataclass

from workers.data_processor.bucket import Object
from workers.data_processor.request import Format
from workers.runtime import BadInput

SMALL = 8 * 1024**2  # bytes; an object up to that is not cut
FINE = 4  # nor one that is below such a fraction of a part's share
SUFFIXES: dict[str, Format] = {
    ".csv": "csv", ".tsv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl", ".parquet": "parquet",
}  # fmt: skip


@dataclass(frozen=True)
class Source:
    """An object and how it is read. zipped: by gzip."""

    object: Object
    format: Format
    zipped: bool


@dataclass(frozen=True)
class Slice:
    """The number-th of `of` equal byte ranges of an object: the records that begin in it."""

    source: Source
    number: int = 0
    of: int = 1

    @property
    def start(self) -> int:
        return self.source.object.size * self.number // self.of

    @property
    def end(self) -> int:
        return self.source.object.size * (self.number + 1) // self.of


def source_of(found: Object, format: Format | None) -> Source | None:
    """format: whatever its name says. None if that says nothing."""
    name = found.key.lower()
    zipped = name.endswith(".gz")
    name = name.removesuffix(".gz")
    format = format or next((kind for suffix, kind in SUFFIXES.items() if name.endswith(suffix)), None)
    if format is None:
        return None
    if format == "parquet" and zipped:
        raise BadInput(f"{found.key} is Parquet inside gzip, which cannot be read; Parquet compresses by itself")
    return Source(found, format, zipped)


def share_of(sources: Iterable[Source], index: int, size: int, *, split: bool) -> list[Slice]:
    """What part `index` of `size` reads, in the order of the keys."""
    listed = [source for source in sources if source.object.size]
    total = sum(source.object.size for source in listed)
    least = max(SMALL, total // (size * FINE))
    found, whole = [], []
    for source in listed:
        if split and size > 1 and not source.zipped and source.object.size > least:
            found.append(Slice(source, index, size))
        else:
            whole.append(source)
    loads = [(0, number) for number in range(size)]
    for source in sorted(whole, key=lambda one: (-one.object.size, one.object.key)):
        load, number = heapq.heappop(loads)
        heapq.heappush(loads, (load + source.object.size, number))
        if number == index:
            found.append(Slice(source))
    return sorted(found, key=lambda slice: slice.source.object.key)
