"""What the parts of the frame, and the author's `process`, hand to each other."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path


class Unprocessed(Exception):
    """One object could not be processed; the text, which goes into the manifest, says why. The others can be."""


class Denied(Unprocessed):
    """S3 refused to hand out the object: it may be encrypted for others, or the worker may read none at all."""


@dataclass(frozen=True)
class Source:
    """An object that is to be processed.

    path: its content, on the scratch volume. name: its key without the source prefix; may be "", or hold anything that
    a key may. content_type: as it was uploaded.
    """

    path: Path
    name: str
    content_type: str


@dataclass(frozen=True)
class Output:
    """A file that was made of an object. name: where it is to go, below the destination."""

    name: str
    path: Path
    content_type: str = "application/octet-stream"


Process = Callable[[Source, Path], Iterator[Output]]


@dataclass(frozen=True)
class Item:
    """A version of an object: what is done once. etag: without its quotes. size: bytes."""

    key: str
    etag: str
    size: int

    @property
    def id(self) -> str:
        """What its outputs bear in their metadata, where keys of any length and script have no room."""
        return hashlib.sha256(f"{self.etag} {self.size} {self.key}".encode()).hexdigest()


@dataclass(frozen=True)
class Listed:
    """An object in a listing. modified: by the clock of S3, aware."""

    item: Item
    modified: datetime

    @property
    def is_folder(self) -> bool:
        """Whether it is what the console makes of a folder: an empty object whose key ends with a slash."""
        return self.item.key.endswith("/") and not self.item.size


@dataclass(frozen=True)
class Written:
    """An output as it lies in the results bucket. size: bytes. etag: without its quotes. sha256: in hex."""

    key: str
    size: int
    etag: str
    sha256: str


@dataclass(frozen=True)
class Done:
    """What was made of an item. sha256: of its content. done_at: `timestamp()`. run: id of the job that did it."""

    item: Item
    sha256: str
    outputs: tuple[Written, ...]
    done_at: str
    run: str

    def line(self) -> str:
        """As a line of JSON, without its end."""
        outputs = [vars(output) for output in self.outputs]  # asdict() would take longer than all the rest
        return json.dumps(
            vars(self.item) | {"sha256": self.sha256, "outputs": outputs, "done_at": self.done_at, "run": self.run},
            ensure_ascii=False,
        )

    @classmethod
    def from_line(cls, line: str) -> Done:
        known = json.loads(line)
        item = Item(known["key"], known["etag"], known["size"])
        outputs = tuple(Written(**output) for output in known["outputs"])
        return cls(item, known["sha256"], outputs, known["done_at"], known["run"])


@dataclass(frozen=True)
class Found:
    """An output as its metadata tell of it.

    id: of the item that it was made of. number, count: it is one of so many, from 1. content: SHA-256 of the item's.
    done_at: `timestamp()`.
    """

    id: str
    number: int
    count: int
    content: str
    done_at: str
    output: Written


def timestamp(moment: datetime) -> str:
    """2026-03-02T01:00:05.250Z. moment: in UTC; later ones come later in the order of text."""
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
