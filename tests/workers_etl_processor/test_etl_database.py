"""etl_processor: sources and a warehouse in a database."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from etl_support import TABLES, Etl

from workers.etl_processor import warehouse_table
from workers.runtime import BadInput, Downstream

QUERY = "SELECT * FROM shop WHERE due = :day ORDER BY orderId"
SOURCE = {"name": "shop", "table": "orders", "query": QUERY, "database": "SHOP_DATABASE_URL"}
PASSWORD = "s3cret"


def execute(url: str, statement: str, **parameters: Any) -> list[Any]:
    with sa.create_engine(url, poolclass=sa.NullPool).begin() as connection:
        result = connection.execute(sa.text(statement), parameters)
        return [tuple(row) for row in result] if result.returns_rows else []


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    url = f"sqlite:///{tmp_path / 'shop.db'}"
    monkeypatch.setenv("SHOP_DATABASE_URL", url)
    execute(url, "CREATE TABLE shop (orderId, ordered_at, quantity, price, weight, paid, due)")
    execute(
        url,
        "INSERT INTO shop VALUES ('a', '2026-03-01 09:00:00Z', 2, '12.50', 0.25, 1, '2026-03-01'), "
        "('b', NULL, 'two', NULL, NULL, NULL, '2026-03-01'), ('c', NULL, 3, NULL, NULL, NULL, '2026-02-28')",
    )
    return url


@pytest.fixture
def warehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    url = f"sqlite:///{tmp_path / 'warehouse.db'}"
    monkeypatch.setenv("WAREHOUSE_URL", url)
    return url


def test_rows_of_the_day_are_queried(etl: Etl, shop: str):
    result = etl.run(SOURCE)
    assert [(row["order_id"], row["price"]) for row in etl.stored("shop")] == [("a", Decimal("12.5"))]
    assert result["bad_rows"] == ["source shop: its query line 2: quantity 'two' is not a whole number of 64 bits"]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("SELECT orderId, due FROM shop", "source shop: its query has no columns ordered_at, quantity"),
        ("SELECT * FROM shop WHERE due = :date", "source shop: its query has :date; there is only :day"),
        ("DELETE FROM shop", "source shop: its query gives no rows; it must begin with SELECT or WITH"),
    ],
)
def test_a_query_that_gives_something_else_is_refused_and_changes_nothing(
    etl: Etl, shop: str, query: str, message: str
):
    with pytest.raises(BadInput, match=message):
        etl.run(SOURCE | {"query": query})
    assert execute(shop, "SELECT count(*) FROM shop") == [(3,)]


def test_a_database_that_fails_is_tried_again_and_its_url_is_not_told(etl: Etl, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SHOP_DATABASE_URL", f"postgresql://etl:{PASSWORD}@127.0.0.1:1/shop")
    with pytest.raises(Downstream, match="the database of SHOP_DATABASE_URL failed: OperationalError"):
        etl.run(SOURCE)
    assert PASSWORD not in etl.report_text()
    monkeypatch.setenv("SHOP_DATABASE_URL", f"oracle://etl:{PASSWORD}@127.0.0.1:1/shop")
    with pytest.raises(
        BadInput, match="SHOP_DATABASE_URL is not the URL of a PostgreSQL, MySQL, MariaDB or SQLite"
    ) as error:
        etl.run(SOURCE)
    assert PASSWORD not in str(error.value)
    monkeypatch.delenv("SHOP_DATABASE_URL")
    with pytest.raises(BadInput, match="SHOP_DATABASE_URL is not set: the stack names no secret for it"):
        etl.run(SOURCE)


def test_rows_go_to_the_warehouse_once_for_each_source_and_day(etl: Etl, shop: str, warehouse: str):
    other = SOURCE | {"name": "copy"}
    for source, at in ((SOURCE, "2026-03-01"), (SOURCE, "2026-03-02"), (other, "2026-03-02"), (SOURCE, "2026-03-02")):
        result = etl.run(source, scheduled_at=f"{at}T01:00:00Z")
    assert (result["rows_loaded"], result["where"]) == (1, "table orders")
    rows = execute(warehouse, "SELECT _source, _day, order_id, quantity FROM orders ORDER BY 1, 2")
    assert rows == [("copy", "2026-03-01", "a", 2), ("shop", "2026-02-28", "c", 3), ("shop", "2026-03-01", "a", 2)]
    execute(shop, "UPDATE shop SET due = '2026-03-05' WHERE orderId = 'a'")
    execute(shop, "UPDATE shop SET quantity = 9 WHERE orderId = 'b'")
    etl.run(SOURCE)
    assert execute(
        warehouse, "SELECT _source, order_id, quantity FROM orders WHERE _day = '2026-03-01' ORDER BY 1"
    ) == [
        ("copy", "a", 2),
        ("shop", "b", 9),
    ]
    assert etl.keys("etl_processor/warehouse/") == []


def test_types_arrive_in_the_warehouse(etl: Etl, shop: str, warehouse: str):
    etl.run(SOURCE)
    with sa.create_engine(warehouse, poolclass=sa.NullPool).connect() as connection:
        table = warehouse_table._table(warehouse_table.Table("orders", TABLES["orders"]["columns"], ("order_id",)))
        [row] = connection.execute(sa.select(table)).mappings()
    assert (row["order_id"], row["price"], row["weight"], row["paid"]) == ("a", Decimal("12.5"), 0.25, True)
    assert row["ordered_at"].replace(tzinfo=UTC) == datetime(2026, 3, 1, 9, tzinfo=UTC)


def test_a_load_that_fails_leaves_the_rows_of_the_one_before(etl: Etl, shop: str, warehouse: str):
    etl.run(SOURCE)
    execute(warehouse, "CREATE TRIGGER broken BEFORE INSERT ON orders BEGIN SELECT RAISE(ABORT, 'disk full'); END")
    with pytest.raises(Downstream, match="the database of WAREHOUSE_URL failed: IntegrityError"):
        etl.run(SOURCE)
    assert execute(warehouse, "SELECT order_id FROM orders") == [("a",)]
    assert execute(warehouse, "SELECT count(*) FROM etl_loads") == [(1,)]


def test_a_table_of_the_warehouse_that_is_another_is_refused(etl: Etl, shop: str, warehouse: str):
    execute(warehouse, "CREATE TABLE orders (order_id TEXT, quantity INTEGER)")
    with pytest.raises(BadInput, match="the warehouse's table orders has no column _source, _day, ordered_at, price"):
        etl.run(SOURCE)
