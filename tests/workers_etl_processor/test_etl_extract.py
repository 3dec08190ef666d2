"""etl_processor: what of a source comes into the warehouse, and what is said of the rest."""

from __future__ import annotations

import gzip
import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from etl_support import NIGHT, TABLES, Etl, of_prefix

from workers.etl_processor import staging
from workers.etl_processor.columns import normalised
from workers.etl_processor.ready import NotReady
from workers.runtime import BadInput

HEADER = "order_id,ordered_at,quantity,price,weight,paid,due\n"
ROW = "{},2026-03-01T10:00:00+01:00,2,12.50,0.25,true,2026-04-01\n"
STORED = {
    "order_id": "a", "ordered_at": "2026-03-01 09:00:00+00", "quantity": 2, "price": Decimal("12.5000000000"),
    "weight": 0.25, "paid": True, "due": date(2026, 4, 1),
}  # fmt: skip


def test_csv_gets_the_types_of_its_table(etl: Etl):
    etl.put("sources/shop/a.csv", HEADER + ROW.format("a"))
    result = etl.run("shop")
    assert etl.stored("shop") == [STORED]
    assert result.pop("seconds") > 0
    assert result == {
        "source": "shop", "day": "2026-03-01", "rows_read": 1, "rows_bad": 0, "rows_duplicate": 0, "rows_loaded": 1,
        "bad_rows": [], "where": "s3://results/etl_processor/warehouse/shop/day=2026-03-01/part.parquet",
    }  # fmt: skip


def test_json_lines_and_gzip_and_parquet_come_to_the_same(etl: Etl, tmp_path: Path):
    line = {"orderId": "a", "orderedAt": "2026-03-01T09:00:00Z", "quantity": 2, "price": 12.5, "weight": 0.25}
    line |= {"paid": True, "due": "2026-04-01", "other": [1, None]}
    etl.put("sources/json/a.jsonl.gz", gzip.compress(json.dumps(line).encode()))
    path = tmp_path / "a.parquet"
    duckdb.execute(
        "COPY (SELECT 'a' AS \"Order ID\", TIMESTAMPTZ '2026-03-01 10:00:00+01' AS ordered_at, 2::TINYINT AS quantity, "
        f"12.5 AS price, 0.25::FLOAT AS weight, true AS paid, DATE '2026-04-01' AS due) TO '{path}' (FORMAT parquet)"
    )
    etl.put("sources/parquet/a.parquet", path.read_bytes())
    for source in ("json", "parquet"):
        etl.run(source)
        assert etl.stored(source) == [STORED]


def test_numbers_of_json_keep_their_digits(etl: Etl):
    etl.put("sources/shop/a.jsonl", '{"order_id": "a", "price": 12345678901234567.89}')
    etl.run("shop")
    assert etl.stored("shop")[0]["price"] == Decimal("12345678901234567.89")


def test_columns_are_found_by_name_whatever_its_spelling(etl: Etl):
    header = "﻿Paid?;Due;WEIGHT;price;quantity;Ordered At;order-ID;comment\r\n"
    etl.put("sources/shop/a.csv", f"{header}1;2026-04-01;0.25;12.50; 2 ;2026-03-01 10:00;a;x\r\n")
    tables: Any = json.loads(json.dumps(TABLES))
    etl.run("shop", tables=tables, timezone="Europe/Berlin")
    assert etl.stored("shop") == [STORED]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Order ID", "order_id"),
        ("orderId", "order_id"),
        ("größe (cm)", "grosse_cm"),
        ("Prénom", "prenom"),
        ("SKU", "sku"),
    ],
)
def test_normalised_names(name: str, expected: str):
    assert normalised(name) == expected


@pytest.mark.parametrize(
    ("column", "cell", "wanted"),
    [
        ("quantity", "1.6", "a whole number of 64 bits"),
        ("quantity", "9223372036854775808", "a whole number of 64 bits"),
        ("price", "12,50", "a number of at most 28 digits and 10 decimals"),
        ("price", "0.12345678901", "a number of at most 28 digits and 10 decimals"),
        ("weight", "nan", "a number, with an exponent of at most 99"),
        ("weight", "1e999", "a number, with an exponent of at most 99"),
        ("paid", "yes", "true, false, 1 or 0"),
        ("due", "2026-02-30", "a date such as 2026-01-31"),
        ("due", "01.02.2026", "a date such as 2026-01-31"),
        ("ordered_at", "yesterday", "a time in ISO 8601 such as 2026-01-31T12:00:00+01:00"),
        ("ordered_at", "2026-03-01T25:00:00", "a time in ISO 8601 such as 2026-01-31T12:00:00+01:00"),
    ],
)
def test_a_cell_that_does_not_fit_its_type_is_a_bad_row_that_is_named(etl: Etl, column: str, cell: str, wanted: str):
    cells = dict(zip(HEADER.strip().split(","), ROW.format("b").strip().split(","), strict=True)) | {
        column: f'"{cell}"'
    }
    etl.put("sources/shop/a.csv", HEADER + ROW.format("a") + ",".join(cells.values()) + "\n")
    result = etl.run("shop")
    assert (result["rows_read"], result["rows_bad"], result["rows_loaded"]) == (2, 1, 1)
    assert result["bad_rows"] == [f"s3://uploads/sources/shop/a.csv line 3: {column} {cell!r} is not {wanted}"]


def test_lines_that_are_no_rows_are_named(etl: Etl):
    rows = [
        ROW.format("a"),
        "x,y\n",
        ROW.format('"two\nlines"'),
        '"a"b,,,,,,\n',
        ",2026-03-01,,,,,\n",
        "\n",
        ROW.format("\0"),
    ]
    etl.put("sources/csv/a.csv", (HEADER + "".join(rows)).encode() + b"\xff,2026-03-01,,,,,\n")
    place = "s3://uploads/sources/csv/a.csv line"
    result = etl.run("csv")
    assert sorted(result["bad_rows"]) == [
        f"{place} 10: is not in UTF-8",
        f"{place} 3: has 2 cells where the header has 7",
        f"{place} 6: cannot be cut into cells: ',' expected after '\"'",
        f"{place} 7: order_id is empty, and part of the key",
        f"{place} 9: has a NUL character",
    ]
    assert [row["order_id"] for row in etl.stored("csv")] == ["a", "two\nlines"]
    lines = [
        b'{"order_id": "a"}',
        b"[1]",
        b'{"order_id": ',
        b'{"order_id": "\\ud83d"}',
        b'{"orderId": 1, "order_id": 2}',
    ]
    etl.put("sources/json/a.jsonl", b"\n".join(lines))
    assert [place.split(" line ")[1].split(" (")[0] for place in etl.run("json")["bad_rows"]] == [
        "2: is no JSON object",
        "3: is no JSON: Expecting value at character 13",
        "4: is not in UTF-8",
        "5: has two names for the same column",
    ]


def test_columns_may_have_any_name(etl: Etl):
    names = ["line", "rowid", "wrong", "cell", "v0", "c1", "select"]
    etl.put("sources/shop/a.csv", ",".join(names) + "\n1,2,3,4,5,6,7\n8,2,,,,,\n")
    etl.run("shop", tables={"orders": {"key": ["rowid"], "columns": dict.fromkeys(names, "integer")}})
    assert etl.stored("shop") == [dict.fromkeys(names) | {"line": 8, "rowid": 2}]


def test_any_text_comes_through_as_it_is(etl: Etl):
    tables = {"orders": {"key": ["id"], "columns": {"id": "integer", "note": "text"}}}
    notes = [
        'say "yes", twice',
        "line\r\nbreak\rand\nmore",
        "\\N \\",
        "''",
        "Ü 抹茶 🍵",
        '"',
        "\x01\x7f",
        "a" * 30_000,
        "null",
    ]
    lines = [json.dumps({"id": number, "note": note}) for number, note in enumerate(notes)]
    etl.put("sources/shop/a.jsonl", "\n".join(lines))
    etl.run("shop", tables=tables)
    assert [row["note"] for row in etl.stored("shop")] == notes


def test_of_rows_with_the_same_key_the_last_one_counts(etl: Etl):
    etl.put("sources/shop/a.csv", HEADER + ROW.format("a") + ROW.format("b") + "a,,7,,,,\n")
    etl.put("sources/shop/b.csv", HEADER + "b,,8,,,,\n" + "c,,one,,,,\n")
    result = etl.run("shop")
    assert [(row["order_id"], row["quantity"]) for row in etl.stored("shop")] == [("a", 7), ("b", 8)]
    assert (result["rows_read"], result["rows_bad"], result["rows_duplicate"], result["rows_loaded"]) == (5, 1, 2, 2)


def test_chunks_change_nothing(etl: Etl, monkeypatch: pytest.MonkeyPatch):
    rows = [ROW.format(f"{number % 700}") if number % 100 else f"{number},,two,,,,\n" for number in range(1000)]
    etl.put("sources/shop/a.csv", HEADER + "".join(rows))
    whole = etl.run("shop")
    stored = etl.get("etl_processor/warehouse/shop/day=2026-03-01/part.parquet")
    monkeypatch.setattr(staging, "CHUNK", 1000)
    assert etl.run("shop") | {"seconds": 0} == whole | {"seconds": 0}
    assert etl.get("etl_processor/warehouse/shop/day=2026-03-01/part.parquet") == stored
    assert whole["rows_bad"] == 10


def test_a_repeat_writes_the_same_bytes_and_changes_nothing_else(etl: Etl):
    etl.put("sources/shop/a.csv", HEADER + ROW.format("a") + ROW.format("b"))
    etl.run("shop", scheduled_at="2026-03-01T01:00:00Z")
    etl.run("shop")
    before = {key: etl.get(key) for key in etl.keys("etl_processor/warehouse/")}
    etl.run("shop")
    assert {key: etl.get(key) for key in etl.keys("etl_processor/warehouse/")} == before
    assert len(before) == 2
    etl.put("sources/shop/a.csv", HEADER + ROW.format("c"))
    etl.run("shop")
    assert [row["order_id"] for row in etl.stored("shop")] == ["c"]
    assert len(etl.stored("shop", "2026-02-28")) == 2


def test_a_failed_attempt_leaves_what_was_loaded_before(etl: Etl):
    etl.put("sources/shop/a.csv", HEADER + ROW.format("a"))
    etl.run("shop")
    etl.put("sources/shop/b.csv", "")
    with pytest.raises(BadInput, match=r"b\.csv is empty: its first line must name the columns order_id, ordered_at"):
        etl.run("shop")
    assert [row["order_id"] for row in etl.stored("shop")] == ["a"]


def test_the_day_is_the_one_that_was_over_in_the_zone(etl: Etl):
    etl.put("sources/shop/2026-03-01/a.csv", HEADER + ROW.format("a"))
    source = of_prefix("shop") | {"prefix": "sources/shop/{day}/"}
    assert etl.run(source, scheduled_at="2026-03-01T23:30:00Z", timezone="Europe/Berlin")["day"] == "2026-03-01"
    with pytest.raises(NotReady, match="there is no object below s3://uploads/sources/shop/2026-02-28/ yet"):
        etl.run(source, scheduled_at="2026-03-01T22:30:00Z", timezone="Europe/Berlin")


def test_what_writers_leave_beside_the_data_is_not_read(etl: Etl):
    etl.put("sources/shop/a.csv", HEADER + ROW.format("a"))
    for name in ("_SUCCESS", ".a.csv.crc", "_tmp/b.csv"):
        etl.put(f"sources/shop/{name}", b"x")
    assert etl.run("shop")["rows_read"] == 1
    etl.put("sources/shop/readme.txt", b"x")
    with pytest.raises(BadInput, match=r"s3://uploads/sources/shop/readme.txt ends in none of \.csv, \.tsv"):
        etl.run("shop")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.parquet", b"PAR1 and no more", "a.parquet is damaged, or no Parquet file: "),
        ("a.csv.gz", gzip.compress((HEADER + ROW * 99).encode())[:-20], "a.csv.gz is damaged, or not gzip, after line"),
        (
            "a.csv",
            HEADER + ROW.format("a") + '"a,,,,,,\n' + ROW.format("b"),
            "a.csv line 3: a quotation mark is never closed",
        ),
        (
            "a.csv",
            "order_id,due\n",
            "a.csv has no columns ordered_at, quantity, price, weight, paid; it has order_id, due",
        ),
        ("a.csv", "Order ID," + HEADER, "a.csv has 2 columns order_id: 'Order ID', 'order_id'"),
        ("a.csv", HEADER + ",,,,,,\n", "none of the 1 rows of source shop can be read: .* line 2: order_id is empty"),
        (
            "a.csv",
            HEADER + ",,,,,,\n" * 12,
            "none of the 12 rows .* line 11: order_id is empty, and part of .*; and 2 more$",
        ),
        ("a.json", b"[" + b"1," * 2**21, "a.json line 1 has more than 4,194,304 characters; rows are lines"),
    ],
)
def test_what_cannot_be_read_is_refused(etl: Etl, name: str, content: Any, message: str):
    etl.put(f"sources/shop/{name}", content)
    with pytest.raises(BadInput, match=message):
        etl.run("shop")
    assert etl.keys("etl_processor/warehouse/") == []


def test_no_rows_are_a_load_as_well(etl: Etl):
    etl.put("sources/shop/a.csv", HEADER)
    assert etl.run("shop")["rows_loaded"] == 0
    assert etl.stored("shop") == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"source": {"name": "s", "table": "order", "prefix": "a/"}},
            "its table 'order' is not under 'tables', which has orders",
        ),
        (
            {"tables": {"orders": {"key": ["id"], "columns": {"a": "text"}}}},
            "table orders: its key 'id' is not one of its columns a",
        ),
        (
            {"tables": {"orders": {"key": ["day"], "columns": {"day": "date"}}}},
            "the column 'day' is the day of the load",
        ),
        (
            {"tables": {"orders": {"key": ["id"], "columns": {"id": "text", "Net Price": "decimal"}}}},
            "'Net Price' as net_price",
        ),
        ({"timezone": "Berlin"}, "'Berlin' is not the name of a time zone"),
        ({"scheduled_at": "2026-03-01T01:00:00"}, "has no offset from UTC"),
        ({"scheduled_at": "soon"}, "is not a time in ISO 8601"),
    ],
)
def test_an_input_that_contradicts_itself_is_refused(etl: Etl, change: dict[str, Any], message: str):
    input = {"source": of_prefix("shop"), "tables": TABLES, "scheduled_at": NIGHT} | change
    with pytest.raises(BadInput, match=message):
        etl.run(input.pop("source"), **input)
