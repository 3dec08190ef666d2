"""Staged rows → the warehouse: a Parquet object for each source and day, or rows of a database's table.

Whoever loads the same source for the same day again replaces what was there, and nothing else.
"""

from __future__ import annotations

import os
from typing import Any

from workers.etl_processor.bucket import Bucket
from workers.etl_processor.request import Request
from workers.etl_processor.staging import Staging
from workers.runtime import Context

VARIABLE = "WAREHOUSE_URL"
FOLDER = "etl_processor/warehouse"
NAME, PARQUET = "part.parquet", "application/vnd.apache.parquet"


def load(staging: Staging, request: Request, context: Context) -> dict[str, Any]:
    """`rows_loaded`, and `where` they are. Errors of S3 or, for the database, those of `database.connected`."""
    if os.environ.get(VARIABLE):
        from workers.etl_processor.warehouse_table import load_table  # SQLAlchemy: most need none

        return {
            "rows_loaded": load_table(os.environ, VARIABLE, request, staging),
            "where": f"table {request.table.name}",
        }
    path = context.workdir / NAME
    rows = staging.write(path)
    bucket, key = Bucket(context.results), f"{FOLDER}/{request.name}/day={request.day}/{NAME}"
    bucket.put_file(key, path, PARQUET)
    return {"rows_loaded": rows, "where": bucket.address(key)}
