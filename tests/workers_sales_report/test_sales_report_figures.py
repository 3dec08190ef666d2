"""sales_report: its numbers, against the data counted another way; currencies, refunds, duplicates, broken rows."""

from __future__ import annotations

import csv as csv_module
import io
import json
from collections import Counter, defaultdict
from datetime import date, datetime
from fractions import Fraction
from pathlib import Path
from zoneinfo import ZoneInfo

import fastjsonschema
import pytest
import yaml
from report_support import HEADER, MORNING, Made, Shop, csv, row

from workers.runtime import BadInput
from workers.sales_report import sample_orders
from workers.sales_report.request import PERIOD, PREFIX, TABLE, TIMEZONE, TITLE

FOLDER = Path(sample_orders.__file__).parent


# ── numbers ───────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("period", "days"), [("day", (2, 2)), ("week", (-4, 2))])
def test_the_figures_are_those_of_the_data_counted_another_way(
    shop: Shop, tmp_path, period: str, days: tuple[int, int]
):
    zone = ZoneInfo("Europe/Berlin")
    orders = []
    for path in sample_orders.write(tmp_path, 20, 7, date(2025, 11, 3)):
        shop.put(f"orders/{path.name}", path.read_bytes())
        orders += csv_module.DictReader(io.StringIO(path.read_text()))
    made = shop.report(period=period, timezone="Europe/Berlin")
    first, last = (date.fromordinal(date(2025, 11, 1).toordinal() + day - 1) for day in days)
    length = (last - first).days + 1

    def within(order: dict[str, str], ago: int) -> bool:
        local = datetime.fromisoformat(order["ordered_at"]).astimezone(zone).date().toordinal()
        return first.toordinal() - ago <= local <= last.toordinal() - ago

    def counted(ago: int) -> tuple[Fraction, Fraction, int]:
        gross, refunds, number = Fraction(), Fraction(), 0
        for order in orders:
            if within(order, ago) and order["status"] in ("completed", "refunded"):
                amount = int(order["quantity"]) * Fraction(order["unit_price"])
                gross, number = gross + amount, number + 1
                refunds += amount if order["status"] == "refunded" else 0
        return gross, refunds, number

    gross, refunds, number = counted(0)
    before = counted(length)
    assert number > 100 and before[2] > 100
    assert Fraction(made.euro("gross")) == gross
    assert Fraction(made.euro("refunds")) == refunds
    assert Fraction(made.euro("net")) == gross - refunds
    assert made.euro("orders") == number
    assert abs(Fraction(made.euro("average")) - gross / number) <= Fraction(1, 200)
    assert Fraction(made.euro("previous")["net"]) == before[0] - before[1]
    expected = ((gross - refunds) / (before[0] - before[1]) - 1) * 100
    assert abs(Fraction(made.euro("growth")["net"]) - expected) <= Fraction(1, 20)
    kept = [order for order in orders if within(order, 0) and order["status"] == "completed"]
    for kind in ("product", "region"):
        net: defaultdict[str, Fraction] = defaultdict(Fraction)
        for order in kept:
            net[order[kind]] += int(order["quantity"]) * Fraction(order["unit_price"])
        named = [line for line in made.euro(f"{kind}s") if kind in line]
        assert [(line[kind], Fraction(line["net"])) for line in named] == sorted(
            net.items(), key=lambda item: (-item[1], item[0])
        )[: len(named)]
        assert sum(Fraction(line["net"]) for line in made.euro(f"{kind}s")) == gross - refunds
        assert sum(line["orders"] for line in made.euro(f"{kind}s")) == number
    slots = made.euro("slots")
    assert len(slots) == (24 if period == "day" else 7)
    assert sum(Fraction(slot["net"]) for slot in slots) == gross - refunds
    assert sum(Fraction(slot["previous_net"]) for slot in slots) == before[0] - before[1]
    assert made.result["complete"]


def test_the_pdf_says_the_same_numbers_as_the_json_and_the_result(shop: Shop):
    made = shop.of(
        row("1", price="1234.50"), row("2", quantity=3, price="0.35", region="South", product="Milk"),
        row("3", at="2025-11-01T10:00:00Z", price="1000"),
    )  # fmt: skip
    told = {name: made.result[name] for name in ("files", "notice")}
    assert made.json | told == json.loads(json.dumps(made.result))
    assert told["notice"] == {"text": made.json["headline"], "file": told["files"]["pdf"]}
    assert (made.euro(), made.euro("units"), made.euro("products")[1]["units"]) == ("1235.55", "4", "3")
    assert made.euro("growth") == {"net": "23.6", "orders": "100.0", "average": "-38.2"}
    for shown in (
        "€1,235.55",
        "+23.6 % vs day before",
        "€617.78",
        "−38.2 %",
        "€1,234.50",
        "€1.05",
        "99.9 %",
        "0.1 %",
        "€1,000.00",
    ):
        assert shown in made.text
    assert made.result["headline"] == (
        "Net sales of €1,235.55 on Sunday, 2 November 2025, +23.6 % against the day before."
    )


def test_files_are_named_after_the_period(shop: Shop):
    assert set(shop.of(row("1")).files) == {"2025-11-02/report.pdf", "2025-11-02/report.json"}
    assert shop.report(period="week").result["files"]["pdf"]["key"] == "sales_report/job/2025-W44/report.pdf"
    assert "2025-10/report.json" in shop.report(period="month").files


def test_sums_are_exact_where_floats_are_not(shop: Shop):
    made = shop.of(*(row(str(number), quantity="0.1", price="0.7") for number in range(1000)))
    assert made.euro() == "70.00"
    tiny = shop.of(*(row(str(number), quantity=1, price="0.004") for number in range(10)))
    assert tiny.euro() == "0.04"  # and not ten times 0.00
    assert shop.of(row("1", quantity=3, price="1.005")).euro() == "3.02"  # as floats 3.0149999999999997


def test_the_smallest_unit_is_that_of_the_currency(shop: Shop):
    made = shop.of(row("1", price="10.4", currency="JPY"), row("2", price="1.2345", currency="KWD"))
    nets = {code: section["net"] for code, section in made.result["currencies"].items()}
    assert nets == {"JPY": "10", "KWD": "1.234"}
    assert "JP¥10" in made.text and "KWD 1.234" in made.text


def test_without_sales_the_day_before_there_is_no_growth(shop: Shop):
    made = shop.of(row("1"))
    assert made.euro("growth") == {"net": None, "orders": None, "average": None}
    assert "nothing the day before" in made.pages[0]
    assert "against" not in made.result["headline"]
    after_returns = shop.of(row("1"), row("2", at="2025-11-01T12:00:00Z", quantity=-3))
    assert after_returns.euro("growth")["net"] is None


def test_more_products_than_are_named_are_one_line_that_completes_the_sum(shop: Shop):
    made = shop.of(*(row(str(n), product=f"P{n:02}", price=n) for n in range(1, 41)))
    products = made.euro("products")
    assert [line.get("product") for line in products] == [f"P{n}" for n in range(40, 30, -1)] + [None]
    assert (products[-1]["others"], products[-1]["net"], products[-1]["orders"]) == (30, "465.00", 30)
    assert made.euro() == "820.00"
    assert "30 other products" in made.text
    assert len(shop.of(*(row(str(n), product=f"P{n}") for n in range(11))).euro("products")) == 11


def test_the_same_input_makes_the_same_bytes(shop: Shop):
    rows = [row(str(n), product=f"Päckchen {n % 7}", region="茶") for n in range(50)]
    assert shop.of(*rows).files == shop.of(*rows).files


# ── currencies ────────────────────────────────────────────────────────────────


def mixed(shop: Shop, **input: str) -> Made:
    return shop.of(
        row("1", price=100), row("2", price=50, currency="USD"), row("3", price=7, currency="usd"), **input
    )  # fmt: skip


def test_currencies_are_never_added_up(shop: Shop):
    made = mixed(shop)
    assert {code: part["net"] for code, part in made.result["currencies"].items()} == {"USD": "57.00", "EUR": "100.00"}
    assert made.result["complete"]
    assert "Sales in EUR" in made.text and "Sales in USD" in made.text
    assert "157" not in made.text + json.dumps(made.json)


def test_of_the_currencies_not_asked_for_only_their_orders_are_named(shop: Shop):
    made = mixed(shop, currency="EUR")
    assert set(made.result["currencies"]) == {"EUR"}
    assert made.result["other_currencies"] == {"USD": {"orders": 2}}
    assert "Not in this report, which is of EUR only: 2 orders in USD." in made.text
    assert "57" not in made.text


# ── refunds, cancelled and pending orders ─────────────────────────────────────


def test_refunds_are_taken_off_and_cancelled_and_pending_orders_left_out(shop: Shop):
    made = shop.of(
        row("1", price=100, status="paid"), row("2", price=30, status="Refunded"),
        row("3", price=500, status="cancelled"), row("4", price=700, status="pending"),
        row("5", quantity=-2, price=5), row("6", price=20, status=" SHIPPED "),
    )  # fmt: skip
    assert (made.euro("gross"), made.euro("refunds"), made.euro()) == ("150.00", "40.00", "110.00")
    assert [made.euro(name) for name in ("orders", "refunded", "cancelled", "pending")] == [3, 2, 1, 1]
    assert (made.euro("average"), made.euro("units")) == ("50.00", "0")
    assert "Not in the sales in EUR: 1 cancelled order and 1 pending order." in made.text
    for shown in ("€110.00", "−€40.00", "€150.00", "2 orders and returns"):
        assert shown in made.text
    assert made.result["complete"]


def test_a_day_of_returns_has_sales_below_zero(shop: Shop):
    made = shop.of(row("1", quantity=-3), row("2", at="2025-11-01T12:00:00Z", price=40))
    assert (made.euro(), made.euro("orders"), made.euro("growth")["net"]) == ("-30.00", 0, "-175.0")
    assert made.euro("products")[0]["share"] is None
    assert "−€30.00" in made.text


# ── what cannot be counted ────────────────────────────────────────────────────


def test_an_empty_day_is_said_to_be_one(shop: Shop):
    made = shop.of()
    assert made.result["headline"] == "No orders found on Sunday, 2 November 2025."
    assert made.result["currencies"] == {}
    assert made.result["complete"]
    assert "No orders were found for this day." in made.pages[0]
    assert len(made.pages) == 1


def test_an_empty_day_after_a_good_one_has_lost_everything(shop: Shop):
    made = shop.of(row("1", at="2025-11-01T12:00:00Z"))
    assert (made.euro(), made.euro("orders"), made.euro("growth")["net"]) == ("0.00", 0, "-100.0")
    assert made.result["headline"] == "No orders found on Sunday, 2 November 2025."
    assert "No orders were found for this day." in made.pages[0]
    assert "−100.0 %" in made.pages[0]


def test_where_there_are_no_objects_the_report_does_not_pass_for_that_of_an_empty_day(shop: Shop):
    made = shop.report()
    assert not made.result["complete"]
    assert "No CSV or Parquet object was found below s3://uploads/orders/." in made.pages[0]
    assert made.result["headline"].endswith("Not everything could be counted: see data_quality.")


def test_an_export_that_is_missing_for_the_day_is_noticed(shop: Shop):
    shop.put("orders/2025-11-01.csv", csv(row("1", at="2025-11-01T12:00:00Z")))
    made = shop.report()
    assert made.quality["missing"] == "No object was found below s3://uploads/orders/ for 1 of 1 day: 2 November."
    assert made.quality["missing"] in made.pages[0]
    assert not made.result["complete"]
    shop.put("orders/2025-11-02.csv", csv())
    assert shop.report().result["complete"]


def test_an_export_that_is_missing_for_some_days_is_noticed(shop: Shop):
    for day in (*range(20, 26), 27, 28, 31):
        shop.put(f"orders/2025-10-{day}.csv", csv(row(str(day), at=f"2025-10-{day}T12:00:00Z")))
    shop.put("orders/2025-11-01_2025-11-02.csv", csv())
    made = shop.report(period="week")
    assert made.quality["missing"].endswith("for 2 of 7 days: 29 October, 30 October.")
    assert made.quality["missing_before"].endswith("for 1 of 7 days: 26 October.")
    assert made.quality["missing"] in made.pages[0] and not made.result["complete"]
    assert f"The changes say little about the week before. {made.quality['missing_before']}" in made.text
    shop.put("orders/late.csv", csv())  # which may be for any day
    assert shop.report(period="week").result["complete"]


BROKEN = {
    "quantity": ["", "two", "0", "1e3", "nan", "Infinity", "1.5.2", "9" * 16],
    "unit_price": ["", "-1", "€5", "1.234,50", "NaN", "- 1", "１０x"],
    "currency": ["", "EU", "EURO", "XYZ", "€"],
    "ordered_at": ["", "yesterday", "02.11.2025", "2025-13-02T00:00:00Z", "2025-11-02T25:00:00Z", "1762084800"],
    "order_id": [""],
    "product": ["", "x" * 201],
    "status": ["shiped", "partially refunded"],
}


@pytest.mark.parametrize("column", list(BROKEN))
def test_a_broken_row_is_listed_with_its_line_and_left_out(shop: Shop, column: str):
    good = dict(zip(HEADER.split(","), row("2").split(","), strict=True))
    rows = [",".join(f'"{value}"' for value in (good | {column: cell}).values()) for cell in BROKEN[column]]
    made = shop.of(row("1"), *rows, row("3"))
    assert (made.euro(), made.euro("orders")) == ("20.00", 2)
    assert made.quality["broken"]["count"] == len(rows)
    for line, trouble in enumerate(made.quality["broken"]["first"], 3):
        assert trouble["where"] == f"orders/all.csv, line {line}"
        assert trouble["what"].startswith(column)
    assert len(made.quality["broken"]["first"]) == len(rows)
    assert not made.result["complete"]
    assert f"{len(rows)} row{'s' * (len(rows) > 1)} that could not be used" in made.pages[0]
    assert f"orders/all.csv, line 3: {column}" in made.text


def test_an_amount_beyond_all_bounds_is_a_mistake(shop: Shop):
    made = shop.of(row("1", quantity=10**8, price=10**7), row("2", quantity=10**8, price=10**7 - 1))
    assert made.euro() == "999999900000000.00"
    assert made.quality["broken"]["count"] == 1


def test_of_many_broken_rows_the_first_few_are_listed_and_all_counted(shop: Shop):
    made = shop.of(row("1"), *(row(str(n), price="x") for n in range(2, 32)))
    assert made.quality["broken"]["count"] == 30
    assert [each["where"][-6:] for each in made.quality["broken"]["first"]] == [f"line {n}" for n in range(3, 10)] + [
        "ine 10"
    ]
    assert "30 rows could not be used" in made.text and "and 22 more" in made.text


def test_rows_of_other_times_are_not_looked_at(shop: Shop):
    made = shop.of(row("1"), row("2", at="2025-10-01T00:00:00Z", price="broken"), row("3", at="2025-11-03T00:00:00Z"))
    assert made.result["complete"]
    assert made.quality["outside"] == 2
    assert made.euro("orders") == 1


def test_an_order_that_comes_twice_with_the_same_content_counts_once(shop: Shop):
    shop.put("orders/a.csv", csv(row("1", price="10.00"), row("2"), row("1", price="10.0")))
    shop.put("orders/b.csv", csv(row("1", at="2025-11-02T13:00:00+01:00", price=10, currency="eur"), row("3")))
    made = shop.report()
    assert (made.euro(), made.euro("orders")) == ("30.00", 3)
    assert made.quality["duplicates"]["count"] == 2
    assert made.quality["duplicates"]["first"] == [{"where": "orders/a.csv, line 4", "what": "repeats order 1"}]
    assert made.result["complete"]
    assert "2 rows repeat an order" in made.text and "2 repeated rows counted once" in made.pages[0]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"price": 11}, "unit_price"),
        ({"quantity": 2, "price": 5}, "quantity, unit_price"),
        ({"status": "refunded"}, "status"),
        ({"product": "tea"}, "product"),
        ({"at": "2025-11-01T12:00:00Z"}, "ordered_at"),
        ({"currency": "USD"}, "currency"),
    ],
)
def test_orders_whose_rows_contradict_each_other_are_left_out_and_listed(shop: Shop, change: dict, named: str):
    shop.put("orders/a.csv", csv(row("1"), row("2", price=5)))
    shop.put("orders/b.csv", csv(row("3", price=7), row("1", **change), row("1")))
    made = shop.report()
    assert (made.euro(), made.euro("orders")) == ("12.00", 2)
    assert set(made.result["currencies"]) == {"EUR"}
    assert made.euro("previous")["orders"] == 0
    expected = {"where": "orders/a.csv, line 2 and orders/b.csv, line 3", "what": f"order 1 with different {named}"}
    assert made.quality["conflicting"] == {"count": 1, "first": [expected]}
    assert made.quality["duplicates"]["count"] == 0
    assert not made.result["complete"]
    assert "1 order with rows that differ" in made.pages[0]
    assert f"{expected['where']}: {expected['what']}" in made.text


def test_times_without_an_offset_are_those_of_the_report_and_counted(shop: Shop):
    rows = [row("1", at="2025-11-02T00:30:00"), row("2", at="2025-11-02T00:30:00Z"), row("3", at="2025-11-02")]
    made = shop.of(*rows, timezone="America/New_York")
    assert (made.euro("orders"), made.quality["without_offset"]) == (2, 2)  # the second was on 1 November there
    assert made.euro("previous")["orders"] == 1
    assert "2 times without an offset from UTC: taken for the time of America/New_York." in made.text


# ── the worker's input and files ──────────────────────────────────────────────


@pytest.mark.parametrize(
    ("input", "reason"),
    [
        ({"timezone": "Mars/Olympus"}, "Mars/Olympus"),
        ({"timezone": "../../etc/passwd"}, "time zone"),
        ({"timezone": "Europe"}, "time zone"),
        ({"scheduled_at": "2025-11-03T06:00:00"}, "no offset"),
        ({"scheduled_at": "soon"}, "ISO 8601"),
        ({"currency": "XYZ"}, "XYZ"),
    ],
)
def test_what_cannot_be_reported_on_is_refused_with_the_reason(shop: Shop, input: dict, reason: str):
    with pytest.raises(BadInput, match=reason):
        shop.report(**input)


def test_another_prefix_and_title_can_be_named(shop: Shop):
    shop.put("shop/today.csv", csv(row("1", price=3)))
    shop.put("shopping/today.csv", csv(row("2", price=4)))
    made = shop.report(prefix="shop/", title="Täglich <b> & mehr")
    assert made.euro() == "3.00"
    assert "s3://uploads/shop/" in made.pages[0]
    assert "Täglich <b> & mehr" in made.pages[0]


def test_the_examples_of_the_input_schema_are_valid_and_the_defaults_those_of_the_code():
    manifest = yaml.safe_load((FOLDER / "worker.yaml").read_text())
    schema = manifest["input"]
    validate = fastjsonschema.compile(schema, use_default=False)
    for example in [*schema["examples"], {"scheduled_at": MORNING, **manifest["trigger"]["schedule"]["input"]}]:
        validate(example)
    for bad in ({}, {"scheduled_at": MORNING, "period": "year"}, {"scheduled_at": MORNING, "table": "a;b"},
                {"scheduled_at": MORNING, "bucket": "a"}, {"scheduled_at": MORNING, "currency": "eur"}):  # fmt: skip
        with pytest.raises(fastjsonschema.JsonSchemaValueException):
            validate(bad)
    defaults = {name: field["default"] for name, field in schema["properties"].items() if "default" in field}
    assert defaults == {"period": PERIOD, "timezone": TIMEZONE, "prefix": PREFIX, "table": TABLE, "title": TITLE,
                        "database": False}  # fmt: skip


def test_the_tests_ran_with_the_packages_that_the_image_gets():
    from importlib.metadata import version

    lines = (FOLDER / "requirements.txt").read_text().splitlines()
    pins = dict(line.split()[0].split("==") for line in lines if line and not line.lstrip().startswith("#"))
    assert {name: version(name) for name in pins} == pins


# ── sample orders ─────────────────────────────────────────────────────────────


def test_the_same_seed_makes_the_same_orders_whatever_other_days_are_made(tmp_path):
    one, other = (sample_orders.write(tmp_path / str(days), days, 1, date(2025, 11, 2)) for days in (3, 9))
    assert [path.name for path in one] == ["2025-10-31.csv", "2025-11-01.csv", "2025-11-02.csv"]
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in other[-3:]]
    assert sample_orders.write(tmp_path / "2", 1, 2, date(2025, 11, 2))[0].read_bytes() != one[-1].read_bytes()


def test_sample_orders_with_flaws_have_one_of_each_a_day(shop: Shop, tmp_path):
    for path in sample_orders.write(tmp_path, 4, 1, date(2025, 11, 3), flaws=True):
        shop.put(f"orders/{path.name}", path.read_bytes())
    made = shop.report()
    counts = {name: made.quality[name]["count"] for name in ("broken", "conflicting", "duplicates")}
    assert counts == {"broken": 4, "conflicting": 2, "duplicates": 2}
    assert Counter(made.result["currencies"].keys()) == {"EUR": 1, "USD": 1}
