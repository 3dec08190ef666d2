"""data_processor: the same as a plain computation, to the last digit, in however many parts."""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
import re
from typing import Any

import pytest
from data_support import MEASURES, Data, plain, rows_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from workers.data_processor.request import NUMBER

COLUMNS = ["id", "region", "note", "amount", "day"]
PARTS = [1, 2, 3, 8]


def made(rows: int = 400, *, seed: int = 1, newline: str = "\n", last: bool = True, notes: bool = True) -> bytes:
    """CSV, if `notes` with quoted cells that hold delimiters, marks and newlines. last: it ends with a newline."""
    chance = random.Random(seed)
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator=newline)
    writer.writerow(COLUMNS)
    for number in range(rows):
        note = (
            chance.choice(["", "plain", 'says "no"', "a, b", "two\nlines", '"', '","', "\n", '"\n"']) if notes else "x"
        )
        amount = chance.choice(
            ["", "0.1", "0.2", "-3.0000000001", "12345678901234567890.5", str(chance.randint(-9, 999))]
        )
        day = chance.choice(["", "2026-01-31", "2026-02-01"])
        writer.writerow([number, chance.choice(["north", "süd", "", "a,b"]), note, amount, day])
    whole = text.getvalue().encode()
    return whole if last else whole.removesuffix(newline.encode())


@pytest.mark.parametrize("size", PARTS)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("last", [True, False])
def test_csv_gives_the_same_in_any_number_of_parts(data: Data, size: int, newline: str, last: bool):
    text = made(newline=newline, last=last)
    data.put("in/a.csv", text)
    found = data.totals(size, prefix="in/", group_by=["region"], measures=MEASURES)
    assert found == plain(rows_of(text), ["region"])


def test_parts_without_a_record_are_empty(data: Data):
    text = made(4, seed=5)
    data.put("in/a.csv", text)
    assert data.totals(9, prefix="in/", group_by=["region"], measures=MEASURES) == plain(rows_of(text), ["region"])


def test_text_in_quotation_marks_is_a_group(data: Data):
    text = made(300)
    data.put("in/a.csv", text)
    assert data.totals(3, key="in/a.csv", group_by=["note"], measures=MEASURES) == plain(rows_of(text), ["note"])


def test_several_objects_of_several_kinds_count_together(data: Data):
    texts = [made(200, seed=seed) for seed in range(4)]
    rows = [row for text in texts for row in rows_of(text)]
    data.put("in/a.csv", texts[0])
    data.put("in/b.csv.gz", gzip.compress(texts[1][:999]) + gzip.compress(texts[1][999:]))
    lines = [json.dumps({name: cell for name, cell in row.items() if cell}) for row in rows_of(texts[2])]
    data.put("in/c.jsonl", "\n".join(lines).encode())
    data.put("in/d.tsv", b"\xef\xbb\xbf" + _tabs(texts[3]))
    data.put("in/empty.csv", b"")
    data.put("in/folder/", b"")
    for size in (1, 3):
        assert data.totals(size, prefix="in/", group_by=["region"], measures=MEASURES) == plain(rows, ["region"])


def _tabs(text: bytes) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out, delimiter="\t", lineterminator="\r\n").writerows(csv.reader(io.StringIO(text.decode(), newline="")))
    return out.getvalue().encode()


@pytest.mark.parametrize("size", PARTS)
def test_json_lines_give_the_same(data: Data, size: int):
    rows = rows_of(made(300))
    lines = [json.dumps({name: cell for name, cell in row.items() if cell}, ensure_ascii=False) for row in rows]
    data.put("in/a.jsonl", "\r\n".join(lines).encode())
    assert data.totals(size, prefix="in/", group_by=["region"], measures=MEASURES) == plain(rows, ["region"])


@pytest.mark.parametrize("size", PARTS)
def test_parquet_gives_the_same(data: Data, size: int, tmp_path: Any):
    import duckdb

    (tmp_path / "a.csv").write_bytes(made(9000, notes=False))
    with duckdb.connect() as database:
        database.execute(
            "COPY (SELECT id::BIGINT AS id, region, note, amount::DECIMAL(38, 10) AS amount, day::DATE AS day "
            f"FROM read_csv('{tmp_path}/a.csv', all_varchar = true)) TO '{tmp_path}/a.parquet' (ROW_GROUP_SIZE 2048)"
        )
    data.put("in/a.parquet", (tmp_path / "a.parquet").read_bytes())
    found = data.totals(size, prefix="in/", group_by=["region"], measures=MEASURES)
    assert found == plain(rows_of(made(9000, notes=False)), ["region"])


@pytest.mark.parametrize(
    ("filter", "wanted"),
    [
        ([{"column": "region", "op": "eq", "value": "north"}], lambda row: row["region"] == "north"),
        ([{"column": "region", "op": "ne", "value": "north"}], lambda row: row["region"] != "north"),
        ([{"column": "region", "op": "in", "value": ["a,b", "süd"]}], lambda row: row["region"] in ("a,b", "süd")),
        ([{"column": "region", "op": "is_empty"}], lambda row: row["region"] is None),
        ([{"column": "note", "op": "contains", "value": '"'}], lambda row: '"' in (row["note"] or "")),
        ([{"column": "day", "op": "starts_with", "value": "2026-02"}], lambda row: (row["day"] or "")[:7] == "2026-02"),
        ([{"column": "day", "op": "le", "value": "2026-01-31"}], lambda row: row["day"] == "2026-01-31"),
        ([{"column": "id", "op": "lt", "value": 100}], lambda row: int(row["id"]) < 100),
        ([{"column": "id", "op": "in", "value": [3, 5.0]}], lambda row: int(row["id"]) in (3, 5)),
        (
            [{"column": "id", "op": "ge", "value": 9}, {"column": "region", "op": "gt", "value": "b"}],
            lambda row: int(row["id"]) >= 9 and (row["region"] or "") > "b",
        ),
        ([{"column": "region", "op": "eq", "value": "'; DROP TABLE groups; --"}], lambda row: False),
    ],
)
def test_rows_count_that_fulfil_the_filter(data: Data, filter: list[dict[str, Any]], wanted: Any):
    text = made()
    data.put("in/a.csv", text)
    found = data.totals(2, prefix="in/", filter=filter, group_by=["region"], measures=MEASURES)
    assert found == plain(rows_of(text), ["region"], wanted)


def test_without_group_by_there_is_one_line(data: Data):
    text = made()
    data.put("in/a.csv", text)
    assert data.totals(2, prefix="in/", measures=MEASURES) == plain(rows_of(text), [])


def test_the_result_is_the_same_as_csv_and_parquet(data: Data, tmp_path: Any):
    import duckdb

    data.put("in/a.csv", made())
    lines = data.totals(1, prefix="in/", group_by=["region"], measures=MEASURES)
    (tmp_path / "a.parquet").write_bytes(data.get("data_processor/of-1/totals.parquet"))
    with duckdb.connect() as database:
        found = database.execute(f"SELECT * FROM '{tmp_path}/a.parquet'")
        names = [column[0] for column in found.description or []]
        assert [dict(zip(names, row, strict=True)) for row in found.fetchall()] == lines
    table = rows_of(data.get("data_processor/of-1/totals.csv"))
    assert [row["sum_amount"] for row in table] == [str(line["sum_amount"]) for line in lines]


def test_a_long_stream_is_cut_into_chunks(data: Data, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("workers.data_processor.chunks.CHUNK", 700)
    monkeypatch.setattr("workers.data_processor.bucket.BLOCK", 61)
    text = made(newline="\r\n")
    data.put("in/a.csv", text)
    data.put("in/b.csv.gz", gzip.compress(text))
    found = data.totals(2, prefix="in/", group_by=["region"], measures=MEASURES)
    assert found == plain(rows_of(text) * 2, ["region"])


CELLS = some.sampled_from(["", "x", 'says "no"', "a, b", "two\nlines", '"', "süd", "1", "-0.25", "1e3"])
TABLES = some.lists(
    some.lists(CELLS, min_size=5, max_size=5) | some.lists(CELLS, min_size=1, max_size=7), min_size=1, max_size=30
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    table=TABLES,
    size=some.integers(1, 7),
    newline=some.sampled_from(["\n", "\r\n"]),
    bom=some.booleans(),
    quoting=some.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_any_number_of_parts_gives_what_a_loop_gives_and_leaves_out_ragged_rows(
    data: Data, table: list[list[str]], size: int, newline: str, bom: bool, quoting: Any
):
    data.empty()
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator=newline, quoting=quoting).writerows([COLUMNS, *table])
    data.put("in/a.csv", text.getvalue().encode("utf-8-sig" if bom else "utf-8"))
    good = [row[:5] for row in table if len(row) >= 5 and not any(row[5:]) and re.fullmatch(f"({NUMBER})?", row[3])]
    rows = [dict(zip(COLUMNS, [cell or None for cell in row], strict=True)) for row in good]
    input = {"prefix": "in/", "group_by": ["region"], "measures": MEASURES, "on_bad_rows": "skip"}
    assert data.totals(size, **input) == plain(rows, ["region"])
    if size > 1:
        merged = data.run(job="again", merge={"prefix": f"data_processor/of-{size}/", "on_bad_rows": "skip"})
        assert (merged["rows"], merged["bad_rows"]["count"]) == (len(table), len(table) - len(rows))
