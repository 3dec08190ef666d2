"""sales_report: CSV and Parquet as they really come, files that cannot be read, and the memory that many rows take."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from report_support import HEADER, Shop, csv, row

from workers.sales_report import csv_rows

ROOT = Path(__file__).parents[2]
GOOD = csv(row("1", product="Käse €5"), row("2"))


def parquet(folder: Path, select: str) -> bytes:
    path = folder / "made.parquet"
    duckdb.execute(f"COPY ({select}) TO '{path}' (FORMAT parquet)")
    return path.read_bytes()


ORDERS = """
SELECT 'o' || i AS order_id, {at} AS ordered_at, 'Tea' AS product, 'North' AS region, {quantity} AS quantity,
       {price} AS unit_price, 'EUR' AS currency FROM range({count}) t(i)
"""


def orders(at="'2025-11-02T12:00:00Z'", quantity: object = 2, price="'1.50'", count=3) -> str:
    return ORDERS.format(at=at, quantity=quantity, price=price, count=count)


# ── CSV ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("data", "guessed"),
    [
        (GOOD, 0),
        (b"\xef\xbb\xbf" + GOOD, 0),
        (GOOD.decode().encode("utf-16"), 0),
        (GOOD.decode().encode("cp1252"), 1),
        (GOOD.replace(b"\n", b"\r\n"), 0),
        (GOOD.replace(b"\n", b"\r"), 0),
        (GOOD.replace(b"\n", b"\n\n"), 0),
        (GOOD.rstrip(), 0),
        (GOOD.replace(b",", b";"), 0),
        (GOOD.replace(b",", b"\t"), 0),
        (GOOD.replace(b",", b"|"), 0),
        (GOOD.replace(b"order_id,ordered_at", b' Order_ID ,"ORDERED_AT"'), 0),
        (GOOD.replace(b"status", b"note"), 0),
    ],
    ids=[
        "plain",
        "bom",
        "utf-16",
        "cp1252",
        "crlf",
        "cr",
        "blank lines",
        "no newline",
        "semicolons",
        "tabs",
        "bars",
        "capitals",
        "other column",
    ],
)
def test_a_csv_file_is_read_in_whatever_way_it_was_written(shop: Shop, data: bytes, guessed: int):
    shop.put("orders/a.CSV", data)
    made = shop.report()
    assert (made.euro(), made.euro("orders")) == ("20.00", 2)
    assert made.euro("products")[0]["product"] == "Käse €5"
    assert made.result["complete"]
    assert made.quality["guessed"]["count"] == guessed
    assert ("Käse €5" in made.text) and (("not in UTF-8" in made.text) == bool(guessed))


def test_a_decimal_comma_is_one_where_commas_do_not_separate_cells(shop: Shop):
    numbers = [("1", "12,50"), ("1", "1,250"), ("8,00", "0,125"), ("1", "1.5")]
    rows = [
        f"{n};2025-11-02T12:00:00Z;Tea;North;{quantity};{price};EUR;" for n, (quantity, price) in enumerate(numbers)
    ]
    shop.put("orders/a.csv", csv(*rows, header=HEADER.replace(",", ";")))
    made = shop.report()
    assert (made.euro(), made.euro("orders")) == ("15.00", 3)
    [trouble] = made.quality["broken"]["first"]
    assert trouble == {"where": "orders/a.csv, line 3", "what": "unit_price '1,250' may mean 1.250 or 1250"}
    shop.put("orders/a.csv", csv(row("1", price='"12,50"')))
    assert shop.report().quality["broken"]["first"][0]["what"] == "unit_price '12,50' is not a plain number"


def test_quotes_protect_separators_and_one_that_is_never_closed_spoils_one_row(shop: Shop):
    made = shop.of(
        row("1", product='"Tea, ""green"""'), row("2", product='"Tea'), row("3"), row("4", product='Tea "x"'),
        row("5") + ",more", "6,2025-11-02", row("7"),
    )  # fmt: skip
    assert (made.euro("orders"), made.quality["broken"]["count"]) == (4, 3)
    assert [each["where"][-1] for each in made.quality["broken"]["first"]] == ["3", "6", "7"]
    assert {line["product"] for line in made.euro("products")} == {'Tea, "green"', "Tea", 'Tea "x"'}


BROKEN = {
    "empty": (b"", "is empty"),
    "no_csv": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "first line is '%PDF"),
    "binary": (bytes(range(256)) * 40, "has no columns order_id"),
    "one_line": (b"x" * 10**6, "more than 65,536 characters in line 1"),
    "one_long_line": (GOOD + b"x" * 10**6, "more than 65,536 characters in line 4"),
    "no_header": (GOOD.split(b"\n", 1)[1], "has no columns order_id, ordered_at"),
    "wrong_header": (GOOD.replace(b"unit_price", b"price"), "has no column unit_price; its first line is 'order_id,"),
    "twice": (GOOD.replace(b"status", b"region"), "the column region more than once"),
    "utf_16_cut": (GOOD.decode().encode("utf-16")[:40], "has no columns"),
}


@pytest.mark.parametrize("name", list(BROKEN))
def test_a_csv_file_that_cannot_be_read_is_named_and_nothing_of_it_counted(shop: Shop, name: str):
    data, reason = BROKEN[name]
    shop.put(f"orders/{name}.csv", data)
    shop.put("orders/good.csv", csv(row("9", price=7)))
    made = shop.report()
    assert (made.euro(), made.euro("orders")) == ("7.00", 1)
    assert not made.result["complete"]
    [trouble] = made.quality["unreadable"]["first"]
    assert trouble["where"] == f"orders/{name}.csv"
    assert reason in trouble["what"]
    assert "1 file that could not be read" in made.pages[0]
    assert f"orders/{name}.csv: " in made.text and "nothing of it is in the totals" in made.text


def test_nothing_of_a_file_is_counted_that_breaks_after_many_rows(shop: Shop):
    rows = [row(str(number)) for number in range(5000)]
    shop.put("orders/a.csv", csv(*rows, "x" * 70_000))
    shop.put("orders/b.csv", csv(row("1", price=3)))
    made = shop.report()
    assert (made.euro(), made.quality["rows"], made.quality["files"]) == ("3.00", 1, 1)
    assert made.quality["conflicting"]["count"] == 0


# ── Parquet ───────────────────────────────────────────────────────────────────

TIMES = [
    "'2025-11-02T12:00:00Z'",
    "TIMESTAMPTZ '2025-11-02 13:00:00+01'",
    "TIMESTAMP '2025-11-02 12:00:00.123456'",
    "TIMESTAMP_NS '2025-11-02 12:00:00.123456789'",
    "TIMESTAMP_S '2025-11-02 12:00:00'",
    "DATE '2025-11-02'",
]


@pytest.mark.parametrize("at", TIMES)
def test_a_time_of_any_type_is_understood(shop: Shop, tmp_path: Path, at: str):
    shop.put("orders/2025-11-02.parquet", parquet(tmp_path, orders(at=at)))
    made = shop.report()
    assert (made.euro(), made.euro("orders")) == ("9.00", 3)
    assert [slot["label"] for slot in made.euro("slots") if slot["orders"]] == ["00:00" if "DATE" in at else "12:00"]
    assert made.result["complete"]
    assert made.quality["without_offset"] == (0 if "Z'" in at or "TZ" in at else 3)


@pytest.mark.parametrize("price", ["1.5::DOUBLE", "1.50::DECIMAL(10,2)", "'1.50'", "1.5::FLOAT"])
def test_a_number_of_any_type_is_understood(shop: Shop, tmp_path: Path, price: str):
    shop.put("orders/a.parquet", parquet(tmp_path, orders(price=price, quantity="2::DECIMAL(4,1)")))
    assert shop.report().euro() == "9.00"
    shop.put("orders/a.parquet", parquet(tmp_path, orders(price="1.5e-5::DOUBLE", quantity=200_000)))
    assert shop.report().euro() == "9.00"
    shop.put("orders/a.parquet", parquet(tmp_path, orders(price="CASE i WHEN 1 THEN 'nan'::DOUBLE ELSE 1.1 END")))
    made = shop.report()
    assert made.euro() == "4.40"
    assert made.quality["broken"]["first"][0]["where"] == "orders/a.parquet, row 2"


def test_csv_and_parquet_are_one_set_of_orders(shop: Shop, tmp_path: Path):
    shop.put("orders/a.csv", csv(row("o1", quantity=2, price="1.5"), row("x")))
    shop.put("orders/b.parquet", parquet(tmp_path, orders()))
    made = shop.report()
    assert (made.euro(), made.quality["duplicates"]["count"]) == ("19.00", 1)


@pytest.mark.parametrize("damage", ["half", "head", "text", "page", "columns", "empty"])
def test_a_parquet_file_that_cannot_be_read_is_named_and_nothing_of_it_counted(shop: Shop, tmp_path: Path, damage: str):
    whole = parquet(tmp_path, orders(quantity="1 + i % 5", count=30_000))
    shop.put("orders/a.parquet", {
        "half": whole[: len(whole) // 2],
        "head": b"PAR1",
        "text": GOOD,
        "page": whole[: len(whole) // 2] + bytes(200) + whole[len(whole) // 2 + 200 :],
        "columns": parquet(tmp_path, "SELECT 1 AS order_id"),
        "empty": b"",
    }[damage])  # fmt: skip
    shop.put("orders/b.csv", csv(row("9", price=7)))
    made = shop.report()
    assert made.euro() == "7.00"
    [trouble] = made.quality["unreadable"]["first"]
    assert trouble["where"] == "orders/a.parquet"
    assert ("has no columns ordered_at" if damage == "columns" else "is damaged, or no Parquet file: ") in trouble[
        "what"
    ]
    assert str(tmp_path.parent) not in trouble["what"] and "/tmp" not in trouble["what"]


# ── objects ───────────────────────────────────────────────────────────────────


def test_objects_of_other_formats_are_named_and_markers_are_not(shop: Shop):
    shop.put("orders/a.csv", csv(row("1")))
    for key in ("orders/", "orders/_SUCCESS", "orders/.a.csv.crc", "orders/notes.txt", "orders/a.csv.gz"):
        shop.put(key, b"x")
    made = shop.report()
    assert [each["where"] for each in made.quality["other_objects"]["first"]] == ["orders/a.csv.gz", "orders/notes.txt"]
    assert "2 objects of other formats were left aside" in made.text
    assert made.euro() == "10.00"


def test_objects_with_other_dates_in_their_keys_are_not_opened_but_counted(shop: Shop):
    for day in range(1, 31):
        shop.put(f"orders/2025-10-{day:02}.csv", b"never read")
    shop.put("orders/2025-11-02.csv", csv(row("1")))
    made = shop.report()
    assert (made.quality["not_opened"], made.quality["files"], made.result["complete"]) == (30, 1, True)
    assert "30 files not opened: the dates in the names are of other times." in made.text


def test_more_objects_than_a_page_of_the_listing_are_all_read(shop: Shop, monkeypatch: pytest.MonkeyPatch):
    for number in range(7):
        shop.put(f"orders/{number}.csv", csv(row(str(number))))
    listed = shop.s3._make_api_call
    pages: list[str] = []

    def two_at_a_time(operation: str, given: dict) -> dict:
        pages.extend([operation] if operation == "ListObjectsV2" else [])
        return listed(operation, given | {"MaxKeys": 2} if operation == "ListObjectsV2" else given)

    monkeypatch.setattr(shop.s3, "_make_api_call", two_at_a_time)
    assert shop.report().euro("orders") == 7
    assert len(pages) == 4


def test_an_object_that_is_gone_by_the_time_it_is_read_is_named(shop: Shop, monkeypatch: pytest.MonkeyPatch):
    shop.put("orders/a.csv", csv(row("1")))
    shop.put("orders/b.csv", csv(row("2")))
    read = csv_rows.open_csv
    monkeypatch.setattr(
        "workers.sales_report.sources.open_csv",
        lambda path: (shop.s3.delete_object(Bucket="uploads", Key="orders/b.csv"), read(path))[1],
    )
    made = shop.report()
    assert made.quality["unreadable"]["first"] == [
        {"where": "orders/b.csv", "what": "could not be fetched (NoSuchKey)"}
    ]
    assert made.euro("orders") == 1


# ── memory ────────────────────────────────────────────────────────────────────

MEASURED = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo
from workers.sales_report.csv_rows import open_csv
from workers.sales_report.figures import sections
from workers.sales_report.ledger import Ledger
from workers.sales_report.orders import Window
from workers.sales_report.period import last_complete
from workers.sales_report.quality import Quality
from workers.sales_report.sources import _read_file

folder, count = Path(sys.argv[1]), int(sys.argv[2])
window = Window(last_complete("day", datetime(2025, 11, 3, 5, tzinfo=UTC), ZoneInfo("UTC")))
with (folder / "a.csv").open("w") as file:
    file.write("order_id,ordered_at,product,region,quantity,unit_price,currency\\n")
    for n in range(count):
        file.write(f"order-{n:020},2025-11-02T12:00:00Z,Product {n % 500},R{n % 9},1,0.01,EUR\\n")
def peak():  # of this program; what getrusage tells begins with that of the one which started it
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
before = peak()
ledger, quality = Ledger(folder / "ledger"), Quality()
_read_file("a.csv", "csv", folder / "a.csv", window, ledger, quality)
ledger.index()
ledger.repeated()
[section] = sections(ledger.counted(), window.period)
assert section.total.orders == count
print(peak() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux to tell the peak")
def test_memory_does_not_grow_with_the_number_of_rows(tmp_path: Path):
    """60,000 orders would be some 48 MB as objects."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, str(tmp_path), "60000"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 15_000  # KiB
