"""How fast the data processor goes through CSV, and what memory it takes: against a csv loop, and against DuckDB alone.

    python benchmarks/data_processor.py [--megabytes 1000] [--parts 8]

All of them answer the same question of the same file in one run, one after the other, each in processes of its own; the
parts, too, run one after the other, so that a part's time is that of one core. `data_processor.md` has what came of it.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY))
MB = 10**6
BLOCK = 1024**2
LEAST = 10  # what an amount must be above
REQUEST = {
    "key": "data.csv",
    "filter": [{"column": "amount", "op": "gt", "value": LEAST}],
    "group_by": ["region"],
    "measures": [{"op": "count"}, {"op": "sum", "column": "amount"}, {"op": "max", "column": "amount"}],
}


def generate(path: Path, megabytes: int) -> None:
    """Five columns, one of them text that is quoted now and then, with delimiters in it."""
    chance = random.Random(1)
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write("id,region,note,amount,day\n")
        number = 0
        while file.tell() < megabytes * MB:
            lines = []
            for number in range(number, number + 10_000):  # noqa: B020
                note = '"said ""yes"", twice"' if number % 20 == 0 else f"no remark on order {number}"
                cents = chance.randrange(10**7)
                day = f"2026-{chance.randrange(12) + 1:02}-{chance.randrange(28) + 1:02}"
                lines.append(f"{number},region-{chance.randrange(50)},{note},{cents // 100}.{cents % 100:02},{day}\n")
            file.write("".join(lines))
            number += 1


@dataclass(frozen=True)
class Run:
    """seconds: of the process's CPU, and by the clock. peak: MiB. answer: region → count, sum, greatest."""

    cpu: float
    wall: float
    peak: float
    answer: dict[str, list[str]]


def measured(folder: Path, what: str, *arguments: str) -> Run:
    """`what` in a process of its own."""
    command = [sys.executable, __file__, "--run", what, str(folder), *arguments]
    environment = {**os.environ, "AWS_DEFAULT_REGION": "eu-central-1", "MEMORY_GB": "1", "VCPU": "1"}
    return Run(**json.loads(subprocess.check_output(command, env=environment, text=True).splitlines()[-1]))


def run_loop(folder: Path) -> dict[str, list[str]]:
    """One process, csv.reader, Decimal."""
    import csv
    from decimal import Decimal

    found: dict[str, list[Any]] = {}
    with (folder / "data.csv").open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        next(rows)
        for row in rows:
            amount = Decimal(row[3])
            if amount > LEAST:
                group = found.setdefault(row[1], [0, Decimal(0), amount])
                group[0] += 1
                group[1] += amount
                group[2] = max(group[2], amount)
    return {region: [plain(cell) for cell in cells] for region, cells in found.items()}


def run_duckdb(folder: Path) -> dict[str, list[str]]:
    """One thread, as it guesses the types; amounts exact."""
    import duckdb

    with duckdb.connect(config={"threads": 1}) as database:
        rows = database.execute(
            "SELECT region, count(*), sum(amount), max(amount) "
            "FROM read_csv($path, types = {'amount': 'DECIMAL(18, 2)'}) WHERE amount > $least GROUP BY region",
            {"path": str(folder / "data.csv"), "least": LEAST},
        ).fetchall()
    return {region: [plain(cell) for cell in cells] for region, *cells in rows}


def run_part(folder: Path, index: str, parts: str) -> dict[str, list[str]]:
    with files_for_s3(folder):
        from workers.data_processor.handler import handle

        handle(REQUEST, context(folder, int(index), int(parts)))
    return {}


def run_merge(folder: Path) -> dict[str, list[str]]:
    with files_for_s3(folder):
        from workers.data_processor.handler import handle

        result = handle({"merge": {"prefix": "data_processor/job/"}}, context(folder, 0, 1))
    return {
        row["region"]: [plain(row[name]) for name in ("count", "sum_amount", "max_amount")] for row in result["totals"]
    }


def plain(cell: Any) -> str:
    text = str(cell)
    return text.rstrip("0").rstrip(".") if "." in text else text


def context(folder: Path, index: int, parts: int) -> Any:
    place = f"data_processor/job/{index}" if parts > 1 else "data_processor/merged"
    scratch = Path(tempfile.mkdtemp(dir=folder))
    return SimpleNamespace(
        index=index, size=parts, uploads="uploads", results="results", workdir=scratch,
        objects=SimpleNamespace(prefix=place),
    )  # fmt: skip


def files_for_s3(folder: Path) -> Any:
    """The worker's buckets are this folder: what is measured is the work, not a stand-in for S3."""
    from workers.data_processor import bucket

    found = bucket.Object

    class Folder(bucket.Bucket):
        def __init__(self, name: str):
            self.name = name

        def find(self, key: str) -> bucket.Object:
            return found(key, "1", (folder / key).stat().st_size)

        def list(self, prefix: str) -> Iterator[bucket.Object]:
            for path in sorted((folder / prefix).rglob("*.parquet")):
                yield found(str(path.relative_to(folder)), "1", path.stat().st_size)

        def stream(self, found: bucket.Object, start: int, end: int) -> Iterator[bytes]:
            with (folder / found.key).open("rb") as file:
                file.seek(start)
                while block := file.read(min(BLOCK, end - start)):
                    start += len(block)
                    yield block

        def put(self, key: str, body: Any, content_type: str) -> Any:
            path = folder / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(body.read())
            return {"bucket": self.name, "key": key}

    import workers.data_processor.handler
    import workers.data_processor.merge

    stack = mock.patch.multiple(workers.data_processor.handler, Bucket=Folder)
    mock.patch.object(workers.data_processor.merge, "Bucket", Folder).start()
    return stack


def child(what: str, folder: str, *arguments: str) -> None:
    runs = {"loop": run_loop, "duckdb": run_duckdb, "part": run_part, "merge": run_merge}
    began, cpu = time.perf_counter(), time.process_time()
    answer = runs[what](Path(folder), *arguments)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    run = Run(time.process_time() - cpu, time.perf_counter() - began, peak, answer)
    print(json.dumps(run.__dict__))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--parts", type=int, default=8)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        generate(folder / "data.csv", given.megabytes)
        size = (folder / "data.csv").stat().st_size / MB
        loop, alone = measured(folder, "loop"), measured(folder, "duckdb")
        parts = [measured(folder, "part", str(index), str(given.parts)) for index in range(given.parts)]
        merged = measured(folder, "merge")
        if not loop.answer == alone.answer == merged.answer:
            sys.exit("The answers differ.")
    work = [*parts, merged]
    cpu = sum(run.cpu for run in work)
    print(f"{size:,.0f} MB, {given.parts} parts; equal answers")
    print("| | CPU s | MB/s per core | largest process, MiB | clock s |")
    print("|---|---|---|---|---|")
    for label, run in (("csv loop", loop), ("DuckDB alone, one thread", alone)):
        print(f"| {label} | {run.cpu:.1f} | {size / run.cpu:.0f} | {run.peak:.0f} | {run.wall:.1f} |")
    longest = max(run.wall for run in parts) + merged.wall
    peak = max(run.peak for run in work)
    print(
        f"| {given.parts} parts and the merge | {cpu:.1f} | {size / cpu:.0f} | {peak:.0f} | {longest:.1f} (longest part, and merge) |"
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--run"]:
        child(*sys.argv[2:])
    else:
        main()
