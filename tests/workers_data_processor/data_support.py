"""Buckets with line data, runs of the worker on them, and the same computed in plain Python."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Context, Decimal
from functools import reduce
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tests.mocked_s3 import account
from workers.data_processor.handler import handle

PRECISE = Context(prec=60)  # the usual one has fewer digits than the sums
MEASURES = [
    {"op": "count"},
    {"op": "count", "column": "amount", "as": "amounts"},
    {"op": "sum", "column": "amount"},
    {"op": "average", "column": "amount"},
    {"op": "min", "column": "amount"},
    {"op": "max", "column": "day", "type": "text"},
]


@dataclass
class Data:
    """s3: a client of the account."""

    s3: Any

    def empty(self) -> None:
        account().reset()
        for name in ("uploads", "results"):
            account().create_bucket(name, "us-east-1")

    def put(self, key: str, data: bytes) -> None:
        self.s3.put_object(Bucket="uploads", Key=key, Body=data)

    def get(self, key: str) -> bytes:
        return account().buckets["results"].keys[key].value

    def has(self, key: str) -> bool:
        return key in account().buckets["results"].keys

    def run(self, *, index: int = 0, size: int = 1, job: str = "job", **input: Any) -> dict[str, Any]:
        """One part, or a merge."""
        place = f"data_processor/{job}" + (f"/{index}" if size > 1 else "")
        with tempfile.TemporaryDirectory() as folder:
            context: Any = SimpleNamespace(
                index=index,
                size=size,
                uploads="uploads",
                results="results",
                workdir=Path(folder),
                objects=SimpleNamespace(prefix=place),
            )
            result = handle(input, context)
            left = [path.name for path in Path(folder).iterdir() if path.name not in ("partial.parquet", "spill")]
            assert [name for name in left if not name.startswith("groups.duckdb")] == []
        json.dumps(result, allow_nan=False)
        return result

    def totals(self, size: int, **input: Any) -> list[dict[str, Any]]:
        """All parts and the merge: the lines of the result, numbers as Decimal."""
        job = f"of-{size}"
        for index in range(size):
            self.run(index=index, size=size, job=job, **input)
        if size > 1:
            self.run(job=f"{job}-merged", merge={"prefix": f"data_processor/{job}/"})
            job = f"{job}-merged"
        lines = self.get(f"data_processor/{job}/totals.jsonl").decode().splitlines()
        return [json.loads(line, parse_float=Decimal, parse_int=Decimal) for line in lines]


def rows_of(text: bytes, delimiter: str = ",") -> list[dict[str, str | None]]:
    """By Python's csv; an empty cell is None."""
    found = csv.DictReader(io.StringIO(text.decode("utf-8-sig")), delimiter=delimiter)
    return [{name: cell or None for name, cell in row.items()} for row in found]


def plain(
    rows: Iterable[Mapping[str, Any]],
    group_by: list[str],
    wanted: Callable[[Mapping[str, Any]], bool] = lambda _: True,
) -> list[dict[str, Any]]:
    """What MEASURES are of the rows."""
    groups: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for row in filter(wanted, rows):
        groups.setdefault(tuple(row[name] for name in group_by), []).append(row)
    found = []
    for key in sorted(groups, key=lambda key: [(cell is not None, (cell or "").encode()) for cell in key]):
        members = groups[key]
        amounts = [Decimal(row["amount"]) for row in members if row["amount"] is not None]
        total = reduce(PRECISE.add, amounts, Decimal(0))
        mean = PRECISE.divide(total, Decimal(len(amounts) or 1)).quantize(Decimal("1E-10"), context=PRECISE)
        found.append(
            {
                **dict(zip(group_by, key, strict=True)),
                "count": len(members),
                "amounts": len(amounts),
                "sum_amount": total if amounts else None,
                "average_amount": mean if amounts else None,
                "min_amount": min(amounts, default=None),
                "max_day": max((row["day"] for row in members if row["day"]), default=None),
            }
        )
    return found
