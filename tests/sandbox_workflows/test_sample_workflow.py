"""The sample workflow from one command, and its numbers."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest
from live_flow import LiveFlows

pytestmark = pytest.mark.xdist_group("sandbox-workflows")


def test_the_sample_runs_from_one_command_and_adds_up(
    live: LiveFlows, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert live.run("line_report", "--out", str(tmp_path / "out")) == 0, capsys.readouterr().out
    told = capsys.readouterr().out
    begun = [line.strip() for line in told.splitlines() if line.endswith("…")]
    assert begun == [
        f"{name} …" for name in ("ingest", "validate", "parts", "aggregate", "report", "Tell of the success")
    ]
    assert "  validate: 4 of 4\n" in told
    assert "  parts: 4 of 4\n" in told

    subprocess.run(
        [sys.executable, "-m", "flows.line_report.sample", str(tmp_path / "in")], cwd=live.project, check=True
    )
    orders: dict[str, int] = defaultdict(int)
    quantity: dict[str, int] = defaultdict(int)
    for file in (tmp_path / "in").rglob("*.csv"):
        with file.open(newline="", encoding="utf-8") as rows:
            for row in csv.DictReader(rows):
                orders[row["region"]] += 1
                quantity[row["region"]] += int(row["quantity"])
    [table] = (tmp_path / "out" / "data_processor").glob("*-aggregate/totals.csv")
    with table.open(newline="", encoding="utf-8") as rows:
        found = {row["region"]: (int(row["orders"]), int(row["sum_quantity"])) for row in csv.DictReader(rows)}
    assert found == {region: (orders[region], quantity[region]) for region in orders}

    [ingested] = (tmp_path / "out" / "s3_batch").glob("*-ingest/result.json")
    assert json.loads(ingested.read_text())["complete"] is True
    [report] = (tmp_path / "out" / "sales_report").glob("*-report/2026-02/report.pdf")
    assert report.read_bytes().startswith(b"%PDF")
    assert ("serverless-batch-test-flow-line-report succeeded") in [subject for subject, _ in live.notices()]
