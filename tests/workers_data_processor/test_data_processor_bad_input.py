"""data_processor: what is wrong with the input is said, where it is; what was read until then is kept."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import duckdb
import pytest
from data_support import Data

from workers.runtime import BadInput

COUNT = [{"op": "count"}]
SUM = [{"op": "sum", "column": "amount"}]
CSV = b"region,amount\n" + b"north,1.5\n" * 20
RAGGED = CSV + b'south\nnorth,"2"\n\n' + b"north,1,2\nnorth,many\n\xff,1\n" + b"north,0.5\n" * 20


def reason(data: Data, **run: Any) -> str:
    with pytest.raises(BadInput) as error:
        data.run(**run)
    return str(error.value)


def test_missing_input_is_named(data: Data):
    assert reason(data, key="no.csv", measures=COUNT) == "s3://uploads/no.csv does not exist"
    assert reason(data, prefix="no/", measures=COUNT) == "there is no object below s3://uploads/no/"
    assert "either key" in reason(data, measures=COUNT)
    assert "either key" in reason(data, key="a", prefix="b", measures=COUNT)
    assert "input.measures is missing" in reason(data, key="a")


@pytest.mark.parametrize("size", [1, 2, 5])
def test_ragged_rows_fail_the_job_with_their_lines_or_are_skipped(data: Data, size: int):
    data.put("in/a.csv", RAGGED)
    input = {"prefix": "in/", "group_by": ["region"], "measures": [*COUNT, *SUM]}
    lines = data.totals(size, **input, on_bad_rows="skip")
    assert [(line["region"], line["count"], str(line["sum_amount"])) for line in lines] == [("north", 41, "42")]
    failures = []
    for index in range(size):
        try:
            data.run(index=index, size=size, job="strict", **input)
        except BadInput as error:
            failures.append(str(error))
        assert data.has("data_processor/strict" + (f"/{index}" if size > 1 else "") + "/partial.parquet")
    told = " ".join(failures)
    assert "s3://uploads/in/a.csv line 22: has 1 cells where the header has 2" in told
    assert "line 25: has 3 cells" in told
    assert "line 26: amount 'many' is not a plain number" in told
    assert "line 27: is not in UTF-8" in told
    prefix = {"prefix": "data_processor/strict/"}
    assert "cannot be used" in reason(data, job="merged", merge=prefix)
    merged = data.run(job="merged", merge=prefix | {"on_bad_rows": "skip"})
    assert (merged["rows"], merged["rows_kept"], merged["bad_rows"]["count"]) == (45, 41, 4)


def test_bad_json_lines_have_their_number(data: Data):
    lines = [b'{"amount": 1, "n": 1}', b"{", b"", b'{"amount": "x"}', b"[1]", b'{"amount": 1234567890123456.25}']
    data.put("in/a.jsonl", b"\n".join([*lines, b'{"amount": "7"}', b'{"amount": "\xff"}']))
    told = reason(data, prefix="in/", measures=SUM)
    assert "line 8: is no JSON" in told
    assert told.startswith("5 rows cannot be used: s3://uploads/in/a.jsonl line 2: is no JSON")
    assert "line 4: amount 'x' is not a plain number" in told
    assert "line 5: is no JSON object" in told
    assert "line 6: amount 1234567890123456.25 has more digits" in told
    assert data.run(prefix="in/", measures=SUM, on_bad_rows="skip")["totals"] == [{"sum_amount": "8"}]


@pytest.mark.parametrize("cell", ["1e3", "1_000", "1,5", "0x1", "nan", "1.12345678901", "9" * 29, "--1", "1 000"])
def test_only_plain_numbers_are_numbers(data: Data, cell: str):
    data.put("in/a.csv", f'amount,b\n"{cell}",1\n'.encode())
    assert f"line 2: amount '{cell}' is not a plain number" in reason(data, prefix="in/", measures=SUM)


def test_a_truncated_gzip_is_named_and_what_was_read_is_kept(data: Data):
    data.put("in/a.csv", CSV)
    data.put("in/b.csv.gz", gzip.compress(CSV * 50)[:-20])
    told = reason(data, prefix="in/", measures=COUNT)
    assert told.startswith("s3://uploads/in/b.csv.gz is truncated: it ends after ")
    assert data.has("data_processor/job/partial.parquet")
    assert "part 0 has failed: s3://uploads/in/b.csv.gz is truncated" in reason(
        data, job="merged", merge={"prefix": "data_processor/job/", "on_bad_rows": "skip"}
    )


def test_what_is_not_gzip_or_parquet_is_named(data: Data):
    data.put("in/b.csv.gz", CSV)
    assert "s3://uploads/in/b.csv.gz is damaged, or not gzip" in reason(data, prefix="in/", measures=COUNT)
    data.put("p/a.parquet", b"PAR1" + b"x" * 100)
    assert "s3://uploads/p/a.parquet is truncated, or no Parquet" in reason(data, prefix="p/", measures=COUNT)
    data.put("q/a.parquet", b"PAR1" + b"x" * 100 + b"\x20\0\0\0PAR1")
    assert "s3://uploads/q/a.parquet is damaged, or no Parquet" in reason(data, prefix="q/", measures=COUNT)
    data.put("r/a.pdf", b"x")
    assert "s3://uploads/r/a.pdf ends in none of" in reason(data, prefix="r/", measures=COUNT)


def test_an_unknown_column_comes_with_the_nearest(data: Data):
    data.put("in/a.csv", CSV)
    told = reason(data, prefix="in/", measures=[{"op": "sum", "column": "amuont"}])
    assert told == "s3://uploads/in/a.csv has no column 'amuont'; did you mean 'amount'? It has region, amount"


def test_a_quotation_mark_that_is_never_closed_is_told(data: Data):
    data.put("in/a.csv", CSV + b'"south,1\n' + b"north,1\n" * 5)
    assert "quotation mark that is never closed" in reason(data, prefix="in/", measures=COUNT)
    assert data.run(prefix="in/", measures=COUNT, quoted=False)["totals"] == [{"count": 26}]


def test_no_rows_are_told(data: Data):
    data.put("in/a.csv", b"region,amount\n")
    data.put("in/b.csv", b"")
    assert reason(data, prefix="in/", measures=COUNT) == "s3://uploads/in/ has no rows"
    for index in range(2):
        data.run(index=index, size=2, job="two", prefix="in/", measures=COUNT)
    assert reason(data, job="m", merge={"prefix": "data_processor/two/"}) == "s3://uploads/in/ has no rows"


def test_a_merge_wants_every_part_of_one_job_and_the_same_objects(data: Data):
    data.put("in/a.csv", CSV)
    merge = {"prefix": "data_processor/job/"}
    assert "there is no partial result below" in reason(data, job="m", merge=merge)
    data.run(index=1, size=3, prefix="in/", measures=COUNT)
    assert "2 of 3 parts have no result below s3://results/data_processor/job/: 0, 2" in reason(
        data, job="m", merge=merge
    )
    data.put("in/b.csv", CSV)
    data.run(index=0, size=3, prefix="in/", measures=COUNT)
    assert "were written or deleted while the parts were read" in reason(data, job="m", merge=merge)
    data.run(index=0, size=3, prefix="in/", measures=SUM)
    assert "is of another job" in reason(data, job="m", merge=merge)
    assert "must be where a job has written" in reason(data, job="m", merge={"prefix": "s3_batch/x/"})


def test_a_merge_is_no_array(data: Data):
    merge = {"prefix": "data_processor/job/"}
    assert "this is one of 2 parts of an array: submit it with --array 1" in reason(data, index=0, size=2, merge=merge)


def test_a_record_that_is_too_long_is_told_whether_or_not_it_ends(data: Data):
    data.put("in/a.csv", CSV + b"north," + b"1" * 4_200_000 + b"\n" + CSV)
    told = "s3://uploads/in/a.csv has a record of more than 4,194,304 bytes after line "
    assert reason(data, prefix="in/", measures=SUM, on_bad_rows="skip").startswith(told)
    data.put("in/a.csv", CSV + b"north," + b"1" * 9_000_000)
    assert reason(data, prefix="in/", measures=SUM, on_bad_rows="skip").startswith(told)


def test_long_cells_are_no_fault_beside_one(data: Data):
    data.put("in/a.csv", b"note,amount\n" + b"x" * 200_000 + b",1\n\ny,many\n")
    assert reason(data, prefix="in/", measures=SUM) == (
        "1 row cannot be used: s3://uploads/in/a.csv line 4: amount 'many' is not a plain number"
    )


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_a_group_with_too_long_a_name_is_a_bad_row(data: Data, kind: str, tmp_path: Path):
    path = tmp_path / f"a.{kind}"
    with duckdb.connect() as database:
        format = "json" if kind == "jsonl" else kind
        rows = "SELECT repeat('é', 999 + i) AS region, 1 AS amount FROM range(4) AS _(i)"
        database.execute(f"COPY ({rows}) TO '{path}' (FORMAT {format})")
    data.put(f"in/a.{kind}", path.read_bytes())
    place = {"csv": "line 4", "jsonl": "line 3", "parquet": "row 3"}[kind]
    told = reason(data, prefix="in/", group_by=["region"], measures=SUM)
    assert told.startswith(f"2 rows cannot be used: s3://uploads/in/a.{kind} {place}: more than 2,000 bytes in region")
    assert data.run(prefix="in/", group_by=["region"], measures=SUM, on_bad_rows="skip")["groups"] == 2


def test_too_little_memory_for_a_row_group_is_told_as_such(data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "a.parquet"
    with duckdb.connect() as database:
        rows = "SELECT i AS amount, sha256(i::VARCHAR) AS region FROM range(500_000) AS _(i)"
        database.execute(f"COPY ({rows}) TO '{path}' (ROW_GROUP_SIZE 500_000, COMPRESSION uncompressed)")
    data.put("in/a.parquet", path.read_bytes())
    monkeypatch.setattr("workers.data_processor.handler.memory", lambda: 24 * 1024**2)
    with pytest.raises(MemoryError, match="24 MiB of the container's memory are not enough"):
        data.run(prefix="in/", group_by=["region"], measures=SUM)


def test_a_sum_that_is_too_large_is_told(data: Data):
    data.put("in/a.csv", b"amount,b\n" + (b"9" * 28 + b",1\n") * 20)
    assert "a sum has more than 28 digits" in reason(data, prefix="in/", measures=SUM)


@pytest.mark.parametrize(
    ("input", "told"),
    [
        ({"filter": [{"column": "a", "op": "eq"}]}, "input.filter[0] has no value"),
        ({"filter": [{"column": "a", "op": "in", "value": "x"}]}, "must be a list for in"),
        ({"filter": [{"column": "a", "op": "eq", "value": ["x"]}]}, "must be a text or number, no list for eq"),
        ({"filter": [{"column": "a", "op": "in", "value": ["x", 1]}]}, "a list of texts or a list of numbers"),
        ({"filter": [{"column": "a", "op": "is_empty", "value": 1}]}, "must not have a value"),
        ({"filter": [{"column": "a", "op": "contains", "value": 1}]}, "must be a text for contains"),
        ({"filter": [{"column": "a", "op": "eq", "value": 1e-12}]}, "more than 28 digits before the point or 10"),
        ({"measures": [{"op": "sum"}]}, "input.measures[0] has no column, which sum needs"),
        ({"measures": [{"op": "sum", "column": "a", "type": "text"}]}, "only min and max take texts"),
        ({"measures": [{"op": "count"}, {"op": "count"}]}, "two columns 'count'"),
        ({"measures": COUNT, "group_by": ["count"]}, "two columns 'count'"),
    ],
)
def test_a_request_that_cannot_be_meant_is_refused(data: Data, input: dict[str, Any], told: str):
    assert told in reason(data, **({"prefix": "in/", "measures": COUNT} | input))
