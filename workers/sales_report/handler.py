"""Orders of the last complete period → a sales report, as a PDF for people and as JSON for programs."""

from __future__ import annotations

import json
from contextlib import closing
from typing import Any

from workers.runtime import Context
from workers.sales_report.document import Report, as_json
from workers.sales_report.figures import sections
from workers.sales_report.ledger import Ledger
from workers.sales_report.pdf import render
from workers.sales_report.request import read_request
from workers.sales_report.sources import read_orders


def handle(input: dict[str, Any], context: Context) -> dict[str, Any]:
    """Write `<period>/report.pdf` and `<period>/report.json`, and return the latter with where they are.

    An order is a row of a CSV or Parquet object, or of a table, with these columns; others are ignored:

    - order_id: its own; equal rows with the same one are counted once, differing ones are left out
    - ordered_at: ISO 8601; without an offset it is the time of the report's time zone
    - product, region: names; the region may be empty
    - quantity: not 0; below 0 for goods that came back
    - unit_price: in the currency, not below 0
    - currency: a code of ISO 4217; amounts of different ones are never added up
    - status (the column may be missing): completed, complete, paid, shipped, delivered, fulfilled or nothing; refunded
      or returned; cancelled, canceled or voided; pending or unpaid. A row with any other is left out.

    Whatever could not be counted is listed in the report; see worker.yaml for `input`.
    BadInput if the input names a time zone, currency, database or table that is not there.
    """
    request = read_request(input)
    with closing(Ledger(context.workdir / "orders.sqlite")) as ledger:
        quality, source = read_orders(request, context, ledger)
        found = sections(ledger.counted(), request.period)
    wanted = [section for section in found if request.currency in (None, section.currency)]
    others = [section for section in found if section not in wanted]
    report = Report(request=request, source=source, sections=wanted, others=others, quality=quality)
    document = as_json(report)
    folder, data = request.period.name, json.dumps(document, ensure_ascii=False, indent=1).encode()
    files = {
        "pdf": context.objects.write(f"{folder}/report.pdf", render(report), "application/pdf"),
        "json": context.objects.write(f"{folder}/report.json", data, "application/json"),
    }
    return {**document, "files": files, "notice": {"text": document["headline"], "file": files["pdf"]}}
