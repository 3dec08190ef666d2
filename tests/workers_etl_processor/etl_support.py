"""Buckets with sources, attempts of the worker at them, and what is in the warehouse then."""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pytest

from workers.etl_processor.handler import handle
from workers.runtime.objects import Objects

RUN = "etl-processor-29400000"
TABLES = {
    "orders": {
        "key": ["order_id"],
        "columns": {
            "order_id": "text",
            "ordered_at": "timestamp",
            "quantity": "integer",
            "price": "decimal",
            "weight": "float",
            "paid": "boolean",
            "due": "date",
        },
    }
}
DAY = "2026-03-01"
NIGHT = "2026-03-02T01:00:00Z"


def of_prefix(name: str) -> dict[str, Any]:
    return {"name": name, "table": "orders", "prefix": f"sources/{name}/"}


@dataclass
class Etl:
    """s3: a client of the account. names: of the run's sources, by index."""

    s3: Any
    patch: pytest.MonkeyPatch
    folder: Path
    names: Sequence[str] = field(default=())

    def sources(self, *names: str) -> None:
        """What the Job's ConfigMap lists."""
        self.names = names
        file = self.folder / "sources.json"
        file.write_text(json.dumps([{"name": name} for name in names]))
        self.patch.setenv("SOURCES_FILE", str(file))

    def put(self, key: str, data: bytes | str, bucket: str = "uploads") -> None:
        self.s3.put_object(Bucket=bucket, Key=key, Body=data)

    def get(self, key: str) -> bytes:
        return self.s3.get_object(Bucket="results", Key=key)["Body"].read()

    def keys(self, prefix: str = "") -> list[str]:
        return [item["Key"] for item in self.s3.list_objects_v2(Bucket="results", Prefix=prefix).get("Contents", ())]

    def run(
        self, source: str | Mapping[str, Any], *, attempt: int = 1, tables: Any = TABLES, **input: Any
    ) -> dict[str, Any]:
        """One attempt. source: the name of one whose objects lie below its prefix, or the whole."""
        whole = of_prefix(source) if isinstance(source, str) else dict(source)
        if whole["name"] not in self.names:
            self.sources(*self.names, whole["name"])
        index = self.names.index(whole["name"])
        with tempfile.TemporaryDirectory() as folder:
            context: Any = SimpleNamespace(
                index=index,
                size=len(self.names),
                attempt=attempt,
                uploads="uploads",
                results="results",
                workdir=Path(folder),
                log=logging.getLogger("etl"),
                objects=Objects(uploads="uploads", results="results", prefix=f"etl_processor/{RUN}/{index}"),
            )
            result = handle({"source": whole, "tables": tables, "scheduled_at": NIGHT} | input, context)
        json.dumps(result, allow_nan=False)
        return result

    def stored(self, source: str, day: str = DAY) -> list[dict[str, Any]]:
        """Rows in the warehouse; a timestamp as text, in UTC."""
        data = self.get(f"etl_processor/warehouse/{source}/day={day}/part.parquet")
        path = self.folder / "stored.parquet"
        path.write_bytes(data)
        with duckdb.connect() as database:
            database.execute("SET TimeZone = 'UTC'")
            described = database.execute("DESCRIBE SELECT * FROM read_parquet($path)", {"path": str(path)}).fetchall()
            names = [name for name, *_ in described]
            cells = ", ".join(f'"{name}"' + "::VARCHAR" * name.endswith("_at") for name in names)
            rows = database.execute(f"SELECT {cells} FROM read_parquet($path)", {"path": str(path)}).fetchall()
        return [dict(zip(names, row, strict=True)) for row in rows]

    def report(self) -> dict[str, Any]:
        return json.loads(self.get(f"etl_processor/{RUN}/report.json"))

    def report_text(self) -> str:
        return self.get(f"etl_processor/{RUN}/report.md").decode()
