"""etl_processor: it holds no more of its container's memory than it may, whatever the source."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import duckdb

from workers.etl_processor.rows import MAX_ROW

ROOT = Path(__file__).parents[2]
MEMORY_MB = 512
MOST = 0.7 * MEMORY_MB  # the runtime's own process needs the rest
HEADER = "id,note,amount\n"


def found(path: Path, lines: Iterable[str] = ()) -> list[int]:
    """Rows, bad and loaded ones; the memory for them is checked."""
    if lines:
        with path.open("w") as file:
            file.writelines(lines)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "MEMORY_GB": str(MEMORY_MB / 1024)}
    command = [sys.executable, str(Path(__file__).with_name("etl_memory.py")), str(path)]
    *counts, peak = map(int, subprocess.check_output(command, env=environment, text=True).split())
    assert peak < MOST
    return counts


def test_as_many_keys_as_rows(tmp_path: Path):
    rows = (f"key-{number:0100},note {number},{number}.25\n" for number in range(700_000))
    assert found(tmp_path / "a.csv", [HEADER, *rows]) == [700_000, 0, 700_000]


def test_rows_as_long_as_they_may_be(tmp_path: Path):
    note = "x" * (MAX_ROW - 5)
    rows = (f"{number:04},{note},1\n" for number in range(5000))
    assert found(tmp_path / "a.csv", [HEADER, *rows]) == [5000, 0, 5000]


def test_nothing_but_bad_rows(tmp_path: Path):
    rows = [line for number in range(200_000) for line in ("x\n", f"{number},,two\n")]
    assert found(tmp_path / "a.csv", [HEADER, *rows]) == [400_000, 400_000, 0]


def test_parquet(tmp_path: Path):
    path = tmp_path / "a.parquet"
    rows = "SELECT i AS id, repeat('x', 500) || i AS note, i AS amount FROM range(300000) numbers(i)"
    duckdb.execute(f"COPY ({rows}) TO '{path}' (FORMAT parquet)")
    assert found(path) == [300_000, 0, 300_000]
