"""etl_processor: a source and a warehouse in PostgreSQL, where a server's programs are installed."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest
from etl_support import TABLES, Etl

from workers.etl_processor.request import Request, Table
from workers.etl_processor.warehouse_table import load_table
from workers.runtime import BadInput, Downstream

QUERY = "SELECT * FROM shop WHERE ordered_at::date = :day"
SOURCE = {"name": "shop", "table": "orders", "query": QUERY, "database": "SHOP_DATABASE_URL"}


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """URL of a server that is started for these tests; it will not run as root."""
    initdb = shutil.which("initdb") or next(map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))), None)
    user = "nobody" if os.geteuid() == 0 else None
    if initdb is None or (user and user not in {entry.pw_name for entry in pwd.getpwall()}):
        pytest.skip("PostgreSQL is not installed")
    folder = Path(initdb).parent

    def run(*command: object) -> None:
        subprocess.run([str(part) for part in command], user=user, cwd="/", check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, timeout=60)  # fmt: skip

    with TemporaryDirectory() as name:  # not in pytest's, which only its owner may enter
        data = Path(name)
        if user:
            shutil.chown(data, user)
        run(initdb, "-D", data / "db", "-U", "shop", "-A", "trust", "--no-sync", "-E", "UTF8")
        options = f"-k {data} -c listen_addresses='' -c fsync=off -c timezone=Asia/Tokyo"
        run(folder / "pg_ctl", "-D", data / "db", "-w", "-o", options, "-l", data / "log", "start")
        try:
            yield f"postgresql://shop@/postgres?host={data}"
        finally:
            run(folder / "pg_ctl", "-D", data / "db", "-m", "immediate", "stop")


@pytest.fixture
def postgres(server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[psycopg.Connection[Any]]:
    """An empty database, which is the shop's and the warehouse's."""
    monkeypatch.setenv("SHOP_DATABASE_URL", server)
    monkeypatch.setenv("WAREHOUSE_URL", server)
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
        yield connection


def test_types_come_through_from_end_to_end(etl: Etl, postgres: psycopg.Connection[Any]):
    columns = "order_id int, ordered_at timestamptz, quantity int, price numeric, weight float8, paid bool, due date"
    postgres.execute(f"CREATE TABLE shop ({columns})")
    values = "7, '2026-03-01 12:00:00.123456+00', 2, 12.345, 1e-7, true, '2026-04-01'"
    postgres.execute(f"INSERT INTO shop VALUES ({values})")
    for _ in range(2):
        assert etl.run(SOURCE)["rows_loaded"] == 1
    postgres.execute("SET timezone = 'UTC'")
    [row] = postgres.execute("SELECT * FROM orders").fetchall()
    at = datetime(2026, 3, 1, 12, 0, 0, 123456, UTC)
    day = date(2026, 3, 1)
    assert row == ("shop", day, "7", at, 2, Decimal("12.345"), 1e-7, True, date(2026, 4, 1))
    assert [(one[0], one[1], one[2]) for one in postgres.execute("SELECT * FROM etl_loads")] == [
        ("orders", "shop", day)
    ]


def test_a_query_that_the_database_does_not_understand_is_refused(etl: Etl, postgres: psycopg.Connection[Any]):
    with pytest.raises(BadInput, match=r'refuses the statement: relation "shop" does not exist'):
        etl.run(SOURCE)


def test_of_two_loads_of_the_same_day_at_once_the_second_fails(server: str, postgres: psycopg.Connection[Any]):
    """The second one begins while the first one writes, and waits for it; else both would add their rows."""
    table = Table("orders", TABLES["orders"]["columns"], ("order_id",))
    request = Request(
        name="shop", table=table, prefix=None, query=None, database=None, day=date(2026, 3, 1), zone=ZoneInfo("UTC")
    )
    row = ("a", None, 1, None, None, None, None)

    def load(rows: Iterator[tuple[Any, ...]]) -> int:
        staging: Any = SimpleNamespace(typed_rows=lambda: rows)
        return load_table(os.environ, "WAREHOUSE_URL", request, staging)

    load(iter([row]))
    with ThreadPoolExecutor(1) as pool:

        def rows() -> Iterator[tuple[Any, ...]]:
            others.append(pool.submit(load, iter([row])))
            waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            while postgres.execute(waiting).fetchone() == (0,):
                assert not others[0].done()
            yield row

        others: list[Any] = []
        assert load(rows()) == 1
        with pytest.raises(Downstream, match="the database of WAREHOUSE_URL failed: UniqueViolation 23505"):
            others[0].result()
    assert postgres.execute("SELECT count(*) FROM orders").fetchone() == (1,)
