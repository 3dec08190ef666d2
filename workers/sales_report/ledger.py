"""Orders on the scratch volume, which tells equal from conflicting ones: memory does not grow with their number."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from workers.sales_report.orders import Order, differences
from workers.sales_report.quality import SHOWN, Trouble, Troubles

BATCH = 1000  # orders
_SCHEMA = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA temp_store = FILE;
CREATE TABLE orders (number INTEGER PRIMARY KEY, order_id TEXT, content TEXT, source INTEGER, line INTEGER);
"""
_REPEATED = """
SELECT order_id, COUNT(*), COUNT(DISTINCT content), MIN(number) FROM orders
GROUP BY order_id HAVING COUNT(*) > 1 ORDER BY MIN(number)
"""
_COUNTED = "SELECT order_id, MIN(content) FROM orders GROUP BY order_id HAVING COUNT(DISTINCT content) = 1"


class Ledger:
    """path: of a file that does not exist yet."""

    def __init__(self, path: Path):
        self._database = sqlite3.connect(path, isolation_level=None)
        self._database.executescript(_SCHEMA)
        self._numbers = count(1)
        self._sources: list[str] = []
        self._waiting: list[tuple[int, str, str, int, int]] = []

    def close(self) -> None:
        self._database.close()

    @contextmanager
    def source(self, name: str, unit: str) -> Iterator[None]:
        """What is added from here on comes from this source. On an exception none of it stays.

        unit: what an order's place in it is called: line or row.
        """
        self._sources.append(f"{name}, {unit}")
        number = len(self._sources)
        try:
            yield
            self._flush()
        except BaseException:
            self._waiting.clear()
            self._database.execute("DELETE FROM orders WHERE source = ?", (number,))
            raise

    def add(self, order: Order, line: int) -> None:
        self._waiting.append((next(self._numbers), order.order_id, order.content(), len(self._sources), line))
        if len(self._waiting) >= BATCH:
            self._flush()

    def index(self) -> None:
        """To be called once, when all orders are added."""
        self._database.execute("CREATE INDEX by_id ON orders (order_id, content)")

    def repeated(self) -> tuple[Troubles, Troubles]:
        """Rows that repeat an order, and orders whose rows differ."""
        equal, conflicting = Troubles(), Troubles()
        for order_id, rows, contents, first in self._database.execute(_REPEATED):
            troubles, describe = (equal, self._repeat) if contents == 1 else (conflicting, self._conflict)
            troubles.count += rows - 1 if contents == 1 else 1
            if len(troubles.first) < SHOWN:
                troubles.first.append(describe(order_id, first))
        return equal, conflicting

    def counted(self) -> Iterator[Order]:
        """Each order once, without the conflicting ones."""
        for order_id, content in self._database.execute(_COUNTED):
            yield Order.from_content(order_id, content)

    def _repeat(self, order_id: str, first: int) -> Trouble:
        source, line = self._database.execute(
            "SELECT source, line FROM orders WHERE order_id = ? AND number > ? ORDER BY number", (order_id, first)
        ).fetchone()
        return Trouble(self._place(source, line), f"repeats order {order_id}")

    def _conflict(self, order_id: str, _: int) -> Trouble:
        rows = self._database.execute(  # of each content, the row that has its smallest number
            "SELECT content, MIN(number), source, line FROM orders WHERE order_id = ? "
            "GROUP BY content ORDER BY MIN(number) LIMIT 3",
            (order_id,),
        ).fetchall()
        places = " and ".join(self._place(source, line) for _, _, source, line in rows)
        columns = ", ".join(differences([row[0] for row in rows]))
        return Trouble(places, f"order {order_id} with different {columns}")

    def _place(self, source: int, line: int) -> str:
        return f"{self._sources[source - 1]} {line}"

    def _flush(self) -> None:
        self._database.execute("BEGIN")
        self._database.executemany("INSERT INTO orders VALUES (?, ?, ?, ?, ?)", self._waiting)
        self._database.execute("COMMIT")
        self._waiting.clear()
