"""sales_report: orders from a database; SQLite, and a PostgreSQL server of its own where its programs are installed."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

import psycopg
import pytest
import sqlalchemy as sa
from report_support import Made, Shop
from sqlalchemy import event

from workers.runtime import BadInput
from workers.runtime.context import Downstream
from workers.sales_report.database import Database
from workers.sales_report.orders import Window
from workers.sales_report.period import last_complete

COLUMNS = "order_id, ordered_at, product, region, quantity, unit_price, currency, status"
VALUES = """
('1', '2025-11-02 12:00:00', 'Tea', 'North', 2, 1.50, 'EUR', 'paid'),
('2', '2025-11-01 23:30:00', 'Milk', NULL, 1, 4.25, 'EUR', NULL),
('3', '2025-11-01 22:30:00', 'Milk', 'South', 1, 100, 'EUR', 'paid'),
('4', '2025-11-02 22:59:59', 'Milk', 'South', 1, 1000, 'EUR', 'refunded'),
('5', '2025-11-02 23:00:00', 'Milk', 'South', 1, 10000, 'EUR', 'paid'),
('6', '2025-10-30 12:00:00', 'Old', 'South', 1, 100000, 'EUR', 'paid'),
('7', '2025-11-02 09:00:00', 'Tea', 'South', 1, 0.01, 'EUR', 'unheard of'),
('8', NULL, 'Tea', 'South', 1, 0.01, 'EUR', 'paid')
"""


def create(url: str, table: str, time: str = "TIMESTAMP", columns: str = COLUMNS) -> None:
    types = {"ordered_at": time, "quantity": "NUMERIC(10, 2)", "unit_price": "NUMERIC(10, 2)"}
    with sa.create_engine(url, poolclass=sa.NullPool).begin() as connection:
        declared = ", ".join(f"{name} {types.get(name, 'VARCHAR(50)')}" for name in columns.split(", "))
        connection.exec_driver_sql(f"CREATE TABLE {table} ({declared})")
        if columns == COLUMNS:
            connection.exec_driver_sql(f"INSERT INTO {table} ({columns}) VALUES {VALUES}")


def check(made: Made, source: str, first_row: int) -> None:
    """That the report is the one on VALUES, where the times are those of UTC and the day is one of Berlin's."""
    assert (made.euro("gross"), made.euro("refunds"), made.euro()) == ("1007.25", "1000.00", "7.25")
    assert made.euro("previous")["net"] == "100.00"
    assert [line["region"] for line in made.euro("regions")] == ["", "North", "South"]
    assert made.result["source"] == source
    assert source in made.pages[0] and "no region given" in made.text
    assert [each["what"] for each in made.quality["broken"]["first"]] == [
        "status 'unheard of' is not known",
        "ordered_at is empty",
    ]
    assert made.quality["broken"]["first"][0]["where"] == f"table {source.split()[1]}, row {first_row}"
    assert made.quality["rows"] == 6 and made.quality["outside"] == 0


@pytest.fixture
def sqlite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    url = f"sqlite:///{tmp_path / 'shop.db'}"
    monkeypatch.setenv("DATABASE_URL", url)
    return url


def test_orders_are_read_from_the_table_and_no_others(shop: Shop, sqlite: str):
    create(sqlite, "sales")
    made = shop.report(database=True, table="sales")
    # Its times have no offset, so that they are those of the report's zone: UTC, where the day is another.
    assert (made.euro("gross"), made.euro("previous")["net"]) == ("11003.00", "104.25")
    assert made.quality["without_offset"] == 5
    assert made.quality["broken"]["count"] == 2


def test_the_query_is_one_with_bound_parameters(shop: Shop, sqlite: str):
    create(sqlite, "orders")
    seen: list[tuple[str, tuple]] = []

    def listen(_connection, _cursor, statement, parameters, *_) -> None:
        seen.append((statement, parameters))

    event.listen(sa.Engine, "before_cursor_execute", listen)
    try:
        shop.report(database=True, timezone="Europe/Berlin")
    finally:
        event.remove(sa.Engine, "before_cursor_execute", listen)
    [(statement, parameters)] = [each for each in seen if "PRAGMA" not in each[0]]
    assert "2025" not in statement
    assert [value[:19] for value in parameters] == ["2025-11-01 00:00:00", "2025-11-03 00:00:00"]


def test_a_table_without_a_status_has_orders_that_are_sold(shop: Shop, sqlite: str):
    create(sqlite, "orders", columns=COLUMNS.removesuffix(", status"))
    assert shop.report(database=True).result["complete"]


@pytest.mark.parametrize(
    ("table", "columns", "time", "reason"),
    [
        ("missing", COLUMNS, "TIMESTAMP", "has no table missing"),
        ("orders; DROP TABLE orders", COLUMNS, "TIMESTAMP", "is not the name of a table"),
        ("a.b.c", COLUMNS, "TIMESTAMP", "is not the name of a table"),
        ("orders", "order_id, ordered_at", "TIMESTAMP", "has no column product, region"),
        ("orders", COLUMNS, "TEXT", "is TEXT, not a time"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused(shop: Shop, sqlite: str, table, columns, time, reason):
    create(sqlite, "orders", time, columns)
    with pytest.raises(BadInput, match=reason):
        shop.report(database=True, table=table)


def test_without_a_url_there_is_no_database(shop: Shop, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("DATABASE_URL", raising=False)
    with pytest.raises(BadInput, match="DATABASE_URL is not set"):
        shop.report(database=True)


@pytest.mark.parametrize("url", ["nonsense", "oracle://u:hush@h/d", "postgresql://u:hush@h:port/d"])
def test_a_url_of_no_database_is_refused_without_being_shown(shop: Shop, url: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DATABASE_URL", url)
    with pytest.raises(BadInput, match="DATABASE_URL") as refused:
        shop.report(database=True)
    assert "hush" not in str(refused.value) and refused.value.__cause__ is None


@pytest.mark.parametrize("kind", ["postgres", "postgresql", "postgresql+psycopg2", "mysql", "mariadb"])
def test_a_database_that_does_not_answer_is_not_the_input_s_fault(shop: Shop, kind: str, monkeypatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens
        monkeypatch.setenv("DATABASE_URL", f"{kind}://user:hush@127.0.0.1:{taken.getsockname()[1]}/shop")
        with pytest.raises(Downstream, match="the database failed: OperationalError") as failed:
            shop.report(database=True)
    assert "hush" not in str(failed.value) and "127.0.0.1" not in str(failed.value)


# ── PostgreSQL ────────────────────────────────────────────────────────────────


def programs() -> Path | None:
    """The folder of a PostgreSQL server's programs."""
    if found := shutil.which("initdb"):
        return Path(found).parent
    return next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), None)


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    """URL of a server that is started for these tests; it will not run as root."""
    folder = programs()
    user = "nobody" if os.geteuid() == 0 else None
    if folder is None or (user and user not in {entry.pw_name for entry in pwd.getpwall()}):
        pytest.skip("PostgreSQL is not installed")

    def run(*command: object) -> None:
        subprocess.run([str(part) for part in command], user=user, cwd="/", check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, timeout=60)  # fmt: skip

    with TemporaryDirectory() as name:  # not in pytest's, which only its owner may enter
        data = Path(name)
        if user:
            shutil.chown(data, user)
        run(folder / "initdb", "-D", data / "db", "-U", "shop", "-A", "trust", "--no-sync", "-E", "UTF8")
        options = f"-k {data} -c listen_addresses='' -c fsync=off -c timezone=Asia/Tokyo"
        run(folder / "pg_ctl", "-D", data / "db", "-w", "-o", options, "-l", data / "log", "start")
        try:
            yield f"postgresql://shop@/postgres?host={data}"
        finally:
            run(folder / "pg_ctl", "-D", data / "db", "-m", "immediate", "stop")


def test_postgresql_gives_times_with_a_zone_as_what_they_are(shop: Shop, postgres: str, monkeypatch):
    url = postgres.replace("postgresql", "postgresql+psycopg")
    with sa.create_engine(url).begin() as connection:
        connection.exec_driver_sql("CREATE SCHEMA shop")
        connection.exec_driver_sql("ALTER ROLE shop SET timezone = 'UTC'")
    create(url, "shop.sales", "TIMESTAMPTZ")
    with sa.create_engine(url).begin() as connection:
        connection.exec_driver_sql("ALTER ROLE shop RESET timezone")  # and with it the server's, which is Tokyo's
    monkeypatch.setenv("DATABASE_URL", postgres)
    made = shop.report(database=True, table="shop.sales", timezone="Europe/Berlin")
    check(made, "table shop.sales (postgresql)", 5)
    assert made.quality["without_offset"] == 0


def test_postgresql_gives_times_without_a_zone_as_the_report_s(shop: Shop, postgres: str, monkeypatch):
    create(postgres.replace("postgresql", "postgresql+psycopg"), "plain", "TIMESTAMP")
    monkeypatch.setenv("DATABASE_URL", postgres)
    made = shop.report(database=True, table="plain", timezone="Asia/Kolkata")
    assert (made.euro("gross"), made.quality["without_offset"]) == ("11003.00", 5)


def test_postgresql_streams_its_rows(postgres: str, monkeypatch):
    """A hundred thousand rows, of which no more than a batch is fetched at a time."""
    url = postgres.replace("postgresql", "postgresql+psycopg")
    with sa.create_engine(url).begin() as connection:
        connection.exec_driver_sql(
            "CREATE TABLE many AS SELECT i::text AS order_id, TIMESTAMPTZ '2025-11-02 12:00Z' AS ordered_at, "
            "repeat('x', 100) AS product, 'r' AS region, 1 AS quantity, 0.5 AS unit_price, 'EUR' AS currency "
            "FROM generate_series(1, 100000) i"
        )
    window = Window(last_complete("day", datetime(2025, 11, 3, 5, tzinfo=UTC), ZoneInfo("UTC")))
    fetched: list[int] = []
    real = psycopg.ServerCursor.fetchmany
    monkeypatch.setattr("psycopg.ServerCursor.fetchmany", lambda self, size=0: fetched.append(size) or real(self, size))
    rows = Database({"DATABASE_URL": postgres}, "many").rows(window)
    assert next(rows).cells["unit_price"] == Decimal("0.5")
    assert sum(1 for _ in rows) == 99_999
    assert len(fetched) >= 10 and max(fetched) <= 2000
