"""What is listed, done and failed, on the scratch volume: memory does not grow with the number of objects."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path
from threading import Lock

from workers.s3_batch.items import Done, Found, Item, Listed, Written

PAGE = 500  # items
_SCHEMA = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA temp_store = FILE;
CREATE TABLE listed (key TEXT PRIMARY KEY, etag TEXT, size INTEGER) WITHOUT ROWID;
CREATE TABLE done (
    key TEXT PRIMARY KEY, etag TEXT, size INTEGER, bytes_out INTEGER, done_at TEXT, run TEXT, line TEXT
) WITHOUT ROWID;
CREATE TABLE outputs (key TEXT PRIMARY KEY, source TEXT, etag TEXT) WITHOUT ROWID;
CREATE TABLE found (
    id TEXT, number INTEGER, count INTEGER, content TEXT, key TEXT, size INTEGER, etag TEXT, sha256 TEXT, done_at TEXT,
    PRIMARY KEY (id, number)
) WITHOUT ROWID;
CREATE TABLE failed (key TEXT PRIMARY KEY, etag TEXT, size INTEGER, reason TEXT) WITHOUT ROWID;
"""
_ADD = """
INSERT INTO done VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (key) DO UPDATE SET etag = excluded.etag, size = excluded.size, bytes_out = excluded.bytes_out,
    done_at = excluded.done_at, run = excluded.run, line = excluded.line
WHERE excluded.done_at >= done.done_at
"""
_OUTPUT = """
INSERT INTO outputs VALUES (?, ?, ?)
ON CONFLICT (key) DO UPDATE SET source = excluded.source, etag = excluded.etag
"""
_TODO = "listed LEFT JOIN done USING (key) WHERE (done.etag IS NOT listed.etag OR done.size IS NOT listed.size)"
_MATCHING = "listed JOIN done USING (key, etag, size)"


@dataclass(frozen=True)
class Counts:
    """Numbers of listed objects, and bytes of those done.

    done: by this run, in all its attempts. skipped: by earlier ones. left: neither done nor failed.
    """

    done: int
    skipped: int
    failed: int
    left: int
    bytes_in: int
    bytes_out: int


class Ledger:
    """path: of a file that does not exist yet."""

    def __init__(self, path: Path):
        self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._database.executescript(_SCHEMA)
        self._lock = Lock()

    def close(self) -> None:
        self._database.close()

    def list(self, objects: Iterable[Listed]) -> None:
        """What there is now."""
        rows = ((listed.item.key, listed.item.etag, listed.item.size) for listed in objects)
        with self._transaction():
            self._database.executemany("INSERT OR REPLACE INTO listed VALUES (?, ?, ?)", rows)

    def load(self, entries: Iterable[Done]) -> None:
        """What was done before, in any order: of an object's versions, the one done last counts."""
        with self._transaction():
            for done in entries:
                self._add(done)

    def forget_gone(self) -> None:
        """What is not listed any more need not be remembered."""
        self._database.execute("DELETE FROM done WHERE key NOT IN (SELECT key FROM listed)")

    def add(self, done: Done) -> None:
        with self._lock:
            self._add(done)

    def fail(self, item: Item, reason: str) -> None:
        with self._lock:
            self._database.execute("INSERT INTO failed VALUES (?, ?, ?, ?)", (item.key, item.etag, item.size, reason))

    def owner(self, output: str, claimant: str) -> str:
        """Key of the object that has this output; the claimant's own, from now on, if none had it. For any thread."""
        with self._lock:
            self._database.execute("INSERT OR IGNORE INTO outputs VALUES (?, ?, NULL)", (output, claimant))
            return self._database.execute("SELECT source FROM outputs WHERE key = ?", (output,)).fetchone()[0]

    def knows(self, output: Item) -> bool:
        """Whether it is an output, in this version."""
        query = "SELECT 1 FROM outputs WHERE key = ? AND etag = ?"
        return self._database.execute(query, (output.key, output.etag)).fetchone() is not None

    def find(self, found: Found) -> None:
        """An output that nobody has recorded."""
        row = (found.id, found.number, found.count, found.content, *astuple(found.output), found.done_at)
        self._database.execute("INSERT OR REPLACE INTO found VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)

    def found(self, item: Item) -> list[Found]:
        """Those of an item, in their order: only if all are there."""
        columns = "id, number, count, content, done_at, key, size, etag, sha256"
        query = f"SELECT {columns} FROM found WHERE id = ? ORDER BY number"
        rows = self._database.execute(query, (item.id,)).fetchall()
        all_found = [Found(*row[:5], output=Written(*row[5:])) for row in rows]
        return all_found if all_found and len(all_found) == all_found[0].count else []

    def todo(self) -> Iterator[Item]:
        """Items that are not done, in the order of their keys' bytes; what is added meanwhile does not disturb it."""
        query = f"SELECT key, listed.etag, listed.size FROM {_TODO} AND key > ? ORDER BY key LIMIT ?"
        last = ""
        while True:
            with self._lock:
                page = self._database.execute(query, (last, PAGE)).fetchall()
            if not page:
                return
            yield from (Item(*row) for row in page)
            last = page[-1][0]

    def size(self) -> int:
        """How many objects are listed."""
        return self._one("SELECT COUNT(*) FROM listed")[0]

    def counts(self, run: str) -> Counts:
        totals = "COUNT(*), TOTAL(size), TOTAL(bytes_out)"
        done, bytes_in, bytes_out = self._one(f"SELECT {totals} FROM {_MATCHING} WHERE run = ?", run)
        [skipped] = self._one(f"SELECT COUNT(*) FROM {_MATCHING} WHERE run <> ?", run)
        [todo] = self._one(f"SELECT COUNT(*) FROM {_TODO}")
        [failed] = self._one("SELECT COUNT(*) FROM failed")
        return Counts(done, skipped, failed, todo - failed, int(bytes_in), int(bytes_out))

    def failures(self) -> Iterator[tuple[Item, str]]:
        """With the reasons."""
        for *item, reason in self._database.execute("SELECT key, etag, size, reason FROM failed ORDER BY key"):
            yield Item(*item), reason

    def lines(self, run: str | None = None) -> Iterator[str]:
        """`Done.line()` of what is done; of what this run has done, if one is given."""
        query = "SELECT line FROM done WHERE ?1 IS NULL OR run = ?1 ORDER BY key"
        return (line for (line,) in self._database.execute(query, (run,)))

    def _add(self, done: Done) -> None:
        item, bytes_out = done.item, sum(output.size for output in done.outputs)
        row = (item.key, item.etag, item.size, bytes_out, done.done_at, done.run, done.line())
        if self._database.execute(_ADD, row).rowcount:  # else a later version is known
            rows = ((output.key, item.key, output.etag) for output in done.outputs)
            self._database.executemany(_OUTPUT, rows)

    def _one(self, query: str, *values: str) -> tuple:
        return self._database.execute(query, values).fetchone()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """For many changes at once, which then take a tenth of the time. After an exception the ledger is of no use."""
        self._database.execute("BEGIN")
        yield
        self._database.execute("COMMIT")
