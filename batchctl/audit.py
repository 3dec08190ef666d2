"""Who redrove what, and what came of it."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from batchctl.redrive import Outcome, Wish

KEPT_DAYS = 400


class Audit:
    """One record of a table whose key is `id`: written before anything is moved, and again when all is done.

    by: ARN of who asked for it.
    """

    def __init__(self, table: Any, queue: str, wish: Wish, by: str):
        self._table = table
        started = dt.datetime.now(dt.UTC)
        self._record: dict[str, Any] = {
            "id": f"redrive#{queue}#{started.isoformat(timespec='seconds')}#{uuid.uuid4().hex[:8]}",
            "queue": queue,
            "by": by,
            "wish": asdict(wish),
            "started_at": started.isoformat(timespec="seconds"),
            "expiration": int(started.timestamp()) + KEPT_DAYS * 24 * 3600,
        }
        self._write()

    def ended(self, outcome: Outcome | None, error: str = "") -> dict[str, Any]:
        """The whole record. outcome: None if an error ended it."""
        self._record |= {
            "ended_at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            "outcome": asdict(outcome) if outcome else None,
            "error": error,
        }
        self._write()
        return self._record

    def _write(self) -> None:
        self._table.put_item(Item=json.loads(json.dumps(self._record), parse_float=Decimal))
