"""How fast the data processor goes through CSV, and what memory it takes: against a csv loop, and against DuckDB alone.

    python benchmarks/data_processor.py [--megabytes 1000] [--parts 8] [--polars PYTHON]
    python benchmarks/data_processor.py --tiers [--megabytes 400] [--polars PYTHON]

All of them answer the same question of the same file in one run, one after the other, each in processes of its own; the
parts, too, run one after the other, so that a part's time is that of one core. --polars names an interpreter that has
Polars, which is no requirement. --tiers gives each tier of the manifest one part of the worst kind, in which every row
is a group. `data_processor.md` has what came of it.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import yaml

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY))
MB = 10**6
BLOCK = 1024**2
LEAST = 10  # what an amount must be above
SHOWN = 100  # groups of an answer that are compared
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


def generate_groups(path: Path, megabytes: int) -> None:
    """As many regions as rows."""
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write("id,region,note,amount,day\n")
        for number in range(megabytes * MB // 60):
            file.write(f"{number:09},region-{number * 7919 % 10**9:024},,{number % 1000 + 11}.25,2026-01-31\n")


@dataclass(frozen=True)
class Run:
    """cpu, wall: seconds of the process's CPU, and by the clock. peak: MiB. answer: region → count, sum, greatest."""

    cpu: float
    wall: float
    peak: float
    answer: dict[str, list[str]]


def measured(
    folder: Path, what: str, *arguments: str, python: str = sys.executable, memory_gb: float = 1, vcpu: float = 1
) -> Run:
    """`what` in a process of its own."""
    command = [python, __file__, "--run", what, str(folder), *arguments]
    sizes = {"MEMORY_GB": str(memory_gb), "VCPU": str(vcpu), "POLARS_MAX_THREADS": "1"}
    environment = {**os.environ, "AWS_DEFAULT_REGION": "eu-central-1", **sizes}
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


def run_polars(folder: Path) -> dict[str, list[str]]:
    """One thread, its streaming engine; amounts exact."""
    import polars as pl  # pyright: ignore[reportMissingImports]

    amount, found = pl.col("amount"), folder / "polars.parquet"
    (
        pl.scan_csv(folder / "data.csv", schema_overrides={"amount": pl.Decimal(38, 2)})
        .filter(amount > LEAST)
        .group_by("region")
        .agg(pl.len().alias("count"), amount.sum().alias("sum"), amount.max().alias("max"))
        .sink_parquet(found, engine="streaming")
    )
    rows = pl.scan_parquet(found).head(SHOWN).collect().iter_rows()
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
    return {  # the first hundred groups
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


def files_for_s3(folder: Path) -> ExitStack:
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

    stack = ExitStack()
    for module in (workers.data_processor.handler, workers.data_processor.merge):
        stack.enter_context(mock.patch.object(module, "Bucket", Folder))
    return stack


def child(what: str, folder: str, *arguments: str) -> None:
    runs = {"loop": run_loop, "duckdb": run_duckdb, "polars": run_polars, "part": run_part, "merge": run_merge}
    began = time.perf_counter()
    answer = runs[what](Path(folder), *arguments)
    wall, cpu = time.perf_counter() - began, time.process_time()
    status = Path("/proc/self/status").read_text()  # Linux counts the parent's memory in ru_maxrss
    peak = next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM:"))
    print(json.dumps(Run(cpu, wall, peak, answer).__dict__))


def compare(folder: Path, megabytes: int, count: int, polars: str | None) -> None:
    generate(folder / "data.csv", megabytes)
    size = (folder / "data.csv").stat().st_size / MB
    loop = measured(folder, "loop")
    runs = {"csv loop": loop, "DuckDB alone, one thread": measured(folder, "duckdb")}
    if polars:
        runs["Polars alone, one thread"] = measured(folder, "polars", python=polars)
    parts = [measured(folder, "part", str(index), str(count)) for index in range(count)]
    merged = measured(folder, "merge")
    work = [*parts, merged]
    longest = max(run.wall for run in parts) + merged.wall
    label = f"**{count} parts and the merge**"
    runs[label] = Run(sum(run.cpu for run in work), longest, max(run.peak for run in work), merged.answer)
    if any(run.answer != loop.answer for run in runs.values()):
        sys.exit("The answers differ.")
    print(f"{size:,.0f} MB, {count} parts; equal answers")
    print("| way | CPU s | MB/s per core | ratio | clock s | ratio | largest process, MiB |")
    print("|---|---|---|---|---|---|---|")
    for label, run in runs.items():
        ratios = loop.cpu / run.cpu, loop.wall / run.wall
        speed = f"{run.cpu:.1f} | {size / run.cpu:.0f} | {ratios[0]:.2f}"
        print(f"| {label} | {speed} | {run.wall:.1f} | {ratios[1]:.2f} | {run.peak:.0f} |")
    print(
        f"Parts: {min(run.cpu for run in parts):.1f} to {max(run.cpu for run in parts):.1f} s; merge {merged.cpu:.1f} s"
    )


def tiers(folder: Path, megabytes: int, polars: str | None) -> None:
    """A container also holds the process that starts the worker's."""
    generate_groups(folder / "data.csv", megabytes)
    manifest = yaml.safe_load((REPOSITORY / "workers/data_processor/worker.yaml").read_text())
    print(f"{(folder / 'data.csv').stat().st_size / MB:,.0f} MB")
    print("| vCPU | memory, MiB | largest process, MiB | share | CPU s |\n|---|---|---|---|---|")
    for tier in manifest["trigger"]["batch"]["tiers"]:
        gigabytes = float(tier["memory"].split()[0])
        run = measured(folder, "part", "0", "1", memory_gb=gigabytes, vcpu=tier["vcpu"])
        share = run.peak / (gigabytes * 1024)
        print(f"| {tier['vcpu']} | {gigabytes * 1024:.0f} | {run.peak:.0f} | {share:.2f} | {run.cpu:.0f} |")
    if polars:
        run = measured(folder, "polars", python=polars)
        print(f"| Polars, one thread | | {run.peak:.0f} | | {run.cpu:.0f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--parts", type=int, default=8)
    parser.add_argument("--polars", metavar="PYTHON")
    parser.add_argument("--tiers", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        if given.tiers:
            tiers(Path(name), given.megabytes, given.polars)
        else:
            compare(Path(name), given.megabytes, given.parts, given.polars)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--run"]:
        child(*sys.argv[2:])
    else:
        main()
