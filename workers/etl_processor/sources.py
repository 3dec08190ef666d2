"""What a source has → rows in the staging."""

from __future__ import annotations

import os
from pathlib import PurePosixPath

from workers.etl_processor.bucket import Bucket, Object
from workers.etl_processor.ready import NotReady
from workers.etl_processor.request import Request
from workers.etl_processor.staging import Staging
from workers.etl_processor.texts import csv_rows, json_rows
from workers.runtime import BadInput, Context

TEXTS = {".csv": csv_rows, ".tsv": csv_rows, ".jsonl": json_rows, ".ndjson": json_rows, ".json": json_rows}
PARQUET, GZIP = ".parquet", ".gz"


def extract(request: Request, context: Context, staging: Staging) -> None:
    """NotReady if there is no object below the prefix; BadInput for one that cannot be read.

    For a query, the errors of `database.query_rows`.
    """
    if request.prefix is None:
        from workers.etl_processor.database import query_rows  # SQLAlchemy: most sources are objects

        staging.add(query_rows(os.environ, request), f"source {request.name}: its query")
        return
    bucket = Bucket(context.uploads)
    objects = [found for found in bucket.list(request.prefix) if not _hidden(found, request.prefix)]
    if not objects:
        raise NotReady(f"there is no object below {bucket.address(request.prefix)} yet")
    path = context.workdir / "object"
    for found in objects:
        name = bucket.address(found.key)
        suffix = PurePosixPath(found.key.lower().removesuffix(GZIP)).suffix
        if suffix != PARQUET and suffix not in TEXTS:
            raise BadInput(f"{name} ends in none of {', '.join((*TEXTS, PARQUET))}, nor one of the texts with {GZIP}")
        bucket.fetch(found, path)
        if suffix == PARQUET:
            staging.add_parquet(path, name)
        else:
            staging.add(TEXTS[suffix](path, list(request.table.columns), name), name)


def _hidden(found: Object, prefix: str) -> bool:
    """What writers leave beside the data, such as _SUCCESS."""
    return any(part.startswith(("_", ".")) for part in found.key.removeprefix(prefix).split("/"))
