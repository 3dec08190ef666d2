"""The result of one part, an object `partial.parquet`, and what it says about itself."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from workers.data_processor.aggregate import Counts
from workers.data_processor.bad_rows import BadRows
from workers.data_processor.request import Request

NAME = "partial.parquet"
PARQUET = "application/vnd.apache.parquet"


@dataclass(frozen=True, kw_only=True)
class Part:
    """index, size: which part of how many. source: its address; objects: how many it has, over all parts.

    fingerprint: of the objects' versions. complete: whether all was read. failed: why not, or which bad rows there are
    that the request does not allow; empty otherwise.
    """

    request: Request
    index: int
    size: int
    source: str
    objects: int
    fingerprint: str
    counts: Counts
    bad: BadRows
    failed: str
    complete: bool

    def text(self) -> str:
        return json.dumps({**asdict(self), "request": self.request.as_dict()}, ensure_ascii=False)

    @classmethod
    def from_text(cls, text: str) -> Part:
        fields: dict[str, Any] = json.loads(text)
        typed = {
            "request": Request.from_dict(fields["request"]),
            "counts": Counts(**fields["counts"]),
            "bad": BadRows(**fields["bad"]),
        }
        return cls(**{**fields, **typed})


def part_of(path: Path, groups: Any) -> Part:
    """groups: a connection of DuckDB."""
    [(text,)] = groups.execute(
        "SELECT decode(value) FROM parquet_kv_metadata($path) WHERE decode(key) = 'part'", {"path": str(path)}
    ).fetchall()
    return Part.from_text(text)
