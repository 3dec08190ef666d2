"""data_processor: it holds no more of its container's memory than it may, whatever the input."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
MEMORY_MB = 512
MOST = 0.7 * MEMORY_MB  # the runtime's own process needs the rest
HEADER = b"id,region,amount\n"
WIDE = b"x" * 100_000
COUNT_AND_SUM = [{"op": "count"}, {"op": "sum", "column": "amount"}]


def found(path: Path, lines: Iterable[bytes], column: str = "id", **input: Any) -> tuple[int, int]:
    """Groups and bad rows of these lines; the memory for them is checked."""
    with gzip.open(path, "wb", compresslevel=1) if path.suffix == ".gz" else path.open("wb") as file:
        file.writelines(lines)
    program = Path(__file__).with_name("memory_process.py")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "MEMORY_GB": str(MEMORY_MB / 1024), "VCPU": "1"}
    input = {"key": str(path), "group_by": [column], "measures": COUNT_AND_SUM} | input
    command = [sys.executable, program, json.dumps(input)]
    groups, bad, peak = map(int, subprocess.check_output(command, env=environment, text=True).split())
    assert peak < MOST
    return groups, bad


def test_as_many_groups_as_rows(tmp_path: Path):
    rows = (b"key-%0150d,%d,%d.25\n" % (n, n % 7, n) for n in range(1_500_000))
    assert found(tmp_path / "a.csv", [HEADER, *rows]) == (1_500_000, 0)


def test_groups_with_names_as_long_as_they_may_be(tmp_path: Path):
    rows = (b"%06d%b,1,1\n" % (n, b"x" * 1994) for n in range(100_000))
    assert found(tmp_path / "a.csv.gz", [HEADER, *rows]) == (100_000, 0)


@pytest.mark.parametrize(("column", "result"), [("id", (3000, 0)), ("region", (0, 3000))])
def test_gzip_that_unpacks_to_hundreds_of_times_its_size(tmp_path: Path, column: str, result: tuple[int, int]):
    rows = (b"%d,%b,1\n" % (n, WIDE) for n in range(3000))
    filter = [{"column": "region", "op": "contains", "value": "x"}]
    assert found(tmp_path / "a.csv.gz", [HEADER, *rows], column, filter=filter) == result


def test_json_lines_with_long_texts(tmp_path: Path):
    rows = (b'{"id": %d, "region": "%b", "amount": 1}\n' % (n, WIDE) for n in range(1000))
    filter = [{"column": "region", "op": "contains", "value": "x"}]
    assert found(tmp_path / "a.jsonl.gz", rows, filter=filter) == (1000, 0)


def test_nothing_but_bad_rows(tmp_path: Path):
    assert found(tmp_path / "a.csv", [HEADER, *[b"x\n"] * 300_000]) == (0, 300_000)
