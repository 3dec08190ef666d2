"""data_processor: it holds no more of its container's memory than it may, whatever the input."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
MEMORY_MB = 512


def groups_and_peak(path: Path, column: str) -> tuple[int, int]:
    """MiB."""
    program = Path(__file__).with_name("memory_process.py")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "MEMORY_GB": str(MEMORY_MB / 1024), "VCPU": "1"}
    command = [sys.executable, program, path, column]
    groups, peak = subprocess.check_output(command, env=environment, text=True).split()
    return int(groups), int(peak)


def rows(count: int) -> bytes:
    return b"id,region,amount\n" + b"".join(b"key-%032d,%d,%d.25\n" % (n, n % 7, n) for n in range(count))


def test_as_many_groups_as_rows(tmp_path: Path):
    (tmp_path / "a.csv").write_bytes(rows(1_500_000))
    groups, peak = groups_and_peak(tmp_path / "a.csv", "id")
    assert groups == 1_500_000
    assert peak < 0.8 * MEMORY_MB


def test_gzip_that_unpacks_to_a_thousand_times_its_size(tmp_path: Path):
    line = b"1," + b"x" * 100_000 + b",1\n"
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(b"id,region,amount\n" + line * 3000))
    groups, peak = groups_and_peak(tmp_path / "a.csv.gz", "id")
    assert groups == 1
    assert peak < 0.8 * MEMORY_MB
