"""A shop whose orders lie in S3, what the worker makes of them, and the report's PDF read back."""

from __future__ import annotations

import io
import json
import tempfile
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from pypdf import PdfReader

from workers.sales_report.handler import handle

HEADER = "order_id,ordered_at,product,region,quantity,unit_price,currency,status"
MORNING = "2025-11-03T05:00:00+00:00"  # 06:00 in Berlin; the report is on 2 November


def csv(*rows: str, header: str = HEADER) -> bytes:
    return "\n".join([header, *rows, ""]).encode()


def row(
    order_id: str,
    at: str = "2025-11-02T12:00:00Z",
    product: str = "Tea",
    region: str = "North",
    quantity: object = 1,
    price: object = "10.00",
    currency: str = "EUR",
    status: str = "",
) -> str:
    return f"{order_id},{at},{product},{region},{quantity},{price},{currency},{status}"


@dataclass
class Made:
    """result: of handle(). files: name → what was written under it."""

    result: dict[str, Any]
    files: dict[str, bytes] = field(default_factory=dict)

    @property
    def pdf(self) -> bytes:
        return next(data for name, data in self.files.items() if name.endswith("/report.pdf"))

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(next(data for name, data in self.files.items() if name.endswith("/report.json")))

    @cached_property
    def pages(self) -> list[str]:
        """The text of each page, with single spaces."""
        return [" ".join(page.extract_text().split()) for page in PdfReader(io.BytesIO(self.pdf)).pages]

    @property
    def text(self) -> str:
        return " ".join(self.pages)

    @property
    def quality(self) -> dict[str, Any]:
        return self.result["data_quality"]

    def euro(self, name: str = "net") -> Any:
        return self.result["currencies"]["EUR"][name]


@dataclass
class Shop:
    """s3: a client of an account with the bucket `uploads`."""

    s3: Any

    def put(self, key: str, data: bytes) -> None:
        self.s3.put_object(Bucket="uploads", Key=key, Body=data)

    def report(self, **input: Any) -> Made:
        """What the worker makes; on 2 November 2025 in UTC, unless `input` says otherwise."""
        files: dict[str, tuple[bytes, str]] = {}

        def write(name: str, data: bytes, content_type: str) -> dict[str, str]:
            files[name] = (data, content_type)
            return {"bucket": "results", "key": f"sales_report/job/{name}"}

        with tempfile.TemporaryDirectory() as folder:
            context: Any = SimpleNamespace(
                objects=SimpleNamespace(write=write), uploads="uploads", workdir=Path(folder)
            )
            result = handle({"scheduled_at": MORNING, **input}, context)
        assert {name.rpartition(".")[2]: kind for name, (_, kind) in files.items()} == {
            "pdf": "application/pdf", "json": "application/json"
        }  # fmt: skip
        return Made(result, {name: data for name, (data, _) in files.items()})

    def of(self, *rows: str, **input: Any) -> Made:
        """The report on one CSV file."""
        self.put("orders/all.csv", csv(*rows))
        return self.report(**input)
